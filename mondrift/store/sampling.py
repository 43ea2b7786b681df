"""Rows that were seen and not kept: `Logger(sample=…)` counts them, volumes and checks say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables_sampling import sampled_hours
from mondrift.store.timestamps import to_microseconds


@dataclass(frozen=True)
class Tally:
    """What one process has seen of an hour (its start), and handed on, with the sample's seed."""

    hour: datetime
    source: UUID
    seen: int
    kept: int
    seed: int


@dataclass(frozen=True)
class Unkept:
    """Rows of a window that were seen and are not stored, and the seeds of the samples."""

    rows: int
    seeds: tuple[int, ...]


def add(db: Database, model: Model, tallies: Sequence[Tally]) -> None:
    """Keep counts; those that were told before, in whatever order, change nothing."""
    hours: dict[int, int] = {}
    with transaction(db.engine) as connection:
        for each in sorted(tallies, key=lambda tally: (tally.hour, tally.source)):
            hour = to_microseconds(each.hour, "hour") // 3_600_000_000
            hours[hour] = hours.get(hour, 0) + _add(connection, model.number, each)
    db.cache.add_volumes(model.model_id, {hour: n for hour, n in hours.items() if n})


def _add(connection: Connection, model: int, tally: Tally) -> int:
    """Keep one; by how many its rows that are not stored have changed."""
    query = insert(sampled_hours).values(model=model, **vars(tally))
    now, new, old = sampled_hours.c, query.excluded, sampled_hours.alias("old").c
    same: list[ColumnElement[bool]] = [
        old.model == model, old.hour == tally.hour, old.source == tally.source,
    ]  # fmt: skip
    before = select(old.seen - old.kept).where(*same).scalar_subquery()
    upsert = query.on_conflict_do_update(
        index_elements=[now.model, now.hour, now.source],
        set_={
            "seen": func.greatest(now.seen, new.seen),
            "kept": func.greatest(now.kept, new.kept),
        },
    ).returning(now.seen - now.kept - func.coalesce(before, 0))
    return int(connection.execute(upsert).scalar_one())


def unkept(db: Database, model: Model, start: datetime, end: datetime) -> Unkept:
    """Rows in [start, end) that are known by number alone; see `Store.unkept`."""
    query = text(beyond("CAST(:low AS timestamptz)", "CAST(:high AS timestamptz)"))
    parameters = {"model": model.number, "low": start, "high": end}
    with told(db.reader), db.reader.connect() as connection:
        row = connection.execute(query, parameters).one()
    return Unkept(int(row.n), tuple(sorted(row.seeds or ())))


def beyond(low: str, high: str) -> str:
    """SQL: `n` rows between two expressions that are not stored, and the `seeds` of their samples.

    An hour that is cut counts by the time that lies inside. Hours whose rows retention has taken
    away count no more.
    """
    return f"""
SELECT coalesce(round(sum((seen - kept) * extract(
  epoch FROM least(hour + interval '1 hour', {high}) - greatest(hour, {low})
) / 3600)), 0)::bigint AS n, array_agg(DISTINCT seed) AS seeds
FROM sampled_hours
WHERE model = :model AND hour > {low} - interval '1 hour' AND hour < {high} AND seen > kept
AND hour >= coalesce(
  (SELECT kept_from FROM retention WHERE model = :model), CAST('-infinity' AS timestamptz)
)
"""  # noqa: S608 - our own words
