"""Retention: raw rows for 90 days, counts and results for a year, or what each model says.

By the model's clock: the wall's, or the newest row's. Days are whole, in UTC. Baselines with their
samples, the audit log, runs, alerts and incidents stay; so do the results of runs that an open
incident speaks of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from mondrift.errors import SettingsError, StoreError
from mondrift.store import dropping, folding, models, partitions, volumes
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.horizon import AGGREGATES, RAW
from mondrift.store.models import Model
from mondrift.store.tables_upkeep import retention

#: Partitions are made for so many days ahead.
AHEAD_DAYS = 7

_SELF_METRICS = timedelta(days=30)
_LOCK = 0x72657461  # "reta": one retention at a time


@dataclass(frozen=True)
class Keep:
    """What a model keeps: `raw` rows and `aggregates` for so long before its `now`.

    `now` is None for a model of history without rows: then nothing is old.
    """

    model: Model
    raw: timedelta
    aggregates: timedelta
    now: datetime | None

    @property
    def kept_from(self) -> datetime | None:
        """Rows before this midnight (UTC) go."""
        return None if self.now is None else _midnight(self.now - self.raw)

    @property
    def aggregates_from(self) -> datetime | None:
        """Counts and results before this midnight (UTC) go."""
        return None if self.now is None else _midnight(self.now - self.aggregates)


@dataclass(frozen=True)
class Retained:
    """What a retention took away, or with `dry_run` would take.

    `models`: a line per model: model_id, raw, aggregates (timedelta), kept_from, aggregates_from
    (NaT: nothing is old), and how many predictions, labels, waiting_labels, quarantine, rollups,
    results went. `dropped`: partitions; `busy`: partitions that somebody else used all the time,
    left for the next retention.
    """

    models: pd.DataFrame = field(repr=False)
    dropped: tuple[str, ...]
    busy: tuple[str, ...]
    dry_run: bool


def apply(
    db: Database,
    model_id: str | None,
    *,
    raw: timedelta | None,
    aggregates: timedelta | None,
    dry_run: bool,
) -> Retained:
    """Take away what is old; see `Store.retention`."""
    chosen = [model_id] if model_id is not None else models.to_frame(db)["model_id"].tolist()
    keeps = [_keep(db, models.get(db, name), raw, aggregates) for name in chosen]
    _check(keeps)
    if dry_run:
        return _take(db, keeps, dry_run=True)
    with _alone(db):
        for keep in keeps:
            _begin(db, keep)
            folding.fold(db, keep.model)  # days that are not counted yet cannot be counted later
        done = _take(db, keeps, dry_run=False)
        _note(db, done)
        if any(keep.model.clock == "wall" for keep in keeps):
            partitions.ahead(db.engine, db.clock(), AHEAD_DAYS)
        values = {"until": db.clock() - _SELF_METRICS}
        dropping.delete_where(db, "self_metrics", "entry", "at < :until", values)
    return done


def _keep(db: Database, model: Model, raw: timedelta | None, aggregates: timedelta | None) -> Keep:
    query = select(retention.c.raw, retention.c.aggregates).where(retention.c.model == model.number)
    with told(db.engine), db.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    now = volumes.latest(db, model) if model.clock == "data" else db.clock()
    return Keep(
        model,
        raw or (row and row.raw) or RAW,
        aggregates or (row and row.aggregates) or AGGREGATES,
        now,
    )


def _check(keeps: Sequence[Keep]) -> None:
    complaints = []
    for keep in keeps:
        name, delay = keep.model.model_id, keep.model.label_delay
        least = max(timedelta(days=1), delay or timedelta(0))
        if keep.raw < timedelta(days=1):
            complaints.append(f"model {name!r} would keep rows for less than a day")
        elif delay is not None and keep.raw <= delay:
            complaints.append(
                f"labels of model {name!r} come up to {_days(delay)} late (its label_delay), and "
                f"their predictions would be gone after {_days(keep.raw)}: keep them longer, e.g. "
                f"mondrift retention {name} --raw {least.days + 30}d"
            )
        elif keep.aggregates < keep.raw:
            complaints.append(
                f"model {name!r} would keep rows for {_days(keep.raw)} but their counts for "
                f"{_days(keep.aggregates)} only: mondrift retention {name} --aggregates "
                f"{keep.raw.days}d"
            )
    if complaints:
        raise SettingsError("Nothing was taken away: " + "; ".join(complaints) + ".")


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"


@contextmanager
def _alone(db: Database) -> Iterator[None]:
    with told(db.engine), db.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar_one():
            raise StoreError("Another process is at retention just now; it does the work.")
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(_LOCK)))


def _begin(db: Database, keep: Keep) -> None:
    """Keep the settings, and from now on refuse rows that are older than what is kept."""
    table = retention.c
    with transaction(db.engine) as connection:
        old = connection.execute(
            select(retention).where(table.model == keep.model.number)
        ).one_or_none()
        was_raw, was_aggregates = (old.raw, old.aggregates) if old else (None, None)
        before = {"raw": was_raw or RAW, "aggregates": was_aggregates or AGGREGATES}
        after = {"raw": keep.raw, "aggregates": keep.aggregates}
        row = {
            "model": keep.model.number,
            # A default that was never changed stays one, should a later mondrift change it.
            "raw": was_raw if keep.raw == before["raw"] else keep.raw,
            "aggregates": (
                was_aggregates if keep.aggregates == before["aggregates"] else keep.aggregates
            ),
            "kept_from": keep.kept_from,
        }
        query = insert(retention).values(row)
        connection.execute(
            query.on_conflict_do_update(
                index_elements=[table.model],
                set_={
                    "raw": query.excluded.raw,
                    "aggregates": query.excluded.aggregates,
                    "kept_from": func.greatest(table.kept_from, query.excluded.kept_from),
                },
            )
        )
        if before != after:
            db.audit(
                connection,
                "change retention",
                keep.model.model_id,
                model=keep.model.number,
                before={name: _days(value) for name, value in before.items()},
                after={name: _days(value) for name, value in after.items()},
            )


def _take(db: Database, keeps: Sequence[Keep], *, dry_run: bool) -> Retained:
    first = {each.model.number: each.kept_from for each in keeps if each.kept_from is not None}
    predictions = dropping.take(db, "predictions", first, dry_run=dry_run)
    labels = dropping.take(db, "labels", first, dry_run=dry_run, gone=predictions.dropped)
    lines = []
    for keep in keeps:
        line: dict[str, Any] = {
            "model_id": keep.model.model_id,
            "raw": keep.raw,
            "aggregates": keep.aggregates,
            "kept_from": keep.kept_from,
            "aggregates_from": keep.aggregates_from,
            "predictions": predictions.rows.get(keep.model.number, 0),
            "labels": labels.rows.get(keep.model.number, 0),
        }
        lines.append(line | _plain_tables(db, keep, dry_run=dry_run))
    frame = pd.DataFrame(lines, columns=[*_COLUMNS, *_COUNTS])
    for name in ("kept_from", "aggregates_from"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    dropped = (*predictions.dropped, *labels.dropped)
    return Retained(frame, dropped, (*predictions.busy, *labels.busy), dry_run)


_COLUMNS = ("model_id", "raw", "aggregates", "kept_from", "aggregates_from")
_COUNTS = ("predictions", "labels", "waiting_labels", "quarantine", "rollups", "results")


def _plain_tables(db: Database, keep: Keep, *, dry_run: bool) -> dict[str, int]:
    """What goes of one model from the tables that have no partitions."""
    if keep.now is None or keep.kept_from is None:
        return dict.fromkeys(_COUNTS[2:], 0)
    values = {
        "model": keep.model.number,
        "waited_from": keep.now - keep.raw,
        # Rows came into quarantine at a time of the wall's clock, whatever the model's is.
        "received_from": db.clock() - keep.raw,
        "day": keep.kept_from.date(),
        "first": keep.aggregates_from,
    }
    found = {}
    for name, (table, key, condition) in _TABLES.items():
        if dry_run:
            query = text(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608
            with told(db.engine), db.engine.connect() as connection:
                found[name] = int(connection.execute(query, values).scalar_one())
        else:
            found[name] = dropping.delete_where(db, table, key, condition, values)
    found["results"] = found.pop("drift_results") + found.pop("performance_metrics")
    del found["pending"], found["sampled"]
    if not dry_run:
        with transaction(db.engine) as connection:
            _forget_checks(connection, values, changed=found["results"] > 0)
    return {name: found[name] for name in _COUNTS[2:]}


def _forget_checks(connection: Connection, values: Mapping[str, Any], *, changed: bool) -> None:
    """The documents of the runs go with their measurements; the runs stay, so none is done again.

    Cached histories are outdated then.
    """
    connection.execute(text(_CHECKS), values)
    if changed:
        query = "UPDATE models SET results_version = results_version + 1 WHERE model = :model"
        connection.execute(text(query), {"model": values["model"]})


def _note(db: Database, done: Retained) -> None:
    with transaction(db.engine) as connection:
        for line in done.models.to_dict("records"):
            gone = {name: line[name] for name in _COUNTS if line[name]}
            if gone:
                moments = {"kept_from": line["kept_from"].isoformat()}
                number = connection.execute(
                    text("SELECT model FROM models WHERE model_id = :name"),
                    {"name": line["model_id"]},
                ).scalar_one()
                db.audit(
                    connection, "retention", str(line["model_id"]),
                    model=number, before=gone, after=moments,
                )  # fmt: skip


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


_OLD_RUN = """
window_end < :first AND NOT EXISTS (
  SELECT FROM incidents i JOIN runs r ON r.model = i.model AND r.monitor = i.monitor
  WHERE r.run_id = {table}.run_id AND i.closed_at IS NULL AND r.window_end > i.opened_at
)
"""

#: {what: (table, its key, which rows go)}
_TABLES = {
    "waiting_labels": (
        "waiting_labels", "label_no", "model = :model AND received_at < :waited_from",
    ),
    "quarantine": ("quarantine", "entry", "model = :model AND received_at < :received_from"),
    "rollups": (
        "rollups", "rollup",
        "start < :first AND layout IN (SELECT layout FROM rollup_layouts WHERE model = :model)",
    ),
    "sampled": ("sampled_hours", "model, hour, source", "model = :model AND hour < :first"),
    "pending": (
        "rollup_pending", "model, schema_version, day", "model = :model AND day < :day",
    ),
    "drift_results": (
        "drift_results", "run_id, position",
        "model = :model AND " + _OLD_RUN.format(table="drift_results"),
    ),
    "performance_metrics": (
        "performance_metrics", "run_id, position",
        "model = :model AND " + _OLD_RUN.format(table="performance_metrics"),
    ),
}  # fmt: skip

_CHECKS = """
UPDATE runs SET comparison = NULL, verdict = NULL
WHERE model = :model AND comparison IS NOT NULL AND """ + _OLD_RUN.format(table="runs")
