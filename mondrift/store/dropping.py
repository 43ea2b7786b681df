"""Old rows taken out: whole partitions where nobody needs them any more, else slice by slice.

Partitions are shared by all models. A day is dropped when every model that has rows of it is past
it; until then the rows of the models that are past it are deleted, hour by hour where they are
many. A drop needs the table for itself for a moment: it waits shortly, lets others go first, and
tries again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from mondrift.store import partitions
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database

_TRIES = 5
_PAUSE_SECONDS = 0.2
_TAKEN = ("55P03", "40P01")  # the lock was not to be had; a deadlock was broken
_AT_ONCE = 10_000

_TIME = {"predictions": "timestamp", "labels": "prediction_ts"}


@dataclass(frozen=True)
class Taken:
    """Rows taken out by model, partitions dropped, and those that others held on to."""

    rows: Mapping[int, int]
    dropped: tuple[str, ...]
    busy: tuple[str, ...]


def take(
    db: Database,
    table: str,
    kept_from: Mapping[int, datetime],
    *,
    dry_run: bool,
    gone: Sequence[str] = (),
) -> Taken:
    """Take rows out of `predictions` (with their keys) or `labels`.

    Parameters
    ----------
    kept_from : {model: moment}; a model that is not in it keeps everything.
    dry_run : only count.
    gone : days of predictions that are dropped, or would be. A month of labels stays while any
        day of it does: a label may still come.

    A day's rows are counted and their keys forgotten before it is dropped: killed in between, the
    next time goes on from there.
    """
    rows: dict[int, int] = dict.fromkeys(kept_from, 0)
    dropped, busy = [], []
    last = max(kept_from.values(), default=None)
    days = set(_partitions(db, "predictions")) - set(gone)
    for name in _partitions(db, table):
        start, end = partitions.span(name)
        if last is None or start >= last:
            break
        holders = _holders(db, name)
        past = [model for model in holders if model in kept_from and end <= kept_from[model]]
        whole = len(past) == len(holders) and end <= last
        whole = whole and not (table == "labels" and days & set(_days(start, end)))
        found = {model: min(end, kept_from.get(model, start)) for model in holders}
        counts = {m: _count(db, table, m, start, until) for m, until in found.items()}
        if not dry_run:
            for model, until in found.items():
                span = start, until, counts[model]
                _delete(db, table, model, span, keys_only=whole)
        if whole and not dry_run and not _drop(db, table, name, past):
            busy.append(name)
            continue
        if whole:
            dropped.append(name)
        for model, count in counts.items():
            if model in rows:
                rows[model] += count
    return Taken(rows, tuple(dropped), tuple(busy))


def delete_where(
    db: Database, table: str, key: str, condition: str, values: Mapping[str, object]
) -> int:
    """Delete the rows of a plain table, a few thousand per transaction; returns how many.

    `table`, `key` and `condition` are our own words, never from outside.
    """
    query = text(
        f"DELETE FROM {table} WHERE ({key}) IN "  # noqa: S608 - fixed names
        f"(SELECT {key} FROM {table} WHERE {condition} LIMIT {_AT_ONCE})"
    )
    total = 0
    while True:
        with transaction(db.engine) as connection:
            gone = connection.execute(query, dict(values)).rowcount
        total += gone
        if gone < _AT_ONCE:
            return total


def _days(start: datetime, end: datetime) -> list[str]:
    """Partitions of predictions that a month of labels belongs to."""
    return [f"predictions_{start + timedelta(days=i):%Y%m%d}" for i in range((end - start).days)]


def _partitions(db: Database, table: str) -> list[str]:
    with told(db.engine), db.engine.connect() as connection:
        return partitions.present(connection, table)


def _holders(db: Database, partition: str) -> list[int]:
    """Models with rows in a partition."""
    query = text(
        "SELECT model FROM models m WHERE EXISTS (SELECT FROM "  # noqa: S608 - a partition's name
        f"{partition} p WHERE p.model = m.model) ORDER BY model"
    )
    with told(db.engine), db.engine.connect() as connection:
        return list(connection.execute(query).scalars())


def _count(db: Database, table: str, model: int, low: datetime, high: datetime) -> int:
    at = _TIME[table]
    query = text(
        f"SELECT count(*) FROM {table} "  # noqa: S608 - fixed names
        f"WHERE model = :model AND {at} >= :low AND {at} < :high"
    )
    with told(db.engine), db.engine.connect() as connection:
        found = connection.execute(query, {"model": model, "low": low, "high": high})
        return int(found.scalar_one())


def _delete(
    db: Database, table: str, model: int, span: tuple[datetime, datetime, int], *, keys_only: bool
) -> None:
    """Delete the rows of a model in [start, end), so many, with their keys; or the keys alone."""
    if table == "labels" and keys_only:  # labels have no keys
        return
    query = text(_FORGET if keys_only else _DELETE[table])
    for low, high in _slices(*span):
        with transaction(db.engine) as connection:
            connection.execute(query, {"model": model, "low": low, "high": high})


def _slices(start: datetime, end: datetime, rows: int) -> Iterator[tuple[datetime, datetime]]:
    """All at once where rows are few, else hour by hour."""
    while start < end:
        after = end if rows <= _AT_ONCE else min(start + timedelta(hours=1), end)
        yield start, after
        start = after


def _drop(db: Database, table: str, name: str, past: Sequence[int]) -> bool:
    """Drop a partition unless others hold on to it, or rows of another model have come."""
    for attempt in range(1, _TRIES + 1):
        try:
            with transaction(db.engine) as connection:
                return _drop_now(connection, table, name, past)
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in _TAKEN:
                raise
            time.sleep(_PAUSE_SECONDS * attempt)
    return False


def _drop_now(connection: Connection, table: str, name: str, past: Sequence[int]) -> bool:
    # Whoever comes while we wait for the lock waits behind us: so we wait shortly.
    connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
    partitions.lock(connection)
    connection.execute(text(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
    query = text(
        "SELECT EXISTS (SELECT FROM models m WHERE model <> ALL(:past) AND EXISTS "  # noqa: S608
        f"(SELECT FROM {name} p WHERE p.model = m.model))"
    )
    if connection.execute(query, {"past": list(past)}).scalar_one():
        return False
    days = partitions.present(connection, "predictions")
    if table == "labels" and set(days) & set(_days(*partitions.span(name))):
        return False
    connection.execute(text(f"DROP TABLE {name}"))
    return True


_SLICE = "model = :model AND timestamp >= :low AND timestamp < :high"

_FORGET = f"""
DELETE FROM prediction_keys k USING (SELECT id FROM predictions WHERE {_SLICE}) gone
WHERE k.model = :model AND k.id = gone.id
"""  # noqa: S608 - fixed words

_DELETE = {
    "predictions": f"""
WITH gone AS (DELETE FROM predictions WHERE {_SLICE} RETURNING id)
DELETE FROM prediction_keys k USING gone WHERE k.model = :model AND k.id = gone.id
""",  # noqa: S608 - fixed words
    "labels": """
DELETE FROM labels
WHERE model = :model AND prediction_ts >= :low AND prediction_ts < :high
""",
}
