"""Upkeep of rollups: days that came before their layout are counted, deltas become hours and days.

Each day is one transaction: killed midway, nothing has happened. Two processes take turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from mondrift.store import layouts, models, packing, rollup_rows, rollups
from mondrift.store.connect import told, transaction
from mondrift.store.counting import DAY, HOUR, Delta, deltas
from mondrift.store.database import Database
from mondrift.store.layouts import RollupLayout
from mondrift.store.models import Model
from mondrift.store.records import Record
from mondrift.store.timestamps import to_microseconds

#: Quarters of an hour are kept apart for so long, hours for so long.
QUARTERS_FOR = timedelta(hours=6)
HOURS_FOR = timedelta(days=2)

_SECOND = 1_000_000  # µs
_FIRST = 20_000  # rows from which a layout is fixed when no batch was large enough


def fold(db: Database, model: Model) -> int:
    """Count the days that wait, and fold old deltas; returns how many days were touched.

    Quarters become hours after 6 hours, hours become days after 2 days (by the wall clock); the
    hours of a day stay beside it for windows that cut it. Harmless at any moment, in any number of
    processes: sums stay what they are.
    """
    waiting = _waiting(db, model)
    for record, day in waiting:
        _count_day(db, model, record, day)
    now = db.clock()
    work = _unfolded(db, model, now)
    for version, day in work:
        _fold_day(db, model, version, day, now)
    return len(waiting) + len(work)


# Days whose rows came before their layout


def _waiting(db: Database, model: Model) -> list[tuple[Record, date]]:
    """Days to count, of the schema versions whose layout is fixed, or can be."""
    query = text(
        "SELECT schema_version, day FROM rollup_pending WHERE model = :model ORDER BY 1, 2"
    )
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(query, {"model": model.number}).all()
        if not rows:
            return []
        records = {each.schema_version: each for each in models.records(connection, model)}
    days: dict[int, list[date]] = {}
    for version, day in rows:
        days.setdefault(version, []).append(day)
    found = []
    for version, waiting in days.items():
        if version in records and _fixed(db, model, records[version], waiting):
            found += [(records[version], day) for day in waiting]
    return found


def _fixed(db: Database, model: Model, record: Record, days: list[date]) -> bool:
    """Make sure of a layout, from the rows of these days if there are enough."""
    with transaction(db.engine) as connection:
        if layouts.find(connection, model.number, record.schema_version):
            return True
        layouts.lock(connection, model.number)
        span = _microseconds(days[0]), _microseconds(days[-1]) + DAY * _SECOND
        values, times = rollup_rows.read(connection, model.number, record, *span, most=_FIRST)
        if len(times) < layouts.ENOUGH:
            return False
        layouts.fix(db, connection, model.number, record, values)
        return True


def _count_day(db: Database, model: Model, record: Record, day: date) -> None:
    """Count the rows of a day that waits; batches with rows of waiting days wait meanwhile."""
    key = {"model": model.number, "version": record.schema_version, "day": day}
    with transaction(db.engine) as connection:
        layouts.lock(connection, model.number)
        gone = connection.execute(
            text(
                "DELETE FROM rollup_pending WHERE model = :model AND schema_version = :version "
                "AND day = :day"
            ),
            key,
        )
        layout = layouts.find(connection, model.number, record.schema_version)
        if not gone.rowcount or layout is None:  # another process was quicker
            return
        begin = _microseconds(day)
        for start in range(begin, begin + DAY * _SECOND, HOUR * _SECOND):
            span = start, start + HOUR * _SECOND
            values, times = rollup_rows.read(connection, model.number, record, *span)
            if len(times):
                rollups.write(connection, layout, deltas(layout, values, times))


def _microseconds(day: date) -> int:
    return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC), "day")


# Folding


_WORK = """
SELECT DISTINCT l.schema_version, date_trunc('day', r.start)::date AS day
FROM rollup_layouts l JOIN rollups r USING (layout)
WHERE l.model = :model AND NOT r.folded AND r.seconds < 86400
  AND (r.start < :days_before OR (r.start < :hours_before AND r.seconds < 3600))
ORDER BY 1, 2
"""


def _unfolded(db: Database, model: Model, now: datetime) -> list[tuple[int, date]]:
    parameters = {
        "model": model.number,
        "days_before": _days_before(now),
        "hours_before": _hours_before(now),
    }
    with told(db.engine), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(_WORK), parameters)]


def _hours_before(now: datetime) -> datetime:
    return (now - QUARTERS_FOR).replace(minute=0, second=0, microsecond=0)


def _days_before(now: datetime) -> datetime:
    return (now - HOURS_FOR).replace(hour=0, minute=0, second=0, microsecond=0)


_ROWS = """
SELECT rollup, segment, start, seconds, divisible, counts FROM rollups
WHERE layout = :layout AND start >= :low AND start < :high AND NOT folded
ORDER BY segment, start
"""

_LOCK = 0x666F6C64  # "fold": an advisory lock, with the model


def _fold_day(db: Database, model: Model, version: int, day: date, now: datetime) -> None:
    """Replace the deltas of a day by sums; rows that come meanwhile are left for the next time."""
    low = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with transaction(db.engine) as connection:
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:lock, :model)"),
            {"lock": _LOCK, "model": model.number},
        )
        layout = layouts.find(connection, model.number, version)
        assert layout is not None
        span = {"layout": layout.number, "low": low, "high": low + timedelta(days=1)}
        rows = connection.execute(text(_ROWS), span).all()
        whole = low < _days_before(now)
        ready = [row for row in rows if whole or row.start < _hours_before(now)]
        hours = _summed(layout, (row for row in ready if row.seconds < DAY), HOUR)
        days = [row for row in ready if row.seconds == DAY]
        gone = [row.rollup for row in ready]
        connection.execute(text("DELETE FROM rollups WHERE rollup = ANY(:gone)"), {"gone": gone})
        if not whole:
            rollups.write(connection, layout, hours)
            return
        # A day that came as a day has no hours: its rows are read where a window cuts it.
        divisible = all(row.divisible for row in days)
        if divisible:
            rollups.write(connection, layout, hours, folded=True)
        else:
            drop = text(
                "DELETE FROM rollups WHERE layout = :layout AND start >= :low AND start < :high "
                "AND folded"
            )
            connection.execute(drop, span)
        rollups.write(connection, layout, _summed(layout, ready, DAY), divisible=divisible)


def _summed(layout: RollupLayout, rows: Iterable[Any], seconds: int) -> list[Delta]:
    """The sums by segment and span."""
    packed: dict[tuple[int, int], list[bytes]] = {}
    width = seconds * _SECOND
    for row in rows:
        start = to_microseconds(row.start, "start") // width * width
        packed.setdefault((row.segment, start), []).append(row.counts)
    sums = {
        key: packing.total(parts, layout.places, len(layout.columns))
        for key, parts in packed.items()
    }
    return [Delta(segment, at, seconds, c.n, c) for (segment, at), c in sums.items()]
