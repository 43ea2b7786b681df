"""Partitions made ahead of the rows: `predictions` by day, `labels` by month, all in UTC.

There is no default partition: a row outside what exists is an error, so partitions are made from a
batch's own days, in a transaction of their own, before the batch. A new table is made like its
parent and attached, which does not wait behind readers as CREATE … PARTITION OF would.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, Engine, text

from mondrift.store.connect import transaction

PARTITIONS = re.compile(r"^(predictions_\d{8}|labels_\d{6}|prediction_keys_\d+)$")

_LOCK = 0x70617274  # "part"

#: How many tables one transaction makes: each takes locks, and PostgreSQL's lock table is finite.
_AT_ONCE = 64


def ensure_days(engine: Engine, days: np.ndarray) -> None:
    """Make the partitions of `predictions` (and `labels`) for these days (datetime64[D])."""
    wanted = [_day(day) for day in np.unique(days.astype("datetime64[D]")).tolist()]
    months = [_month(m.item()) for m in np.unique(days.astype("datetime64[M]")).astype("M8[D]")]
    _ensure(engine, "predictions", wanted)
    _ensure(engine, "labels", months)


_PRESENT = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = CAST(:table AS regclass)"
)

_Part = tuple[str, date, date]  # suffix, first day, day after the last


def _day(day: date) -> _Part:
    return f"{day:%Y%m%d}", day, day + timedelta(days=1)


def _month(first: date) -> _Part:
    after = (first + timedelta(days=32)).replace(day=1)
    return f"{first:%Y%m}", first, after


def ahead(engine: Engine, now: datetime, days: int) -> None:
    """Make the partitions of today and of so many days after it, before a row needs them."""
    today = np.datetime64(now.astimezone(UTC).date(), "D")
    ensure_days(engine, today + np.arange(days + 1))


def lock(connection: Connection) -> None:
    """Until the end of the transaction nobody else makes or drops partitions."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def present(connection: Connection, table: str) -> list[str]:
    """Names of the partitions of `table` ("predictions", "labels"), oldest first."""
    return sorted(connection.execute(text(_PRESENT), {"table": table}).scalars())


def span(name: str) -> tuple[datetime, datetime]:
    """[start, end) of the partition of that name, UTC.

    >>> span("labels_202612")[1].isoformat()
    '2027-01-01T00:00:00+00:00'
    """
    digits = name.rpartition("_")[2]
    first = date(int(digits[:4]), int(digits[4:6]), int(digits[6:] or 1))
    _, low, high = _day(first) if len(digits) == 8 else _month(first)
    return _midnight(low), _midnight(high)


def restore(engine: Engine, names: Iterable[str]) -> None:
    """Make the partitions of these names, as `present` told them."""
    for table, make in (("predictions", _day), ("labels", _month)):
        mine = [name for name in names if name.startswith(f"{table}_")]
        _ensure(engine, table, [make(span(name)[0].date()) for name in mine])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _ensure(engine: Engine, table: str, parts: Iterable[_Part]) -> None:
    with transaction(engine) as connection:
        missing = _missing(connection, table, parts)
    while missing:
        with transaction(engine) as connection:
            lock(connection)
            missing = _missing(connection, table, missing)  # another process may have made them
            for part in missing[:_AT_ONCE]:
                _make(connection, table, part)
        missing = missing[_AT_ONCE:]


def _missing(connection: Connection, table: str, parts: Iterable[_Part]) -> list[_Part]:
    known = set(present(connection, table))
    return [part for part in parts if f"{table}_{part[0]}" not in known]


def _make(connection: Connection, table: str, part: _Part) -> None:
    suffix, first, after = part
    name = f"{table}_{suffix}"  # digits only: nothing from outside gets into the statement
    bounds = f"FROM ('{_utc(first)}') TO ('{_utc(after)}')"
    connection.exec_driver_sql(
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY);"
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"
    )


def _utc(day: date) -> str:
    return f"{datetime(day.year, day.month, day.day):%Y-%m-%d %H:%M:%S}+00"  # noqa: DTZ001
