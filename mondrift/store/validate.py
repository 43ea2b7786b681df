"""Rows from outside, checked one by one against a model's schema: good ones as arrays, bad ones
whole, with every reason.

A frame whose *columns* are wrong is refused at once (its maker can repair it); a *row* that does
not fit goes to quarantine, and the others are stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from mondrift.errors import ColumnError, InputError, shown
from mondrift.kinds import Kind, Role
from mondrift.measures.column import Column
from mondrift.rows import read
from mondrift.schema import Schema
from mondrift.store.complaints import Complaints
from mondrift.store.levels import LONGEST_LEVEL
from mondrift.store.records import Record
from mondrift.store.timestamps import NO_TIME, microseconds
from mondrift.window import Window

_EXACT = 2**53
_LONGEST_ID = 255


@dataclass(frozen=True)
class Checked:
    """Columns of n rows as arrays, with the rows that must not be used.

    `numbers`: float64, NaN missing. `codes`: int32 into `levels`, -1 missing. `texts`: lists of
    str or None. `ids`: None where the client gave none. `timestamps`: microseconds since 1970,
    `NO_TIME` where there is none.
    """

    n: int
    source: pd.DataFrame | Sequence[Mapping[str, Any]]
    timestamps: np.ndarray
    ids: list[str | None]
    numbers: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    levels: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, list[str | None]]
    complaints: Complaints

    def rejected(self) -> list[tuple[str, dict[str, Any]]]:
        """(reasons, row) of every row that does not fit, in order; rows are JSON-valid."""
        rows = sorted(self.complaints.reasons)
        reasons = ["; ".join(self.complaints.reasons[row]) for row in rows]
        return list(zip(reasons, self.plain(rows), strict=True))

    def plain(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """These rows as they came, whole, JSON-valid."""
        if not len(rows):
            return []
        if isinstance(self.source, pd.DataFrame):
            records: Sequence[Mapping[Any, Any]] = self.source.iloc[list(rows)].to_dict("records")
        else:
            records = [self.source[row] for row in rows]
        return [plain_row(record) for record in records]


def to_frame(
    rows: Any, what: str
) -> tuple[pd.DataFrame, pd.DataFrame | Sequence[Mapping[str, Any]]]:
    """Any frame, a list of dicts or one dict as a DataFrame, and the rows as they came.

    Columns made of dicts are of dtype object, as are columns of mixed types: see `readable`.
    """
    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, pd.DataFrame):
        frame = rows
    elif hasattr(rows, "to_pandas"):  # polars, pyarrow
        frame = rows.to_pandas()
    elif isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        plain = [{str(k): v for k, v in row.items()} for row in rows]
        frame = pd.DataFrame(plain, dtype=object)
        return frame, rows
    else:
        raise InputError(
            f"{what} come as a DataFrame, a list of dicts or one dict, not as "
            f"{type(rows).__name__}."
        )
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1).reset_index(drop=True)
    return frame, frame


def check(
    rows: Any, record: Record, *, zone: str | None, latest: datetime, timeless: bool = False
) -> Checked:
    """Check rows against the schema of `record`.

    Parameters
    ----------
    zone : IANA zone of timestamps that say none; None: such timestamps are refused.
    latest : no row may be later than this.
    timeless : rows need no timestamp (a baseline from a frame).

    Raises ColumnError when a frame lacks a required column or has an unknown one, InputError when
    no timestamp of the batch has a time zone.
    """
    schema = record.schema
    frame, source = to_frame(rows, "Rows")
    required = set(record.required) - ({schema.timestamp} if timeless else set())
    complaints = Complaints()
    if isinstance(source, pd.DataFrame):
        _check_columns(frame, schema, required)
    else:
        _check_keys(source, schema, required, complaints)
    names = [name for name in schema.kinds if name in frame.columns]
    frame = readable(frame[names], complaints)
    timestamps = np.full(len(frame), NO_TIME, dtype=np.int64)
    if schema.timestamp in frame.columns:
        timestamps = microseconds(frame[schema.timestamp], zone, latest, complaints)
    elif not timeless:
        complaints.add(np.ones(len(frame), dtype=bool), lambda _: "it has no timestamp")
    values = _Values(frame, record, complaints)
    return Checked(
        n=len(frame),
        source=source,
        timestamps=timestamps,
        ids=identifiers(frame, schema.id, complaints),
        numbers=values.numbers,
        codes=values.codes,
        levels=values.levels,
        texts=values.texts,
        complaints=complaints,
    )


def readable(frame: pd.DataFrame, complaints: Complaints) -> pd.DataFrame:
    """Object columns given the dtype of their values, without text that PostgreSQL cannot keep.

    Such text is complained about here, first of all: pandas' own strings cannot hold it either.
    """
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object:
            values = column.tolist()
            bad = [isinstance(value, str) and _unstorable(value) for value in values]
            _complain(complaints, column, np.array(bad, dtype=bool), _NO_TEXT)
            kept = [None if gone else value for gone, value in zip(bad, values, strict=True)]
            column = pd.Series(kept, name=name, dtype=None if kept else object)
        columns[name] = column
    return pd.DataFrame(columns, index=frame.index)


def _complain(complaints: Complaints, column: pd.Series[Any], bad: np.ndarray, why: str) -> None:
    complaints.add(bad, lambda row: f"column {column.name!r}: {brief(column.iloc[row])} {why}")


def _check_columns(frame: pd.DataFrame, schema: Schema, required: set[str]) -> None:
    names = list(frame.columns)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ColumnError(f"Columns {shown(doubled)} appear more than once in the rows.")
    lacking = [name for name in sorted(required) if name not in names]
    extra = [name for name in names if name not in schema.kinds]
    if lacking or extra:
        told = [f"they lack {shown(lacking)}"] if lacking else []
        told += [f"the schema has no {shown(extra)}"] if extra else []
        raise ColumnError(
            f"The rows are not the model's: {'; '.join(told)}. Nothing was stored. If the model "
            "has changed, register its next version: store.register_model(model_id, schema, ...)"
        )


def _check_keys(
    rows: Iterable[Mapping[str, Any]], schema: Schema, required: set[str], complaints: Complaints
) -> None:
    known = set(schema.kinds)
    for row, present in enumerate(frozenset(map(str, row)) for row in rows):
        if lacking := sorted(required - present):
            complaints.reasons.setdefault(row, []).append(f"it lacks {shown(lacking)}")
        if extra := sorted(present - known):
            complaints.reasons.setdefault(row, []).append(f"the schema has no {shown(extra)}")


class _Values:
    """The columns of a frame read as their kinds; what cannot be read is complained about."""

    def __init__(self, frame: pd.DataFrame, record: Record, complaints: Complaints) -> None:
        self.numbers: dict[str, np.ndarray] = {}
        self.codes: dict[str, np.ndarray] = {}
        self.levels: dict[str, tuple[str, ...]] = {}
        self.texts: dict[str, list[str | None]] = {}
        self._frame = frame
        self._complaints = complaints
        schema = record.schema
        kinds: dict[str, Kind] = {}
        for name in frame.columns:
            if name in (schema.id, schema.timestamp):
                continue
            if record.levels_of(name) is not None:
                kinds[name] = "categorical"
            elif record.kind(name) == "text":
                self._read_text(name)
            elif record.kind(name) == "datetime":
                self._read_datetime(name)
            else:
                measured = schema.role(name) in ("latency", "probability")
                kinds[name] = "numeric" if measured else record.kind(name)
        # Once for all columns: each call has its price, and most batches are small.
        rows = read(frame[list(kinds)], Schema(kinds=kinds), window=Window())
        for name, column in rows.columns.items():
            if column.kind == "categorical":
                self._check_levels(name, column)
            else:
                self._check_numbers(name, column, schema.role(name))

    def _complain(self, name: str, bad: np.ndarray, why: str) -> None:
        if bad.any():
            _complain(self._complaints, self._frame[name], bad, why)

    def _check_numbers(self, name: str, found: Column, role: Role) -> None:
        column = self._frame[name]
        values = np.asarray(found.values, dtype=np.float64)
        unread = np.isnan(values) & ~_missing(column)
        why = "is not true or false" if found.kind == "boolean" else "is no number"
        self._complain(name, unread, why)
        if column.dtype.kind not in "fb":
            large = np.abs(values) >= _EXACT
            large[large] = [_is_inexact(cell) for cell in column[large].tolist()]
            self._complain(name, large, "is beyond 2^53: declare the column text")
        if role == "probability":
            self._complain(name, (values < 0) | (values > 1), "is no probability")
        self.numbers[name] = values

    def _check_levels(self, name: str, column: Column) -> None:
        self.codes[name] = np.asarray(column.values, dtype=np.int32)
        self.levels[name] = column.levels
        for refused, why in ((_unstorable, _NO_TEXT), (_too_long, _TOO_LONG)):
            codes = [code for code, level in enumerate(column.levels) if refused(level)]
            if codes:
                self._complain(name, np.isin(self.codes[name], codes), why)

    def _read_text(self, name: str) -> None:
        column = self._frame[name]
        missing = _missing(column)
        values = [
            None if gone else plain_text(value)
            for gone, value in zip(missing.tolist(), column.tolist(), strict=True)
        ]
        bad = [value is not None and _unstorable(value) for value in values]
        self._complain(name, np.array(bad, dtype=bool), _NO_TEXT)
        self.texts[name] = values

    def _read_datetime(self, name: str) -> None:
        column = self._frame[name]
        moments = pd.Series(pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601"))
        missing = moments.isna().to_numpy()
        self._complain(name, missing & ~_missing(column), "is no date or time")
        values = moments.dt.as_unit("us").astype("int64").to_numpy().astype(np.float64)
        self.numbers[name] = np.where(missing, np.nan, values)


_NO_TEXT = "holds a character that PostgreSQL cannot keep (NUL or a lone surrogate)"
_TOO_LONG = f"is longer than {LONGEST_LEVEL} characters: declare the column text"


def _missing(column: pd.Series[Any]) -> np.ndarray:
    return np.asarray(column.isna().to_numpy(), dtype=bool)


def _is_inexact(cell: Any) -> bool:
    """Whether a large value is an integer that float64 does not hold."""
    try:
        return not isinstance(cell, float) and abs(int(cell)) > _EXACT
    except (ValueError, TypeError, OverflowError):
        return False


def _unstorable(value: str) -> bool:
    if value.isascii():
        return "\0" in value
    return "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)


def _too_long(level: str) -> bool:
    return len(level) > LONGEST_LEVEL


def identifiers(frame: pd.DataFrame, name: str | None, complaints: Complaints) -> list[str | None]:
    """The ids the client gave, as text; None where it gave none."""
    if name is None or name not in frame.columns:
        return [None] * len(frame)
    column = frame[name]
    missing = _missing(column)
    ids = [
        None if gone else plain_text(value)
        for gone, value in zip(missing.tolist(), column.tolist(), strict=True)
    ]
    bad = [x is not None and (not 0 < len(x) <= _LONGEST_ID or _unstorable(x)) for x in ids]
    complaints.add(
        np.array(bad, dtype=bool),
        lambda row: f"id {brief(ids[row])} is not 1 to {_LONGEST_ID} plain characters",
    )
    return ids


def plain_text(value: Any) -> str:
    """A value as text; whole floats without a decimal point, as pandas makes them of integers.

    >>> plain_text(17.0), plain_text("a"), plain_text(1.5)
    ('17', 'a', '1.5')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


def brief(value: Any) -> str:
    """A value for a message, cut at 60 characters."""
    shown_value = repr(value.item() if isinstance(value, np.generic) else value)
    return shown_value if len(shown_value) <= 60 else shown_value[:57] + "..."


def plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row, whole, JSON-valid: what JSON has no word for becomes {"$type": text}.

    >>> plain_row({"x": float("nan"), "at": date(2013, 4, 22), "y": 1})
    {'x': {'$float': 'nan'}, 'at': {'$date': '2013-04-22'}, 'y': 1}
    """
    return {str(key): _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, datetime | date):
        return {f"${type(value).__name__.lower()}": value.isoformat()}
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return {f"${type(value).__name__.lower()}": str(value)}
