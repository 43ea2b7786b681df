"""The models a store knows: their schemas, version by version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import pandas as pd
from sqlalchemy import Connection, Row, func, insert, select, update

from mondrift.errors import ModelError, SchemaError, nearest, shown
from mondrift.kinds import Kind
from mondrift.schema import Schema
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.records import OPTIONAL, Record
from mondrift.store.tables import model_schemas, models

Task = Literal["binary", "multiclass", "regression"]
Clock = Literal["wall", "data"]


@dataclass(frozen=True)
class Model:
    """A registered model, with the newest version of its schema.

    `clock` says by which time the model lives: "wall", or "data" when its rows are history and
    "now" is the time of its newest row. `number` is its key in SQL.
    """

    model_id: str
    number: int
    schema: Schema
    schema_version: int
    task: Task
    clock: Clock
    label_delay: timedelta | None
    created_at: datetime
    fitted: bool

    @property
    def record(self) -> Record:
        """How rows of the newest schema version are stored."""
        return Record(self.schema, self.schema_version)


def register(
    db: Database,
    model_id: str,
    schema: Schema,
    *,
    task: Task,
    clock: Clock,
    label_delay: timedelta | None,
) -> Model:
    """Register a model, or the next version of its schema; harmless when nothing has changed."""
    schema = _storable(model_id, schema, task=task, clock=clock)
    with transaction(db.engine) as connection:
        known = _row(connection, model_id, lock=True)
        if known is None:
            row = {
                "model_id": model_id,
                "task": task,
                "clock": clock,
                "label_delay": label_delay,
                "created_at": db.clock(),
            }
            number = connection.execute(
                insert(models).values(row).returning(models.c.model)
            ).scalar_one()
            _add_schema(db, connection, number, 1, schema)
            after = _facts(schema, task, clock, label_delay)
            db.audit(connection, "register", model_id, model=number, before=None, after=after)
            return _model(connection, model_id)
        _change(db, connection, known, schema, task, clock, label_delay)
        return _model(connection, model_id)


def get(db: Database, model_id: str) -> Model:
    """The model; ModelError, with the nearest name, when the store does not know it."""
    with told(db.engine), db.engine.connect() as connection:
        return _model(connection, model_id)


def records(connection: Connection, model: Model) -> list[Record]:
    """How rows of every schema version are stored, oldest first."""
    table = model_schemas.c
    query = (
        select(table.schema_version, table.fitted)
        .where(table.model == model.number, table.fitted.is_not(None))
        .order_by(table.schema_version)
    )
    rows = connection.execute(query)
    return [Record(Schema.from_dict(row.fitted), row.schema_version) for row in rows]


def to_frame(db: Database) -> pd.DataFrame:
    """All models, one per row."""
    query = select(
        models.c.model_id, models.c.task, models.c.clock, models.c.label_delay, models.c.created_at
    ).order_by(models.c.model_id)
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def fit(db: Database, model: Model, frame: pd.DataFrame) -> Model:
    """Fix the kinds that were not declared, once, from the first rows; harmless afterwards."""
    if model.fitted:
        return model
    with transaction(db.engine) as connection:
        _row(connection, model.model_id, lock=True)
        current = _model(connection, model.model_id)
        if current.fitted:
            return current
        fitted = _complete(current.schema, frame, current.task)
        values = _positions(Record(fitted, current.schema_version))
        table = model_schemas
        connection.execute(
            update(table)
            .where(
                table.c.model == current.number, table.c.schema_version == current.schema_version
            )
            .values(fitted=fitted.to_dict(), **values)
        )
        db.audit(
            connection,
            "fit schema",
            model.model_id,
            model=current.number,
            before=current.schema.to_dict(),
            after=fitted.to_dict(),
        )
        return replace(current, schema=fitted, fitted=True)


def _storable(model_id: str, schema: Schema, *, task: str, clock: str) -> Schema:
    complaints = []
    if not model_id or len(model_id) > 200 or "\0" in model_id:
        complaints.append("a model id has 1 to 200 characters")
    if task not in get_args(Task):
        complaints.append(f"task is {task!r}; it is one of {shown(get_args(Task))}")
    if clock not in get_args(Clock):
        complaints.append(f"clock is {clock!r}; it is one of {shown(get_args(Clock))}")
    if schema.timestamp is None:
        complaints.append("the schema declares no timestamp: Schema(timestamp='column')")
    if schema.id is None and "id" in {*schema.kinds, *schema.segments, *schema.private}:
        complaints.append("the schema has a column 'id' without that role: Schema(id='id')")
    unknown = [name for name in schema.importances if name not in schema.kinds]
    if unknown and _is_fitted(schema):
        complaints.append(
            f"importances are given for {shown(unknown)}, which the schema does not have"
            f"{nearest(unknown[0], schema.kinds)}".rstrip(".")
        )
    if any("\0" in name for name in schema.kinds):
        complaints.append("a column's name holds a NUL character")
    if complaints:
        raise SchemaError(f"Model {model_id!r} cannot be registered: " + "; ".join(complaints))
    return schema if schema.id is not None else replace(schema, id="id")


def _is_fitted(schema: Schema) -> bool:
    """Whether the kinds are complete: `Schema.fit` has seen rows, the timestamp among them."""
    return schema.timestamp in schema.kinds and bool(schema.features)


def _with_known_kinds(schema: Schema, task: Task) -> Schema:
    """The kinds that follow from roles, for columns that rows may come without."""
    outcome: Kind = "numeric" if task == "regression" else "categorical"
    kinds: dict[str, Kind] = dict(schema.kinds)
    of_prediction = kinds.get(schema.prediction or "", outcome)
    assert schema.timestamp is not None
    assert schema.id is not None
    known: list[tuple[str | None, Kind]] = [
        (schema.timestamp, "datetime"),
        (schema.id, "text"),
        (schema.prediction, outcome),
        (schema.target, of_prediction),
        (schema.latency, "numeric"),
        (schema.version, "categorical"),
        *((name, "numeric") for name in schema.probabilities.values()),
    ]
    for name, kind in known:
        if name is not None:
            kinds.setdefault(name, kind)
    return replace(schema, kinds=kinds)


def _complete(schema: Schema, frame: pd.DataFrame, task: Task) -> Schema:
    full = _with_known_kinds(schema, task)
    optional = {name for name in full.kinds if full.role(name) in OPTIONAL | {"timestamp"}}
    absent = optional - set(frame.columns)
    # Kinds of columns that are not there are known from their role; fit asks for the others.
    padded = frame.assign(**dict.fromkeys(sorted(absent)))
    return full.fit(padded)


def _facts(
    schema: Schema, task: str, clock: str, label_delay: timedelta | None
) -> dict[str, object]:
    delay = None if label_delay is None else label_delay.total_seconds()
    return {"schema": schema.to_dict(), "task": task, "clock": clock, "label_delay_s": delay}


def _positions(record: Record) -> dict[str, Any]:
    """What the view predictions_json needs to know of a fitted schema."""
    outcomes, version = record.outcomes, record.schema.version
    return {
        "numeric_names": list(record.numerics),
        "numeric_kinds": [record.kind(name) for name in record.numerics],
        "category_names": list(record.categories),
        "text_names": list(record.texts),
        "prediction_levels": record.levels_of(outcomes[0]) if outcomes else None,
        "version_levels": version,
    }


def _add_schema(
    db: Database, connection: Connection, number: int, version: int, schema: Schema
) -> None:
    task = connection.execute(select(models.c.task).where(models.c.model == number)).scalar_one()
    row: dict[str, Any] = {
        "model": number,
        "schema_version": version,
        "declared": schema.to_dict(),
        "created_at": db.clock(),
    }
    if _is_fitted(schema):
        fitted = _with_known_kinds(schema, task)
        row |= {"fitted": fitted.to_dict(), **_positions(Record(fitted, version))}
    connection.execute(insert(model_schemas), row)


def _change(
    db: Database,
    connection: Connection,
    known: Row[Any],
    schema: Schema,
    task: Task,
    clock: Clock,
    label_delay: timedelta | None,
) -> None:
    """Bring a known model to what is declared now: settings in place, a schema as a new version."""
    if task != known.task:
        raise SchemaError(
            f"Model {known.model_id!r} is registered for {known.task!r}; its task cannot become "
            f"{task!r}. Register another model."
        )
    model = _model(connection, known.model_id)
    newest = _newest_schema(connection, model.number)
    same_schema = schema.to_dict() in (newest.declared, newest.fitted)
    before = _facts(model.schema, model.task, model.clock, model.label_delay)
    if not same_schema:
        _add_schema(db, connection, model.number, model.schema_version + 1, schema)
    elif (clock, label_delay) == (model.clock, model.label_delay):
        return
    connection.execute(
        update(models)
        .where(models.c.model == model.number)
        .values(clock=clock, label_delay=label_delay)
    )
    after = _facts(schema, task, clock, label_delay)
    db.audit(
        connection, "change model", model.model_id, model=model.number, before=before, after=after
    )


def _row(connection: Connection, model_id: str, *, lock: bool = False) -> Row[Any] | None:
    query = select(models).where(models.c.model_id == model_id)
    if lock:
        # The row may not exist yet, so the name itself is locked.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(model_id, 0))))
    return connection.execute(query).one_or_none()


def _newest_schema(connection: Connection, number: int) -> Row[Any]:
    query = (
        select(model_schemas)
        .where(model_schemas.c.model == number)
        .order_by(model_schemas.c.schema_version.desc())
        .limit(1)
    )
    return connection.execute(query).one()


def _model(connection: Connection, model_id: str) -> Model:
    row = _row(connection, model_id)
    if row is None:
        names = list(connection.execute(select(models.c.model_id)).scalars())
        raise ModelError(
            f"The store has no model {model_id!r}; it has {shown(sorted(names))}."
            f"{nearest(model_id, names)} Register it: store.register_model({model_id!r}, schema, "
            "task=...)"
        )
    newest = _newest_schema(connection, row.model)
    data: Mapping[str, Any] = newest.fitted or newest.declared
    return Model(
        model_id=row.model_id,
        number=row.model,
        schema=Schema.from_dict(data),
        schema_version=newest.schema_version,
        task=row.task,
        clock=row.clock,
        label_delay=row.label_delay,
        created_at=row.created_at,
        fitted=newest.fitted is not None,
    )
