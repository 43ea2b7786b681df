"""Baselines: registered references, versioned and never changed.

A baseline keeps, for each feature, n and a few statistics of *all* its rows, and a sample of up to
100 000 rows in a table of its own, so that retention never takes it away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Row, insert, select, text, update

from mondrift.errors import InputError, ModelError, WindowError, shown
from mondrift.store import copy, encode, models, windows
from mondrift.store.complaints import Complaints
from mondrift.store.connect import raw_cursor, told, transaction
from mondrift.store.copy import Field
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.tables import baseline_versions, baselines
from mondrift.store.tables import models as models_table
from mondrift.store.timestamps import NO_TIME, to_microseconds
from mondrift.store.validate import Checked, check, readable, to_frame
from mondrift.window import Window

#: Rows of a baseline's sample, at most.
SAMPLE = 100_000

_MOST_SHARES = 1000

Span = Window | tuple[datetime, datetime]


@dataclass(frozen=True)
class Baseline:
    """A reference in the store. `n` rows were registered, `sampled` of them are kept."""

    model_id: str
    version: int
    name: str
    n: int
    sampled: int
    seed: int
    windows: tuple[tuple[datetime, datetime], ...]
    created_at: datetime
    _number: int = field(repr=False)
    _model: Model = field(repr=False)
    _db: Database = field(repr=False)

    def rows(self) -> pd.DataFrame:
        """The stored sample, in the order of registration, as `Store.window` gives rows."""
        source = windows.Source(
            "baseline_samples r", "r.baseline = %(baseline)s", {"baseline": self._number}
        )
        names = windows.chosen(self._model, None)
        return windows.frame_of(self._db, self._model, source, names, order="position")

    def features(self) -> pd.DataFrame:
        """One row per column: feature, role, kind, n, missing, statistics (of all n rows)."""
        rows = self._db.cache.remember(
            "baseline", self.model_id, f"features:{self._number}", self._features, age="daily"
        )
        return pd.DataFrame(rows, columns=list(_FEATURE_COLUMNS))

    def _features(self) -> list[list[Any]]:
        query = (
            select(*(baselines.c[name] for name in _FEATURE_COLUMNS))
            .where(baselines.c.baseline == self._number)
            .order_by(baselines.c.position)
        )
        with told(self._db.reader), self._db.reader.connect() as connection:
            return [list(row) for row in connection.execute(query)]


_FEATURE_COLUMNS = ("feature", "role", "kind", "n", "missing", "statistics")


def register(db: Database, model: Model, reference: Any, *, name: str, seed: int) -> Baseline:
    """Keep a reference as the next version; see `Store.register_baseline`."""
    spans = _spans(reference)
    if spans:
        reference = _read_spans(db, model, spans)
    elif not model.fitted:
        model = models.fit(db, model, readable(to_frame(reference, "Rows")[0], Complaints()))
    checked = _check(db, model, reference)
    keep = np.arange(checked.n)
    if checked.n > SAMPLE:
        drawn = np.random.default_rng(seed).choice(checked.n, SAMPLE, replace=False)
        keep = np.sort(drawn)
    parts = _fields(db, model, checked, keep)
    digest = _digest(model, checked.n, spans, parts, len(keep))
    with transaction(db.engine) as connection:
        lock = text("SELECT pg_advisory_xact_lock(:lock, :model)")
        connection.execute(lock, {"lock": _LOCK, "model": model.number})
        newest = _row(connection, model, None)
        if newest is not None and newest.content_hash == digest:
            return _baseline(db, model, newest)
        header = {
            "model": model.number,
            "version": 1 if newest is None else newest.version + 1,
            "name": name,
            "n": checked.n,
            "sampled": len(keep),
            "seed": seed,
            "windows": [[start.isoformat(), end.isoformat()] for start, end in spans],
            "content_hash": digest,
            "created_at": db.clock(),
        }
        number = connection.execute(
            insert(baseline_versions).values(header).returning(baseline_versions.c.baseline)
        ).scalar_one()
        _write(connection, number, model, checked, parts, len(keep))
        connection.execute(
            update(models_table)
            .where(models_table.c.model == model.number)
            .values(results_version=models_table.c.results_version + 1)
        )
        told_header = {k: v for k, v in header.items() if k not in ("model", "created_at")}
        subject = f"{model.model_id} version {header['version']}"
        db.audit(
            connection, "register baseline", subject, model=model.number,
            before=None, after=told_header,
        )  # fmt: skip
        registered = _row(connection, model, None)
        assert registered is not None
        return _baseline(db, model, registered)


def get(db: Database, model: Model, version: int | None) -> Baseline:
    """The baseline of this version, the newest for None; ModelError when there is none."""
    with told(db.reader), db.reader.connect() as connection:
        row = _row(connection, model, version)
        if row is not None:
            return _baseline(db, model, row)
        query = select(baseline_versions.c.version).where(baseline_versions.c.model == model.number)
        known = sorted(connection.execute(query).scalars())
    what = f"no baseline version {version}" if version is not None else "no baseline"
    raise ModelError(
        f"Model {model.model_id!r} has {what}; it has versions {shown(known)}. Register one: "
        f"store.register_baseline({model.model_id!r}, rows)"
    )


_LOCK = 0x62617365  # "base": an advisory lock, with the model


def _spans(reference: Any) -> tuple[tuple[datetime, datetime], ...]:
    """The windows, when `reference` is one or a list of them; in order, without overlap."""
    if isinstance(reference, Window):
        reference = [reference]
    if not isinstance(reference, Sequence) or not reference:
        return ()
    if not all(isinstance(each, Window | tuple) for each in reference):
        return ()
    spans = []
    for each in reference:
        start, end = (each.start, each.end) if isinstance(each, Window) else each
        if start is None or end is None:
            raise WindowError("A window of a baseline needs a start and an end.")
        if to_microseconds(end, "end") <= to_microseconds(start, "start"):
            raise WindowError(f"A window of the baseline is empty: {start} to {end}.")
        spans.append((start, end))
    spans.sort()
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise WindowError(f"Two windows of the baseline overlap: {start} is before {end}.")
    return tuple(spans)


def _read_spans(
    db: Database, model: Model, spans: Sequence[tuple[datetime, datetime]]
) -> pd.DataFrame:
    parts = [windows.read(db, model, start, end, columns=None, as_of=None) for start, end in spans]
    filled = [part for part in parts if len(part)]
    if not filled:
        first, last = spans[0][0], spans[-1][1]
        raise WindowError(
            f"Model {model.model_id!r} has no rows from {first} to {last} to make a baseline of."
        )
    return pd.concat([windows.plain_categories(part) for part in filled], ignore_index=True)


def _check(db: Database, model: Model, reference: Any) -> Checked:
    checked = check(reference, model.record, zone=None, latest=db.clock(), timeless=True)
    rejected = checked.rejected()
    if rejected:
        reasons = shown([reason for reason, _ in rejected], limit=5)
        raise InputError(
            f"{len(rejected)} of {checked.n} rows cannot be part of a baseline: {reasons}"
        )
    if checked.n == 0:
        raise InputError("A baseline needs rows; there are none.")
    return checked


def _fields(db: Database, model: Model, checked: Checked, keep: np.ndarray) -> list[Field]:
    record = model.record
    coded = encode.codes(checked, record, Levels(db.engine, model.number), keep)
    times = checked.timestamps[keep]
    truth = encode.truth(checked, record, coded, keep)
    return [
        Field(np.arange(len(keep), dtype=np.int32)),
        Field(np.where(times == NO_TIME, 0, times) - copy.EPOCH, times == NO_TIME),
        copy.texts([checked.ids[row] for row in keep.tolist()]),
        *encode.fields(checked, record, coded, keep),
        Field(truth, np.isnan(truth)),
    ]


def _digest(
    model: Model, n: int, spans: Sequence[object], parts: Sequence[Field], kept: int
) -> str:
    facts = f"{model.schema_version}/{n}/{spans!r}/".encode()
    return sha256(facts + encode.hashes(parts, kept).tobytes()).hexdigest()


def _write(
    connection: Connection,
    number: int,
    model: Model,
    checked: Checked,
    parts: Sequence[Field],
    kept: int,
) -> None:
    columns = ", ".join(("baseline", "position", "timestamp", "id", *encode.COLUMNS))
    target = f"baseline_samples ({columns}, ground_truth)"
    whose = Field(np.full(kept, number, dtype=np.int32))
    copy.write(raw_cursor(connection), target, [whose, *parts], kept)
    record = model.record
    rows = []
    for position, name in enumerate(record.schema.kinds):
        if record.schema.role(name) in ("id", "timestamp"):
            continue
        n, missing, statistics = _statistics(checked, name)
        rows.append(
            {
                "baseline": number,
                "feature": name,
                "position": position,
                "role": record.schema.role(name),
                "kind": record.kind(name),
                "n": n,
                "missing": missing,
                "statistics": statistics,
            }
        )
    connection.execute(insert(baselines), rows)


def _statistics(checked: Checked, name: str) -> tuple[int, int, dict[str, Any]]:
    """n, missing, and a few statistics of the others, JSON-valid."""
    if name in checked.codes:
        codes, levels = checked.codes[name], checked.levels[name]
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        largest = np.argsort(-counts, kind="stable")[:_MOST_SHARES]
        shares = {levels[at]: int(counts[at]) for at in largest.tolist() if counts[at]}
        return checked.n, int((codes < 0).sum()), {"counts": shares, "distinct": len(shares)}
    if name in checked.texts:
        missing = sum(value is None for value in checked.texts[name])
        return checked.n, missing, {}
    if name not in checked.numbers:
        return checked.n, checked.n, {}
    values = checked.numbers[name]
    finite = values[np.isfinite(values)]
    missing = int(np.isnan(values).sum())
    if not len(finite):
        return checked.n, missing, {}
    found: Mapping[str, float] = {
        "mean": float(finite.mean()),
        "std": float(finite.std(ddof=1)) if len(finite) > 1 else math.nan,
        "min": float(finite.min()),
        "max": float(finite.max()),
        "infinite": len(values) - missing - len(finite),
    }
    return checked.n, missing, {k: v for k, v in found.items() if math.isfinite(v)}


def _row(connection: Connection, model: Model, version: int | None) -> Row[Any] | None:
    table = baseline_versions.c
    query = select(baseline_versions).where(table.model == model.number)
    if version is not None:
        query = query.where(table.version == version)
    return connection.execute(query.order_by(table.version.desc()).limit(1)).one_or_none()


def _baseline(db: Database, model: Model, row: Row[Any]) -> Baseline:
    spans = [tuple(map(datetime.fromisoformat, span)) for span in row.windows]
    return Baseline(
        model_id=model.model_id,
        version=row.version,
        name=row.name,
        n=row.n,
        sampled=row.sampled,
        seed=row.seed,
        windows=tuple((start, end) for start, end in spans),
        created_at=row.created_at,
        _number=row.baseline,
        _model=model,
        _db=db,
    )
