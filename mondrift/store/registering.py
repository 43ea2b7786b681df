"""Registering baselines: from rows, from windows of the store, or from statistics alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, insert, select, text, update

from mondrift.errors import InputError, WindowError, shown
from mondrift.store import (
    baselines,
    copy,
    encode,
    layouts,
    models,
    reference_counts,
    stated,
    versions,
    windows,
)
from mondrift.store.baselines import Baseline
from mondrift.store.complaints import Complaints
from mondrift.store.connect import raw_cursor, told, transaction
from mondrift.store.copy import Field
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.tables import baseline_versions
from mondrift.store.tables import baselines as features
from mondrift.store.tables import models as models_table
from mondrift.store.tables_rollups import baseline_counts
from mondrift.store.timestamps import NO_TIME, to_microseconds
from mondrift.store.validate import Checked, check, readable, to_frame
from mondrift.window import Window

#: Rows of a baseline's sample, at most.
SAMPLE = 100_000

_MOST_SHARES = 1000


@dataclass(frozen=True)
class _Draft:
    """A baseline that is ready to be written: its header, and what writes the rest of it."""

    model: Model
    header: Mapping[str, Any]
    write: Callable[[Connection, int], None]


def register(db: Database, model: Model, reference: Any, *, name: str, seed: int) -> Baseline:
    """Keep a reference as the next version; see `Store.register_baseline`."""
    if stated.is_stated(reference):
        draft = _of_statistics(db, model, reference)
    else:
        draft = _of_rows(db, model, reference, seed)
    return _keep(db, draft, name)


def _keep(db: Database, draft: _Draft, name: str) -> Baseline:
    """Write a draft as the next version, unless the newest one has the same content."""
    model = draft.model
    with transaction(db.engine) as connection:
        _lock(connection, model)
        newest = baselines.find(connection, model, None)
        if newest is not None and newest.content_hash == draft.header["content_hash"]:
            return baselines.of_row(db, model, newest)
        version = 1 if newest is None else newest.version + 1
        header = {"version": version, "name": name, **draft.header}
        row = {"model": model.number, "created_at": db.clock(), **header}
        number = connection.execute(
            insert(baseline_versions).values(row).returning(baseline_versions.c.baseline)
        ).scalar_one()
        draft.write(connection, number)
        connection.execute(
            update(models_table)
            .where(models_table.c.model == model.number)
            .values(results_version=models_table.c.results_version + 1)
        )
        subject = f"{model.model_id} version {version}"
        db.audit(
            connection, "register baseline", subject, model=model.number,
            before=None, after=header,
        )  # fmt: skip
        registered = baselines.find(connection, model, None)
        assert registered is not None
        return baselines.of_row(db, model, registered)


def _of_statistics(db: Database, model: Model, given: stated.Stated) -> _Draft:
    if not model.fitted:
        raise InputError(
            f"Model {model.model_id!r} does not know the kinds of its columns yet, and statistics "
            "do not tell them: register it with Schema(kinds={...}), or log its first rows."
        )
    with told(db.engine), db.engine.connect() as connection:
        layout = layouts.find(connection, model.number, model.schema_version)
    grids = {each.name: each.grid for each in layout.columns} if layout else {}
    counts = stated.summaries(given, model.schema, grids)
    plain = json.dumps(given, sort_keys=True, default=str)

    def write(connection: Connection, number: int) -> None:
        rows = []
        for position, column in enumerate(model.schema.kinds):
            if column in given:
                about = {k: v for k, v in given[column].items() if k not in ("n", "missing")}
                summary = counts.columns[""][column]
                sizes = summary.n, summary.missing
                rows.append(_feature(number, model, (position, column), (*sizes, about)))
        connection.execute(insert(features), rows)
        reference_counts.write(connection, number, counts)

    facts = f"{model.schema_version}/statistics/{plain}".encode()
    header = {
        "n": counts.n, "sampled": 0, "seed": 0, "windows": [],
        "content_hash": sha256(facts).hexdigest(),
    }  # fmt: skip
    return _Draft(model, header, write)


def _of_rows(db: Database, model: Model, reference: Any, seed: int) -> _Draft:
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
    counts = reference_counts.Reference.of(db, model, checked)

    def write(connection: Connection, number: int) -> None:
        _write(connection, number, model, checked, parts, len(keep))
        counts.keep(connection, number)

    header = {
        "n": checked.n, "sampled": len(keep), "seed": seed,
        "windows": [[start.isoformat(), end.isoformat()] for start, end in spans],
        "content_hash": _digest(model, checked.n, spans, parts, len(keep)),
    }  # fmt: skip
    return _Draft(model, header, write)


def complete(db: Database, model: Model) -> int:
    """Count the samples of baselines that an older mondrift registered; returns how many."""
    query = (
        select(baseline_versions.c.version)
        .where(baseline_versions.c.model == model.number)
        .where(baseline_versions.c.baseline.not_in(select(baseline_counts.c.baseline)))
    )
    with told(db.engine), db.engine.connect() as connection:
        versions = list(connection.execute(query).scalars())
    for version in versions:
        baseline = baselines.get(db, model, version)
        counts = reference_counts.Reference.of(db, model, _check(db, model, baseline.rows()))
        with transaction(db.engine) as connection:
            _lock(connection, model)
            if version in connection.execute(query).scalars():
                counts.keep(connection, baseline._number)
    return len(versions)


def _lock(connection: Connection, model: Model) -> None:
    lock = text("SELECT pg_advisory_xact_lock(:lock, :model)")
    connection.execute(lock, {"lock": _LOCK, "model": model.number})


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
    return versions.joined(filled)


def _check(db: Database, model: Model, reference: Any) -> Checked:
    checked = check(reference, model.record, zone=None, latest=db.clock(), timeless=True)
    _refuse_bad_rows(checked)
    if checked.n == 0:
        raise InputError("A baseline needs rows; there are none.")
    return checked


def _refuse_bad_rows(checked: Checked) -> None:
    rejected = checked.rejected()
    if rejected:
        reasons = shown([reason for reason, _ in rejected], limit=5)
        raise InputError(
            f"{len(rejected)} of {checked.n} rows cannot be part of a baseline: {reasons}"
        )


def _fields(db: Database, model: Model, checked: Checked, keep: np.ndarray) -> list[Field]:
    record = model.record
    coded = encode.codes(checked, record, Levels(db.engine, model.number), keep)
    _refuse_bad_rows(checked)  # of levels that are too many
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
    rows = []
    for position, name in enumerate(model.schema.kinds):
        if model.schema.role(name) not in ("id", "timestamp"):
            rows.append(_feature(number, model, (position, name), _statistics(checked, name)))
    connection.execute(insert(features), rows)


def _feature(
    number: int, model: Model, which: tuple[int, str], known: tuple[int, int, Mapping[str, Any]]
) -> dict[str, Any]:
    """A row of the table `baselines`: one column, with n, missing and its statistics."""
    (position, name), (n, missing, statistics) = which, known
    return {
        "baseline": number,
        "feature": name,
        "position": position,
        "role": model.schema.role(name),
        "kind": model.schema.kinds[name],
        "n": n,
        "missing": missing,
        "statistics": dict(statistics),
    }


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
