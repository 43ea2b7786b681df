"""A whole file into the store, piece by piece; killed and started again, each row is stored once.

Rows that have no id get one made of the file's content and the row's number, so that the same
file again, be it after a crash, from two processes or by mistake, is the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from mondrift.embedded import home
from mondrift.errors import InputError
from mondrift.ingest.files import refuse_zoneless, zoned
from mondrift.ingest.pieces import UNREADABLE, Piece, Source, look_through
from mondrift.ingest.progress import Note, Progress, noted
from mondrift.store import Store
from mondrift.store.models import Model

Counts = dict[str, int]
Told = Callable[[int, int], None]
Waiting = Callable[[], None]


@dataclass(frozen=True)
class Ingested:
    """What became of a file: its rows, the counts of `log` or `label`, rows done by a run before.

    `elsewhere`: another process stored it meanwhile; the counts are that one's.
    """

    rows: int
    counts: Counts
    resumed: int
    elsewhere: bool


def log_file(
    store: Store,
    model_id: str,
    path: str | Path,
    *,
    zone: str | None = None,
    told: Told | None = None,
    waiting: Waiting | None = None,
) -> Ingested:
    """Store the predictions of a file: CSV, TSV, JSON Lines or Parquet, of any size.

    Parameters
    ----------
    zone : IANA zone of timestamps that name none; without it they are refused.
    told : called with (rows done, rows in all) after each piece.
    waiting : called before waiting for another process that is storing the same file.

    Raises InputError when the file cannot be read, and what `Store.log` raises. Called again after
    that, or after a crash, it goes on where it was.
    """
    source = look_through(path)
    door = _Predictions(store, store.model(model_id), source, zone)
    return _ingest(store, door, f"log {model_id} {zone}", source, (told, waiting))


def label_file(
    store: Store,
    model_id: str,
    path: str | Path,
    *,
    zone: str | None = None,
    told: Told | None = None,
    waiting: Waiting | None = None,
) -> Ingested:
    """Store the labels of a file with columns id, value and perhaps received_at; see `log_file`.

    Without received_at all labels are taken to be known since the file was first begun.
    """
    source = look_through(path)
    door = _Labels(store, store.model(model_id), source, zone)
    return _ingest(store, door, f"label {model_id} {zone}", source, (told, waiting))


class _Door(Protocol):
    def send(self, piece: Piece, first: int, started: str) -> tuple[Counts, int | None]:
        """Store a piece whose first row is number `first`; one row that is surely stored now."""

    def known(self, counts: Counts) -> bool:
        """Whether these are the counts of one row that was there already."""


@dataclass
class _Predictions:
    store: Store
    model: Model
    source: Source
    zone: str | None

    def send(self, piece: Piece, first: int, started: str) -> tuple[Counts, int | None]:
        del started
        schema = self.model.schema
        if isinstance(piece, list) and first == 0 and not self.model.fitted:
            _refuse_unreadable(piece, self.source)
        if schema.timestamp and self.zone is None:
            refuse_zoneless(pd.DataFrame(piece), schema.timestamp, self.source.path)
        rows = _named(piece, schema.id or "id", self.source.digest, first)
        done = self.store.log(self.model.model_id, rows, zone=self.zone)
        counts = {
            "stored": done.stored,
            "duplicates": done.duplicates,
            "conflicts": done.conflicts,
            "quarantined": done.quarantined,
            "labels": done.labels,
        }
        return counts, next((at for at, name in enumerate(done.ids) if name is not None), None)

    def known(self, counts: Counts) -> bool:
        return counts["duplicates"] == 1


@dataclass
class _Labels:
    store: Store
    model: Model
    source: Source
    zone: str | None

    def send(self, piece: Piece, first: int, started: str) -> tuple[Counts, int | None]:
        del first
        frame = pd.DataFrame(piece)
        if "received_at" in frame.columns:
            if self.zone is None:
                refuse_zoneless(frame, "received_at", self.source.path)
            else:
                frame["received_at"] = zoned(frame["received_at"], self.zone)
        at = datetime.fromisoformat(started)
        done = self.store.label(self.model.model_id, frame, sent_at=at)
        counts = {
            "stored": done.stored,
            "unchanged": done.unchanged,
            "unknown": done.unknown,
            "quarantined": done.quarantined,
        }
        # A label that waits for its prediction is unknown the second time, too: it tells nothing.
        return counts, None if done.unknown or done.quarantined else 0

    def known(self, counts: Counts) -> bool:
        return counts["unchanged"] == 1


def _ingest(
    store: Store, door: _Door, what: str, source: Source, hooks: tuple[Told | None, Waiting | None]
) -> Ingested:
    told, waiting = hooks
    base = store.settings.mondrift_home or home()
    with noted(Path(base).absolute(), f"{what} {store.url} {source.digest}", waiting) as note:
        progress = note.read()
        if progress.finished and note.waited:
            return Ingested(source.rows, progress.counts, 0, elsewhere=True)
        if progress.finished or not _still_there(door, source, progress):
            progress = Progress()
        progress.started = progress.started or store.now().isoformat()
        resumed = progress.rows
        _go_on(door, source, progress, note, told)
    return Ingested(progress.rows, progress.counts, resumed, elsewhere=False)


def _go_on(door: _Door, source: Source, progress: Progress, note: Note, told: Told | None) -> None:
    """Store the pieces that are not done, and note each one."""
    note.write(progress)
    if told is not None:
        told(progress.rows, source.rows)
    for piece in islice(source.pieces(), progress.pieces, None):
        counts, sure = door.send(piece, progress.rows, progress.started)
        if sure is not None:
            progress.probe = (progress.pieces, sure)
        progress.add(len(piece), counts)
        note.write(progress)
        if told is not None:
            told(progress.rows, max(source.rows, progress.rows))
    progress.finished = True
    note.write(progress)


def _still_there(door: _Door, source: Source, progress: Progress) -> bool:
    """Whether the store still has what was noted as done: it may have been put back or emptied.

    One row is sent again, the last one known to be stored; where there is none, all begins anew.
    """
    if progress.probe is None:
        return False
    number, at = progress.probe
    first = 0
    for place, piece in enumerate(source.pieces()):
        if place == number:
            row = piece[at : at + 1] if isinstance(piece, list) else piece.iloc[at : at + 1]
            return door.known(door.send(row, first + at, progress.started)[0])
        first += len(piece)
    return False


def _named(piece: Piece, name: str, digest: str, first: int) -> Piece:
    """The piece with an id in every row."""
    made = [f"{digest[:24]}-{number}" for number in range(first + 1, first + len(piece) + 1)]
    if isinstance(piece, list):
        pairs = zip(piece, made, strict=True)
        return [row if row.get(name) is not None else {**row, name: id_} for row, id_ in pairs]
    if name not in piece.columns:
        return piece.assign(**{name: made})
    missing = piece[name].isna()
    if not missing.any():
        return piece
    given = piece[name].astype(object)
    return piece.assign(**{name: given.where(~missing, pd.Series(made, index=piece.index))})


def _refuse_unreadable(piece: list[dict[str, Any]], source: Source) -> None:
    """Nothing can be learned of a model's columns from lines that are no rows."""
    for number, row in enumerate(piece, start=1):
        if UNREADABLE in row:
            raise InputError(
                f"{str(source.path)!r} cannot be read: row {number} is no JSON object, and the "
                "model has no rows yet, so its columns are not known. Nothing was stored."
            )
