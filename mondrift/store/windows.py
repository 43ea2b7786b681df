"""Rows of a window out of the store, as the DataFrame that `mondrift.compare` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine

from mondrift.errors import ColumnError, WindowError
from mondrift.schema import Schema
from mondrift.store import copy, models, versions
from mondrift.store.connect import raw_cursor, told
from mondrift.store.copy import Wanted
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.records import Record
from mondrift.store.timestamps import NO_TIME, to_microseconds

_INFINITY = np.iinfo(np.int64).max  # PostgreSQL's 'infinity', in place of NULL
_FLOAT, _INT, _LONG = np.dtype(">f8"), np.dtype(">i4"), np.dtype(">i8")


@dataclass(frozen=True)
class Source:
    """Rows in SQL: what to read from, under which condition, and where the target stands."""

    table: str
    where: str
    parameters: dict[str, Any]
    truth: str = "r.ground_truth"


def read(
    db: Database,
    model: Model,
    start: datetime,
    end: datetime,
    *,
    columns: Iterable[str] | None,
    as_of: datetime | None,
) -> pd.DataFrame:
    """The rows of a model with timestamp in [start, end); see `Store.window`."""
    plain = source(model, start, end)
    if as_of is not None:
        to_microseconds(as_of, "as_of")
        plain = Source(_AS_OF, plain.where, {**plain.parameters, "as_of": as_of}, "known.value")
    names = chosen(model, columns)
    return frame_of(db, model, plain, names)


def source(model: Model, start: datetime, end: datetime) -> Source:
    """The rows of a model with timestamp in [start, end); WindowError when it ends too early."""
    if to_microseconds(end, "end") < to_microseconds(start, "start"):
        raise WindowError(f"The window ends at {end}, before it starts at {start}.")
    where = "r.model = %(model)s AND r.timestamp >= %(low)s AND r.timestamp < %(high)s"
    return Source("predictions r", where, {"model": model.number, "low": start, "high": end})


def chosen(model: Model, columns: Iterable[str] | None) -> tuple[str, ...]:
    """The columns to read, in the schema's order; ColumnError for one that it does not have."""
    known = tuple(model.schema.kinds)
    if columns is None:
        return known
    wanted = set(columns)
    for name in sorted(wanted):
        if name not in known:
            raise ColumnError.unknown(name, known, f"the schema of {model.model_id!r}")
    return tuple(name for name in known if name in wanted)


_AS_OF = """predictions r LEFT JOIN (
  SELECT DISTINCT ON (prediction_ts, prediction_id) prediction_ts, prediction_id, value
  FROM labels WHERE model = %(model)s AND prediction_ts >= %(low)s AND prediction_ts < %(high)s
    AND received_at <= %(as_of)s
  ORDER BY prediction_ts, prediction_id, received_at DESC, label_no DESC
) known ON known.prediction_ts = r.timestamp AND known.prediction_id = r.id"""


def frame_of(
    db: Database, model: Model, source: Source, names: Sequence[str], *, order: str | None = None
) -> pd.DataFrame:
    """The rows of `source`, of all schema versions, in one consistent snapshot.

    Sorted by time and id, or by the integer column `order` of the source.
    """
    levels = Levels(db.reader, model.number)
    with told(db.reader), snapshot(db.reader) as connection:
        records = models.records(connection, model)
        return rows_of(connection, records, source, (model, names), levels, order=order)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the store as it is at its first query."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ")


def rows_of(
    connection: Connection,
    records: Sequence[Record],
    source: Source,
    wanted: tuple[Model, Sequence[str]],
    levels: Levels,
    *,
    order: str | None = None,
) -> pd.DataFrame:
    """The rows of `source` in all of these schema versions: columns of a model, as its kinds."""
    model, names = wanted
    parts: list[tuple[np.ndarray, np.ndarray, pd.DataFrame]] = []
    for record in records:
        raw = _copy(connection, source, record, names, order)
        if len(raw[_ORDER]):
            columns = _columns(raw, record, model.schema, names, levels)
            parts.append((raw[_ORDER], raw[_TIE], columns))
    if not parts:
        kinds = model.schema.kinds
        return pd.DataFrame({name: versions.absent(kinds[name], 0) for name in names})
    keys, ties = (np.concatenate([part[at] for part in parts]) for at in (0, 1))
    return _sorted(keys, ties, versions.joined([frame for _, _, frame in parts]))


# No column of a schema has a NUL in its name. Rows of the same time are told apart by a hash of
# their ids: the same window gives the same order, wherever its rows lie on the disk.
_ORDER, _TIE = "\0order", "\0tie"


def _copy(
    connection: Connection, source: Source, record: Record, names: Sequence[str], order: str | None
) -> dict[str, Any]:
    key = f"r.{order}::bigint" if order else "r.timestamp"
    selected: list[tuple[str, Wanted]] = [
        (key, Wanted(_ORDER, _LONG)),
        ("hashtextextended(coalesce(r.id, ''), 0)", Wanted(_TIE, _LONG)),
    ]
    strings: list[tuple[str, Wanted]] = []
    for name in names:
        where = expression(record, name, source.truth)
        if where is not None:
            (strings if where[1].wire is None else selected).append(where)
    columns = ", ".join(expression for expression, _ in [*selected, *strings])
    query = (
        f"SELECT {columns} FROM {source.table} "  # noqa: S608 - only positions and fixed names
        f"WHERE {source.where} AND r.schema_version = %(schema_version)s"
    )
    cursor = raw_cursor(connection)
    parameters = {**source.parameters, "schema_version": record.schema_version}
    told_query = cursor.mogrify(query, parameters).decode()
    return copy.read(cursor, told_query, [wanted for _, wanted in [*selected, *strings]])


def expression(record: Record, name: str, truth: str) -> tuple[str, Wanted] | None:
    """Where a column stands in a stored row; None when this schema version does not have it."""
    schema = record.schema
    if name == schema.timestamp:
        return "coalesce(r.timestamp, 'infinity')", Wanted(name, _LONG)
    if name == schema.id:
        return "r.id", Wanted(name, None)
    if name == schema.prediction:
        return "coalesce(r.prediction, 'NaN')", Wanted(name, _FLOAT)
    if name == schema.target:
        return f"coalesce({truth}, 'NaN')", Wanted(name, _FLOAT)
    if name == schema.latency:
        return "coalesce(r.latency_ms, 'NaN')", Wanted(name, _FLOAT)
    if name == schema.version:
        return "coalesce(r.version, -1)", Wanted(name, _INT)
    if name in record.probabilities:
        at = record.probabilities.index(name) + 1
        return f"coalesce(r.probabilities[{at}], 'NaN')", Wanted(name, _FLOAT)
    if name in record.numerics:
        return f"r.numerics[{record.numerics.index(name) + 1}]", Wanted(name, _FLOAT)
    if name in record.categories:
        return f"r.categories[{record.categories.index(name) + 1}]", Wanted(name, _INT)
    if name in record.texts:
        return f"r.texts[{record.texts.index(name) + 1}]", Wanted(name, None)
    return None


def _columns(
    raw: dict[str, Any], record: Record, schema: Schema, names: Sequence[str], levels: Levels
) -> pd.DataFrame:
    n = len(raw[_ORDER])
    data: dict[str, Any] = {}
    for name in names:
        kind = schema.kinds[name]
        if name not in raw:
            data[name] = versions.absent(kind, n)
            continue
        column = _column(raw[name], record, name, levels)
        changed = record.kind(name) != kind
        data[name] = versions.read_as(pd.Series(column), kind) if changed else column
    return pd.DataFrame(data, index=range(n))


def _column(values: Any, record: Record, name: str, levels: Levels) -> Any:
    group = record.levels_of(name)
    if name == record.schema.timestamp:
        told_time = values.astype(np.int64)
        return _moments(np.where(told_time == _INFINITY, NO_TIME, told_time + copy.EPOCH))
    if isinstance(values, list):
        return pd.Series(values, dtype=None if any(values) else object)
    if group is not None:
        codes = np.where(values == values, values, -1).astype(np.int32)
        return _categorical(codes, levels, group)
    numbers = values.astype(np.float64)
    if record.kind(name) == "datetime":
        missing = np.isnan(numbers)
        return _moments(np.where(missing, NO_TIME, np.where(missing, 0, numbers).astype(np.int64)))
    if record.kind(name) == "boolean":
        missing = np.isnan(numbers)
        return pd.arrays.BooleanArray(numbers == 1, missing) if missing.any() else numbers == 1
    return numbers


def _moments(microseconds: np.ndarray) -> pd.Series[Any]:
    """UTC timestamps; `NO_TIME`, the bits of numpy's NaT, is NaT."""
    return pd.Series(microseconds.view("datetime64[us]")).dt.tz_localize("UTC")


def _categorical(codes: np.ndarray, levels: Levels, group: str) -> pd.Series[Any]:
    """The levels that occur, in the order of their names: as if pandas had read the strings."""
    used = np.unique(codes[codes >= 0])
    names = levels.names(group, highest=int(used[-1]) if len(used) else -1)
    in_order = sorted(used.tolist(), key=lambda code: names[code])
    table = np.full((int(used[-1]) if len(used) else 0) + 2, -1, dtype=np.int32)
    table[in_order] = np.arange(len(in_order))
    categories = pd.Index([names[code] for code in in_order], dtype="str")
    return pd.Series(pd.Categorical.from_codes(table[codes], categories=categories))


def _sorted(keys: np.ndarray, ties: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    if (keys[1:] > keys[:-1]).all():
        return frame
    order = np.lexsort((ties, keys))
    return frame.take(order).reset_index(drop=True)
