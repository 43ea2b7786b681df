"""Runs: one execution of a monitor for one window, identified so that nothing is done twice.

A run is (monitor, hash of its configuration, window, revision). Its watermarks, the numbers of
rows and labels in the window when it began, say what it has seen, and a third one what it was
measured against where that is windows of the store: the same again is a no-op; more rows, late
labels or `force` make the next revision, and old ones stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, insert, select, text, update

from mondrift.errors import BusyError, ModelError, StoreError, WindowError
from mondrift.store import ids
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import models, runs
from mondrift.store.timestamps import to_microseconds
from mondrift.window import Window

State = Literal["started", "checked", "finished", "failed", "stopped"]

_FACTS = (
    "run_id",
    "monitor",
    "config_hash",
    "config",
    "window_start",
    "window_end",
    "revision",
    "state",
    "started_at",
    "checked_at",
    "finished_at",
    "status",
    "report",
    "error",
)


@dataclass(frozen=True)
class Run:
    """One execution for one window.

    `state`: started → checked (results are stored) → finished (the report is there), or failed, or
    stopped, by a person or the system, which is no failure.
    `rows` and `labels` are the watermarks; `reference_watermark` counts rows and labels, together,
    of the windows it was measured against (0: of none; None: a run from before this was noted).
    `fresh`: made by the `begin_run` that returned it; otherwise the answer was there already.
    """

    run_id: str
    monitor: str
    model_id: str
    config_hash: str
    config: Mapping[str, Any]
    window_start: datetime
    window_end: datetime
    revision: int
    state: State
    rows: int
    labels: int
    started_at: datetime
    checked_at: datetime | None
    finished_at: datetime | None
    status: str | None
    report: str | None
    error: str | None
    reference_watermark: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a run is asked to do: a window of a monitor, and the windows it is measured against."""

    monitor: str
    window: Window | tuple[datetime, datetime]
    config: Mapping[str, Any]
    reference: Sequence[Window | tuple[datetime, datetime]] = ()


def config_hash(config: Mapping[str, Any]) -> str:
    """16 hex digits that stand for a JSON-valid configuration, whatever the order of its keys.

    >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
    True
    """
    text_ = json.dumps(config, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return sha256(text_.encode()).hexdigest()[:16]


@contextmanager
def running(db: Database, monitor: str) -> Iterator[None]:
    """Hold the monitor for this process; BusyError when another one runs it just now."""
    key = {"monitor": f"monitor/{monitor}"}
    with told(db.engine), db.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        query = text("SELECT pg_try_advisory_lock(hashtextextended(:monitor, 0))")
        if not connection.execute(query, key).scalar_one():
            raise BusyError(
                f"Monitor {monitor!r} is being run by another process; try again when it is done."
            )
        try:
            yield
        finally:
            release = text("SELECT pg_advisory_unlock(hashtextextended(:monitor, 0))")
            connection.execute(release, key)


def begin(db: Database, model: Model, wanted: Wanted, *, force: bool) -> Run:
    """The run to do, or the one that has already been done; see `Store.begin_run`."""
    start, end = _bounds(wanted.window)
    hashed = config_hash(wanted.config)
    with transaction(db.engine) as connection:
        seen = _seen(connection, model, wanted)
        key = (wanted.monitor, hashed, start, end)
        latest = _latest(connection, model, key)
        if latest is not None and latest.state == "started":
            latest = _fail(connection, latest, "the process was killed before the check was stored")
        done = latest is not None and latest.state in ("checked", "finished")
        now = db.clock()
        if (
            latest is not None
            and done
            and not (force or _was_early(latest, model, now) or _more(latest, seen))
        ):
            return latest
        row = {
            "run_id": ids.make(np.array([to_microseconds(now, "the clock")]))[0].decode(),
            "monitor": wanted.monitor,
            "model": model.number,
            "config_hash": hashed,
            "config": dict(wanted.config),
            "window_start": start,
            "window_end": end,
            "revision": 1 if latest is None else latest.revision + 1,
            "state": "started",
            "row_watermark": seen.rows,
            "label_watermark": seen.labels,
            "reference_watermark": seen.reference,
            "started_at": now,
        }
        connection.execute(insert(runs), row)
        return replace(_get(connection, str(row["run_id"])), fresh=True)


def has_news(db: Database, model: Model, wanted: Wanted, *, report: bool) -> bool:
    """Whether `begin` would begin a run, or a report is missing; see `Store.has_news`."""
    key = (wanted.monitor, config_hash(wanted.config), *_bounds(wanted.window))
    with told(db.engine), db.engine.connect() as connection:
        latest = _latest(connection, model, key)
        done = ("finished",) if report else ("checked", "finished")
        if latest is None or latest.state not in done:
            return True
        early = _was_early(latest, model, db.clock())
        return early or _more(latest, _seen(connection, model, wanted))


def get(db: Database, run_id: str) -> Run:
    """The run as it stands, so from the primary; ModelError when the store does not know it."""
    with told(db.engine), db.engine.connect() as connection:
        return _get(connection, run_id)


def finish(db: Database, run: Run, *, report: str) -> Run:
    """Mark a checked run as finished; `report` is the path of its page in the archive."""
    values = {"state": "finished", "report": report, "finished_at": db.clock(), "error": None}
    return _move(db, run, ("checked",), values)


def fail(db: Database, run: Run, error: str) -> Run:
    """Mark a run as failed; what its check has stored stays."""
    values = {"state": "failed", "error": error[:2000], "finished_at": db.clock()}
    return _move(db, run, ("started", "checked"), values)


def stop(db: Database, run: Run, why: str) -> Run:
    """Mark a run as stopped; what its check has stored stays."""
    values = {"state": "stopped", "error": why[:2000], "finished_at": db.clock()}
    return _move(db, run, ("started", "checked"), values)


def to_frame(
    db: Database, *, model_id: str | None, monitor: str | None, last: int | None
) -> pd.DataFrame:
    """Runs, newest first."""
    names = [name for name in _FACTS if name != "config"]
    query = (
        select(models.c.model_id, *(runs.c[name] for name in names))
        .join(models, models.c.model == runs.c.model)
        .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
        .limit(last)
    )
    if model_id is not None:
        query = query.where(models.c.model_id == model_id)
    if monitor is not None:
        query = query.where(runs.c.monitor == monitor)
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def left_open(db: Database, monitor: str, archived: Sequence[str]) -> tuple[Run, ...]:
    """Runs of a monitor that still stand at "started", and those of `archived` at "checked"."""
    query = select(runs.c.run_id).where(
        runs.c.monitor == monitor,
        (runs.c.state == "started")
        | ((runs.c.state == "checked") & runs.c.run_id.in_(list(archived))),
    )
    with told(db.engine), db.engine.connect() as connection:
        found = connection.execute(query.order_by(runs.c.run_id)).scalars().all()
        return tuple(_get(connection, run_id) for run_id in found)


def _bounds(window: Window | tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    start, end = (window.start, window.end) if isinstance(window, Window) else window
    if start is None or end is None:
        raise WindowError("A run needs a window with a start and an end.")
    if to_microseconds(end, "end") <= to_microseconds(start, "start"):
        raise WindowError(f"The window of a run is empty: it starts at {start}, ends at {end}.")
    return start, end


def _watermarks(
    connection: Connection, model: int, start: datetime, end: datetime
) -> tuple[int, int]:
    """How many rows and how many labels (corrections included) the window has now."""
    query = text(
        "SELECT (SELECT count(*) FROM predictions WHERE model = :model "
        "AND timestamp >= :start AND timestamp < :end), "
        "(SELECT count(*) FROM labels WHERE model = :model "
        "AND prediction_ts >= :start AND prediction_ts < :end)"
    )
    rows, labels = connection.execute(query, {"model": model, "start": start, "end": end}).one()
    return int(rows), int(labels)


@dataclass(frozen=True)
class _Seen:
    """The watermarks of a window, and of what it is measured against."""

    rows: int
    labels: int
    reference: int


def _seen(connection: Connection, model: Model, wanted: Wanted) -> _Seen:
    rows, labels = _watermarks(connection, model.number, *_bounds(wanted.window))
    before = [_watermarks(connection, model.number, *_bounds(each)) for each in wanted.reference]
    return _Seen(rows, labels, sum(map(sum, before)))


def _more(run: Run, seen: _Seen) -> bool:
    """Whether there is something new to see; fewer rows are retention's doing, and no news."""
    before = seen.reference if run.reference_watermark is None else run.reference_watermark
    return seen.rows > run.rows or seen.labels > run.labels or seen.reference > before


def _was_early(run: Run, model: Model, now: datetime) -> bool:
    """Whether the window is over, and was not when the run began."""
    return model.clock == "wall" and run.started_at < run.window_end <= now


def _latest(
    connection: Connection, model: Model, key: tuple[str, str, datetime, datetime]
) -> Run | None:
    monitor, hashed, start, end = key
    query = (
        select(runs.c.run_id)
        .where(
            runs.c.monitor == monitor,
            runs.c.config_hash == hashed,
            runs.c.window_start == start,
            runs.c.window_end == end,
            runs.c.model == model.number,
        )
        .order_by(runs.c.revision.desc())
        .limit(1)
    )
    run_id = connection.execute(query).scalar_one_or_none()
    return None if run_id is None else _get(connection, run_id)


def _fail(connection: Connection, run: Run, error: str) -> Run:
    connection.execute(
        update(runs).where(runs.c.run_id == run.run_id).values(state="failed", error=error)
    )
    return replace(run, state="failed", error=error)


def _move(db: Database, run: Run, before: tuple[str, ...], values: Mapping[str, Any]) -> Run:
    with transaction(db.engine) as connection:
        moved = connection.execute(
            update(runs)
            .where(runs.c.run_id == run.run_id, runs.c.state.in_(before))
            .values(dict(values))
        ).rowcount
        found = _get(connection, run.run_id)
        if not moved:
            raise StoreError(
                f"Run {run.run_id} is {found.state}; it cannot become {values['state']}."
            )
        return found


def _get(connection: Connection, run_id: str) -> Run:
    query = (
        select(
            models.c.model_id,
            runs.c.row_watermark.label("rows"),
            runs.c.label_watermark.label("labels"),
            runs.c.reference_watermark,
            *(runs.c[name] for name in _FACTS),
        )
        .join(models, models.c.model == runs.c.model)
        .where(runs.c.run_id == run_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        known = connection.execute(select(func.count()).select_from(runs)).scalar_one()
        raise ModelError(f"The store has no run {run_id!r}; it has {known} (store.runs()).")
    return Run(**row._mapping)
