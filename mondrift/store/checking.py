"""Whether a store is in order, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import Connection, text

from mondrift.store import partitions, schema
from mondrift.store.connect import told
from mondrift.store.database import Database


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is `good`, what was found, and what to do."""

    good: bool
    what: str
    fix: str = ""


def check(db: Database) -> tuple[Finding, ...]:
    """Look at tables, partitions and counts; see `Store.check`."""
    return (_tables(db), _partitions(db), *_counts(db))


def _tables(db: Database) -> Finding:
    different = schema.differences(db.engine)
    if not different:
        return Finding(True, f"tables are as version {schema.needed()} has them")
    shown = "; ".join(str(each)[:120] for each in different[:3])
    return Finding(
        False,
        f"{len(different)} differences between the tables and version {schema.needed()}: {shown}",
        "somebody has changed the tables: undo that, or restore a backup into a new database",
    )


def _partitions(db: Database) -> Finding:
    tomorrow = db.clock().astimezone(UTC) + timedelta(days=1)
    with told(db.engine), db.engine.connect() as connection:
        query = text("SELECT count(*) FROM models WHERE clock = 'wall'")
        living = connection.execute(query).scalar_one()
        days = partitions.present(connection, "predictions")
    if not living or f"predictions_{tomorrow:%Y%m%d}" in days:
        return Finding(True, f"{len(days)} daily partitions, tomorrow's is there")
    return Finding(
        True,
        f"{len(days)} daily partitions, none for tomorrow: its first row will make it",
        "to have them made ahead, run daily: mondrift retention",
    )


def _counts(db: Database) -> list[Finding]:
    """Counts against rows, model by model, all of one moment."""
    with told(db.engine), db.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        query = text("SELECT model, model_id FROM models ORDER BY model_id")
        models = connection.execute(query).all()
        return [_count(connection, number, name) for number, name in models]


def _count(connection: Connection, model: int, name: str) -> Finding:
    found: Any = connection.execute(text(_COUNT), {"model": model}).one()
    state = f"{name}: {found.rows:,} rows, {found.counted:,} counted"
    if found.waiting:
        state += f", {found.waiting} days still to be counted"
    if found.quarantined:
        state += f", {found.quarantined:,} in quarantine"
    if found.unkept:
        state += f", {found.unkept:,} more seen and not kept by sampling"
    if found.ready == found.counted:
        return Finding(True, state)
    return Finding(
        False,
        f"{state}, where {found.ready:,} should be",
        f"counts of {name!r} cannot be trusted: rows were changed by hand, or this is a bug to "
        "report; verdicts from rows stay right",
    )


# Rows of days that are kept and whose counting is done, against their counts (not the hours that
# are also part of a day).
_COUNT = """
WITH first AS (
  SELECT coalesce(max(kept_from), '-infinity') AS kept FROM retention WHERE model = :model
), days AS (
  SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, schema_version, count(*) AS n
  FROM predictions, first WHERE model = :model AND timestamp >= first.kept GROUP BY 1, 2
), counts AS (
  SELECT (r.start AT TIME ZONE 'UTC')::date AS day, l.schema_version, sum(r.n) AS n
  FROM rollups r JOIN rollup_layouts l USING (layout), first
  WHERE l.model = :model AND r.segment = 0 AND NOT r.folded AND r.start >= first.kept
  GROUP BY 1, 2
), pending AS (
  SELECT schema_version, day FROM rollup_pending WHERE model = :model
)
SELECT
  (SELECT coalesce(sum(n), 0) FROM days)::bigint AS rows,
  (SELECT coalesce(sum(n), 0) FROM counts)::bigint AS counted,
  (SELECT coalesce(sum(n), 0) FROM days
   WHERE (schema_version, day) NOT IN (SELECT schema_version, day FROM pending))::bigint AS ready,
  (SELECT count(*) FROM pending) AS waiting,
  (SELECT count(*) FROM quarantine WHERE model = :model) AS quarantined,
  (SELECT coalesce(sum(s.seen - s.kept), 0) FROM sampled_hours s, first
   WHERE model = :model AND hour >= first.kept)::bigint AS unkept
"""
