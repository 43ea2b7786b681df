"""Any frame in, checked columns out.

Kinds are fixed once, from the reference, and never guessed again: a current window is *read as* the
reference's kinds, and what cannot be read is counted and reported, not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from mondrift.errors import InputError
from mondrift.kinds import floats, table, to_numbers
from mondrift.measures.column import Column
from mondrift.schema import Schema
from mondrift.window import Window


@dataclass(frozen=True)
class Rows:
    """Checked columns of one window, read as a schema's kinds.

    `unreadable` counts, per column, the values that could not be read as the column's kind
    (they are missing in `columns`); `absent` and `extra` are columns that only the schema, or
    only the frame, has.
    """

    schema: Schema
    columns: Mapping[str, Column]
    window: Window
    unreadable: Mapping[str, int]
    absent: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.window.n

    def where(self, keep: np.ndarray, label: str) -> Rows:
        """The rows at `keep` (a boolean mask of length n), as a window named `label`."""
        columns = {name: replace(c, values=c.values[keep]) for name, c in self.columns.items()}
        window = replace(self.window, n=int(np.count_nonzero(keep)), label=label)
        return replace(self, columns=columns, window=window, unreadable={})

    def segment(self, name: str, level: str) -> Rows:
        """The rows where column `name` holds `level`."""
        column = self.columns[name]
        code = column.levels.index(level) if level in column.levels else -2
        return self.where(column.values == code, f"{name}={level}")


def read(
    frame: Any,
    schema: Schema,
    *,
    window: Window | None = None,
    label: str = "current",
    columns: Iterable[str] | None = None,
) -> Rows:
    """Read a pandas, polars or pyarrow frame as the kinds of a fitted `schema`.

    `window` gives the bounds when they are known (else they are the first and last timestamp);
    `columns` limits what is read. Never raises over a value: what cannot be read is counted.
    """
    narwhal = table(frame, f"the {label} window")
    there = dict(zip(narwhal.columns, narwhal.iter_columns(), strict=True))
    wanted = None if columns is None else set(columns)
    names = [name for name in schema.kinds if wanted is None or name in wanted]
    read_columns: dict[str, Column] = {}
    unreadable: dict[str, int] = {}
    for name in names:
        if name in there:
            values, levels, bad = _READERS[schema.kinds[name]](there[name])
            read_columns[name] = Column(name, schema.kinds[name], values, levels)
            if bad:
                unreadable[name] = bad
    if window is None:
        window = _window(narwhal, schema.timestamp, label)
    return Rows(
        schema=schema,
        columns=read_columns,
        window=replace(window, n=len(narwhal)),
        unreadable=unreadable,
        absent=tuple(name for name in names if name not in there),
        extra=tuple(name for name in there if name not in schema.kinds),
    )


def _window(frame: nw.DataFrame[Any], timestamp: str | None, label: str) -> Window:
    if timestamp is None or timestamp not in frame.columns or len(frame) == 0:
        return Window(label=label, n=len(frame))
    series = frame[timestamp]
    if not isinstance(series.dtype, nw.Datetime):
        raise InputError(
            f"Column {timestamp!r} is declared as timestamp but holds {series.dtype}. "
            f"Convert it: rows[{timestamp!r}] = pandas.to_datetime(rows[{timestamp!r}], utc=True)"
        )
    if series.dtype.time_zone is None:
        raise InputError(
            f"Column {timestamp!r} has timestamps without a time zone. Say which one they are in: "
            f"rows[{timestamp!r}] = rows[{timestamp!r}].dt.tz_localize('UTC')"
        )
    first, last = series.min(), series.max()
    if first is None or first is pd.NaT:
        return Window(label=label, n=len(frame))
    return Window(_utc(first), _utc(last), n=len(frame), label=label)


def _utc(moment: Any) -> datetime:
    return pd.Timestamp(moment).tz_convert(UTC).to_pydatetime(warn=False)


# Readers: one per kind; each gives values, levels and how many values it could not read.

_Read = tuple[np.ndarray, tuple[str, ...], int]


def _read_numeric(series: nw.Series[Any]) -> _Read:
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return floats(series), (), 0
    if series.dtype.is_temporal():
        return np.full(len(series), np.nan), (), len(series) - int(series.null_count())
    native = series.to_pandas()
    numbers = to_numbers(native.astype(object)).to_numpy()
    return numbers, (), int(np.count_nonzero(np.isnan(numbers) & native.notna().to_numpy()))


def _read_boolean(series: nw.Series[Any]) -> _Read:
    values, _, bad = _read_numeric(series)
    readable = np.isnan(values) | (values == 0) | (values == 1)
    return np.where(readable, values, np.nan), (), bad + int(np.count_nonzero(~readable))


def _read_categorical(series: nw.Series[Any]) -> _Read:
    """Codes into levels. 1, 1.0, Int64(1) and True are one class, named "1"."""
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        codes, values = pd.factorize(floats(series), sort=True)
        names = [str(int(v)) if abs(v) < 1e15 and v % 1 == 0 else repr(float(v)) for v in values]
        return codes.astype(np.int32), tuple(names), 0
    native = series.to_pandas()
    if not isinstance(native.dtype, pd.CategoricalDtype):
        if isinstance(native.dtype, np.dtype) and native.dtype == object:
            native = native.map(str, na_action="ignore")
        native = native.astype("category")
    codes = native.cat.codes.to_numpy().astype(np.int32)
    return codes, tuple(str(level) for level in native.cat.categories), 0


def _read_mask(series: nw.Series[Any]) -> _Read:
    return np.asarray(series.is_null().to_numpy(), dtype=bool), (), 0


_READERS: Mapping[str, Callable[[nw.Series[Any]], _Read]] = {
    "numeric": _read_numeric,
    "boolean": _read_boolean,
    "categorical": _read_categorical,
    "datetime": _read_mask,
    "text": _read_mask,
}
