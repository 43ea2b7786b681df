"""What checks have found: one transaction writes it all, and history reads it back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from mondrift.alert import Alert
from mondrift.comparison import Comparison
from mondrift.errors import ModelError, StoreError
from mondrift.incident import Incident
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.runs import Run
from mondrift.store.tables import (
    alerts,
    drift_results,
    incidents,
    models,
    outbox,
    performance_metrics,
    runs,
)
from mondrift.verdict import Verdict

_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier", "mae", "rmse")


@dataclass(frozen=True)
class Message:
    """An alert and where it goes.

    `channels` are names ("webhook"); addresses are settings and never stored. `payload` is
    JSON-valid: what is sent. `event` says what became of the incident: the same event of the same
    window is sent once per channel, however often the window is checked.
    """

    alert: Alert
    channels: tuple[str, ...]
    payload: Mapping[str, Any]
    event: str = "opened"

    def key(self, channel: str) -> str:
        """The idempotency key, the same for every attempt and every revision."""
        alert = self.alert
        window = alert.window.to_dict()
        parts = [alert.model_id, alert.monitor, window["start"], window["end"], alert.kind,
                 alert.severity, self.event, channel]  # fmt: skip
        return sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Check:
    """What one check has found and what follows from it."""

    comparison: Comparison
    verdict: Verdict
    messages: tuple[Message, ...]
    incidents: tuple[Incident, ...]


def save_check(db: Database, model: Model, run: Run, check: Check) -> tuple[int, ...]:
    """Write a check, whole or not at all; see `Store.save_check`."""
    with transaction(db.engine) as connection:
        changed = connection.execute(
            update(runs)
            .where(runs.c.run_id == run.run_id, runs.c.state == "started")
            .values(
                state="checked",
                checked_at=db.clock(),
                status=check.verdict.status,
                comparison=check.comparison.to_dict(),
                verdict=check.verdict.to_dict(),
            )
        ).rowcount
        if not changed:
            raise StoreError(f"Run {run.run_id} has been checked or has failed; begin another run.")
        _save_measurements(connection, model, run, check.verdict)
        connection.execute(
            update(models)
            .where(models.c.model == model.number)
            .values(results_version=models.c.results_version + 1)
        )
        _save_incidents(connection, model, check.incidents)
        return tuple(_save_message(db, connection, model, run, each) for each in check.messages)


def _save_measurements(connection: Connection, model: Model, run: Run, verdict: Verdict) -> None:
    shared = {
        "run_id": run.run_id,
        "model": model.number,
        "window_start": run.window_start,
        "window_end": run.window_end,
    }
    records = [
        {str(key): _plain(value) for key, value in record.items()}
        for record in verdict.to_frame().to_dict("records")
    ]
    drift = [record for record in records if record["family"] != "performance"]
    rows = [{**shared, "position": at, **_drift_row(record)} for at, record in enumerate(drift)]
    if rows:
        connection.execute(insert(drift_results), rows)
    segments: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["family"] == "performance":
            segments.setdefault(record["segment"], []).append(record)
    rows = [
        {**shared, "position": at, "segment": segment, **_performance_row(found)}
        for at, (segment, found) in enumerate(segments.items())
    ]
    if rows:
        connection.execute(insert(performance_metrics), rows)


def _drift_row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "family": record["family"],
        "segment": record["segment"],
        "feature": record["column"],
        "role": record["role"],
        "kind": record["kind"],
        "test_type": record["measure"],
        "statistic": record["statistic"],
        "p_value": record["pvalue"],
        "adjusted_p_value": record["adjusted"],
        "low": record["low"],
        "high": record["high"],
        "n_reference": record["n_reference"],
        "n_current": record["n_current"],
        "status": record["status"],
        "is_drifted": record["family"] == "drift" and record["status"] in ("warning", "alarm"),
        "reason": record["reason"],
    }


def _performance_row(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = {record["measure"]: record["statistic"] for record in records}
    measured = [record["n_current"] for record in records if record["measure"] in _METRICS]
    measurements = [
        {k: v for k, v in record.items() if not k.startswith("window_")} for record in records
    ]
    return {
        "sample_count": max(measured, default=0),
        **{name: values.get(name) for name in _METRICS},
        "measurements": measurements,
    }


def _save_incidents(connection: Connection, model: Model, moved: Iterable[Incident]) -> None:
    for incident in moved:
        values = {k: v for k, v in vars(incident).items() if k != "model_id"}
        row = {"model": model.number, **values}
        key = ("model", "monitor", "kind", "opened_at")
        changes = {name: value for name, value in row.items() if name not in key}
        connection.execute(
            upsert(incidents).values(row).on_conflict_do_update(index_elements=key, set_=changes)
        )


def _save_message(
    db: Database, connection: Connection, model: Model, run: Run, message: Message
) -> int:
    alert, now = message.alert, db.clock()
    row = {
        "run_id": run.run_id,
        "model": model.number,
        "kind": alert.kind,
        "severity": alert.severity,
        "title": alert.title,
        "text": alert.text,
        "payload": alert.to_dict(),
        "created_at": now,
    }
    inserted = connection.execute(insert(alerts).values(row).returning(alerts.c.alert))
    alert_id = int(inserted.scalar_one())
    for channel in message.channels:
        delivery = {
            "alert": alert_id,
            "channel": channel,
            "payload": dict(message.payload),
            "idempotency_key": message.key(channel),
            "state": "pending",
            "next_attempt_at": now,
            "created_at": now,
        }
        connection.execute(upsert(outbox).values(delivery).on_conflict_do_nothing())
    return alert_id


def comparison(db: Database, run_id: str) -> Comparison:
    """The comparison that a run has stored."""
    return Comparison.from_dict(_stored(db, run_id)[0])


def verdict(db: Database, run_id: str) -> Verdict:
    """The verdict that a run has stored, with its comparison."""
    compared, judged = _stored(db, run_id)
    return Verdict.from_dict(judged, Comparison.from_dict(compared))


def _stored(db: Database, run_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    query = select(runs.c.comparison, runs.c.verdict, runs.c.state).where(runs.c.run_id == run_id)
    state = "is not known"
    for engine in dict.fromkeys((db.reader, db.engine)):  # a replica may lag behind
        with told(engine), engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is not None and row.comparison is not None:
            return row.comparison, row.verdict
        if row is not None:
            state = f"is {row.state} and has stored no check"
    raise ModelError(f"Run {run_id!r} {state}; store.runs() lists the runs.")


def last_incidents(db: Database, model: Model, monitor: str | None) -> tuple[Incident, ...]:
    """The last incident of each monitor and kind, open or closed."""
    parameters = {"model": model.number, "monitor": monitor}
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(text(_LAST_INCIDENTS), parameters).mappings()
        return tuple(Incident(model_id=model.model_id, **row) for row in rows)


_LAST_INCIDENTS = """
SELECT DISTINCT ON (monitor, kind)
  monitor, kind, severity, title, opened_at, seen_at, told, calm, closed_at
FROM incidents WHERE model = :model AND (CAST(:monitor AS text) IS NULL OR monitor = :monitor)
ORDER BY monitor, kind, opened_at DESC
"""


def alerts_frame(db: Database, model_id: str | None, last: int | None) -> pd.DataFrame:
    """Alerts, newest first, and whether any channel has taken them."""
    sent = (
        select(outbox.c.delivery)
        .where(outbox.c.alert == alerts.c.alert, outbox.c.state == "sent")
        .exists()
    )
    table = alerts.c
    query = (
        select(
            table.alert.label("alert_id"),
            table.run_id,
            models.c.model_id,
            runs.c.monitor,
            table.kind,
            table.severity,
            table.title,
            table.text,
            runs.c.window_start,
            runs.c.window_end,
            table.created_at,
            sent.label("delivered"),
        )
        .join(models, models.c.model == table.model)
        .outerjoin(runs, runs.c.run_id == table.run_id)
        .order_by(table.alert.desc())
        .limit(last)
    )
    if model_id is not None:
        query = query.where(models.c.model_id == model_id)
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def results_version(connection: Connection, model: Model) -> int:
    """Grows with every stored check and baseline of the model."""
    query = text("SELECT results_version FROM models WHERE model = :model")
    return int(connection.execute(query, {"model": model.number}).scalar_one())


def _plain(value: Any) -> Any:
    """A cell for SQL and JSON: numpy's scalars unpacked, NaN and NaT as None."""
    if value is None or value is pd.NaT:
        return None
    item = value.item() if hasattr(value, "item") else value
    return None if isinstance(item, float) and not math.isfinite(item) else item
