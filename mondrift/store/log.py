"""Logging predictions: one call is one batch is one transaction.

In order: check every row; give new levels their codes; make the partitions; then, together, the
keys, the rows, the labels that came with them or were waiting for them, and the quarantine. A
batch is either there, whole, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from mondrift.store import (
    copy,
    encode,
    horizon,
    ids,
    keys,
    labels,
    models,
    partitions,
    quarantine,
    rollups,
)
from mondrift.store.complaints import Complaints
from mondrift.store.connect import raw_cursor, transaction
from mondrift.store.copy import Field
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.validate import Checked, check, readable, to_frame

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LogResult:
    """What became of the rows of one `log`.

    Every row is counted once in `stored`, `duplicates` (the same id with the same content was
    there already), `conflicts` (the same id with *other* content: kept in quarantine) or
    `quarantined` (did not fit the schema). `labels`: targets that came along. `ids`: the id of
    each row in the order given, None where it is not stored.
    """

    stored: int
    duplicates: int
    conflicts: int
    quarantined: int
    labels: int
    ids: tuple[str | None, ...]

    def __repr__(self) -> str:
        return (
            f"LogResult(stored={self.stored}, duplicates={self.duplicates}, conflicts="
            f"{self.conflicts}, quarantined={self.quarantined}, labels={self.labels})"
        )


def log(
    db: Database,
    model: Model,
    rows: Any,
    *,
    zone: str | None,
    progress: Progress | None,
    replayed: Sequence[int] = (),
) -> LogResult:
    """Check and store rows; see `Store.log`.

    `replayed`: the quarantine entries that the rows come from, one per row.
    """
    if isinstance(rows, Mapping):
        rows = [rows]
    if len(rows) == 0:
        return LogResult(0, 0, 0, 0, 0, ())
    if not model.fitted:
        model = models.fit(db, model, readable(to_frame(rows, "Rows")[0], Complaints()))
    checked = check(rows, model.record, zone=zone, latest=db.clock())
    horizon.refuse(db, model, checked)
    batch = _Batch(db, model, checked)
    with transaction(db.engine) as connection:
        result = batch.store(connection, replayed)
    if progress is not None:
        progress(checked.n, checked.n)
    batch.count()
    return result


class _Batch:
    """The good rows of one call, encoded; `store` writes them and the bad ones."""

    def __init__(self, db: Database, model: Model, checked: Checked) -> None:
        self._db = db
        self._model = model
        self._checked = checked
        fitting = np.flatnonzero(checked.complaints.keep(checked.n))
        coded = encode.codes(checked, model.record, Levels(db.engine, model.number), fitting)
        self._keep = np.flatnonzero(checked.complaints.keep(checked.n))
        if len(self._keep) < len(fitting):  # new levels for which there was no room
            coded = {name: codes[np.isin(fitting, self._keep)] for name, codes in coded.items()}
        self._fields = encode.fields(checked, model.record, coded, self._keep)
        self._truth = encode.truth(checked, model.record, coded, self._keep)
        self._counts = rollups.Batch(db, model.record, checked, coded, self._keep)
        self._times = checked.timestamps[self._keep]
        given = [checked.ids[row] for row in self._keep.tolist()]
        self._given = np.array([each is not None for each in given], dtype=bool)
        made = iter(ids.make(self._times[~self._given]).tolist())
        self._ids = [next(made) if each is None else each.encode() for each in given]
        if len(self._keep):
            partitions.ensure_days(db.engine, self._times.astype("datetime64[us]"))

    def store(self, connection: Connection, replayed: Sequence[int]) -> LogResult:
        """Write everything within the transaction of `connection`."""
        model = self._model.number
        if self._labelled().any():
            labels.lock(connection, model)
        outcome = np.full(len(self._keep), keys.STORED, dtype=np.int8)
        if self._given.any():
            outcome[self._given] = self._claim(connection)
        stored = np.flatnonzero(outcome == keys.STORED)
        self._write(connection, stored)
        labelled = self._label(connection, outcome != keys.CONFLICT)
        if self._given.any():
            labels.match_waiting(connection, model)
        rejected = self._checked.rejected()
        conflicts = np.flatnonzero(outcome == keys.CONFLICT)
        places = [*sorted(self._checked.complaints.reasons), *self._keep[conflicts].tolist()]
        entries = [*rejected, *self._conflict_rows(conflicts)]
        failed = dict(zip(places, entries, strict=True))
        now = self._db.clock()
        quarantine.settle(connection, model, "prediction", failed, now, replayed)
        self._counts.add(connection, model, stored)  # the last to take a lock
        return LogResult(
            stored=len(stored),
            duplicates=int(np.count_nonzero(outcome == keys.DUPLICATE)),
            conflicts=len(conflicts),
            quarantined=len(rejected),
            labels=labelled,
            ids=self._all_ids(outcome),
        )

    def count(self) -> None:
        """Tell the cache how many rows came, per hour of their timestamps."""
        hours, counts = np.unique(self._times // 3_600_000_000, return_counts=True)
        self._db.cache.add_volumes(
            self._model.model_id, dict(zip(hours.tolist(), counts.tolist(), strict=True))
        )

    def _labelled(self) -> np.ndarray:
        return np.asarray(~np.isnan(self._truth))

    def _claim(self, connection: Connection) -> np.ndarray:
        """Which client ids are new, known with the same content, or known with another."""
        at = np.flatnonzero(self._given)
        names = [self._ids[row] for row in at.tolist()]
        content = [Field(copy.moments(self._times)), *self._fields]
        found = encode.hashes([field.take(at) for field in content], len(at))
        labels.lock_waiting(connection, self._model.number, shared=True)
        return keys.claim(connection, self._model.number, names, self._times[at], found)

    def _write(self, connection: Connection, rows: np.ndarray) -> None:
        columns = ", ".join(("model", "timestamp", "id", *encode.COLUMNS))
        parts = [
            Field(np.full(len(self._keep), self._model.number, dtype=np.int32)),
            Field(copy.moments(self._times)),
            Field(self._ids),
            *self._fields,
        ]
        if len(rows) < len(self._keep):
            parts = [field.take(rows) for field in parts]
        copy.write(raw_cursor(connection), f"predictions ({columns})", parts, len(rows))

    def _label(self, connection: Connection, known: np.ndarray) -> int:
        rows = np.flatnonzero(self._labelled() & known)
        if not len(rows):
            return 0
        timed = self._model.clock == "data"
        return labels.add(
            connection,
            self._model,
            ids=[self._ids[row] for row in rows.tolist()],
            values=self._truth[rows],
            received=self._times[rows] if timed else labels.at(self._db.clock(), len(rows)),
            timed=timed,
        ).stored

    def _conflict_rows(self, conflicts: np.ndarray) -> list[quarantine.Entry]:
        rows = self._checked.plain(self._keep[conflicts].tolist())
        return [(quarantine.CONFLICT, row) for row in rows]

    def _all_ids(self, outcome: np.ndarray) -> tuple[str | None, ...]:
        result: list[str | None] = [None] * self._checked.n
        kept = zip(self._keep.tolist(), self._ids, (outcome != keys.CONFLICT).tolist(), strict=True)
        for row, name, known in kept:
            if known:
                result[row] = name.decode()
        return tuple(result)
