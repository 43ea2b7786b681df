"""Kinds: what a column of the reference is taken for, once; every table comes through narwhals."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, get_args

import narwhals as nw
import numpy as np
import pandas as pd

from mondrift.errors import ColumnError, InputError, shown

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]
Role = Literal[
    "feature",
    "segment",
    "prediction",
    "probability",
    "target",
    "timestamp",
    "cluster",
    "latency",
    "version",
    "id",
]
KINDS: tuple[str, ...] = get_args(Kind)

_EXACT_INTEGERS = 2**53  # the last integer up to which float64 holds every one
_CLASSES = 20  # a target or prediction with at most so many whole values is a class


def table(frame: Any, where: str) -> nw.DataFrame[Any]:
    """`frame` through narwhals, with column names that are unique strings."""
    if isinstance(frame, pd.DataFrame):
        names = [str(name) for name in frame.columns]
        doubled = sorted(name for name, times in Counter(names).items() if times > 1)
        if doubled:
            raise ColumnError(
                f"Columns {shown(doubled)} appear more than once in {where}; rename or drop them."
            )
        if names != list(frame.columns):
            frame = frame.set_axis(names, axis=1)
        frame = _in_utc(frame)
    try:
        narwhal: nw.DataFrame[Any] = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise InputError(
            f"{where[0].upper()}{where[1:]} is a {type(frame).__name__}; give a pandas, polars or "
            "pyarrow table (a list of dicts: pandas.DataFrame(rows))."
        ) from None
    if not narwhal.columns:
        raise InputError(f"{where[0].upper()}{where[1:]} has no columns.")
    return narwhal


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """The same moments in UTC: zones with an underscore or a sign are not known to narwhals."""
    zoned = {
        str(name): frame[name].dt.tz_convert("UTC")
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.DatetimeTZDtype) and str(dtype.tz) != "UTC"
    }
    return frame.assign(**zoned) if zoned else frame


def infer(series: nw.Series[Any], role: Role) -> tuple[Kind, str]:
    """The kind of a reference column in a role, and why, where that is not plain."""
    dtype = series.dtype
    is_class = role in ("target", "prediction")
    if dtype == nw.Boolean:
        return ("categorical", "") if is_class else ("boolean", "")
    if dtype.is_temporal():
        return "datetime", ""
    if dtype.is_numeric():
        return ("numeric", "") if role == "cluster" else _infer_number(series, is_class)
    if dtype in (nw.Categorical, nw.Enum):
        return "categorical", ""
    if dtype == nw.String:
        return _infer_string(series, role)
    return _infer_objects(series, role, is_class)


def _infer_number(series: nw.Series[Any], is_class: bool) -> tuple[Kind, str]:
    whole = series.dtype.is_integer()
    if not whole and not is_class:
        return "numeric", ""
    values = floats(series)
    values = values[np.isfinite(values)]
    if whole and len(values):
        low, high = values.min(), values.max()
        if max(-low, high) > _EXACT_INTEGERS:
            return "text", "integers beyond 2^53 are not exact as float64; declare it categorical"
        n = len(values)
        if n >= 50 and high - low < 2 * n and len(np.unique(values)) == n and not is_class:
            return "text", "every value is another whole number in a dense range: a running id"
    if is_class and len(values) and not np.any(values % 1) and len(np.unique(values)) <= _CLASSES:
        return "categorical", ""
    return "numeric", ""


def _infer_string(series: nw.Series[Any], role: Role) -> tuple[Kind, str]:
    n = len(series) - series.null_count()
    if n == 0:
        return "text", "every value is missing in the reference"
    if role == "feature" and n >= 50:
        distinct = series.drop_nulls().n_unique()
        if distinct > n / 2:
            return "text", f"{distinct:,} distinct values in {n:,} rows: text or an id"
    return "categorical", ""


def _infer_objects(series: nw.Series[Any], role: Role, is_class: bool) -> tuple[Kind, str]:
    """A pandas object column: Decimals, booleans with None, strings, or a mixture."""
    native = series.to_pandas()
    inferred = pd.api.types.infer_dtype(native, skipna=True)
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _infer_number(nw.from_native(to_numbers(native), series_only=True), is_class)
    if inferred == "boolean":
        return ("categorical", "") if is_class else ("boolean", "")
    if inferred in ("string", "categorical"):
        return _infer_string(nw.from_native(native.astype("str"), series_only=True), role)
    if inferred in ("datetime64", "datetime", "date"):
        return "datetime", ""
    if inferred == "empty":
        return "text", "every value is missing in the reference"
    kinds = sorted({type(value).__name__ for value in native.dropna()})
    return "text", f"mixed types {shown(kinds)}; declare its kind in Schema(kinds=...)"


def floats(series: nw.Series[Any]) -> np.ndarray:
    """A column of numbers as float64, missing as NaN; no copy where none is needed."""
    if series.dtype == nw.Float64:
        values = series.to_numpy()
        if values.dtype == np.float64:  # not so where a missing value is none of the numbers
            return np.asarray(values)
    return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)


def to_numbers(native: pd.Series[Any]) -> pd.Series[Any]:
    """Objects as float64; what is no number is NaN."""
    return pd.to_numeric(native, errors="coerce").astype("float64")
