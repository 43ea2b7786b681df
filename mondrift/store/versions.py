"""Rows of several schema versions as one frame: every column as the newest version's kind.

A column that a version does not have is missing in its rows. Where a column has changed its kind,
older values are read as the new one: numbers and booleans as categories, categories as text, whole
columns of digits as numbers. Where one of them cannot be, the column's older values stay as they
are, so that a comparison counts them as unreadable instead of losing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mondrift.kinds import Kind
from mondrift.rows import read
from mondrift.schema import Schema
from mondrift.store.validate import plain_text
from mondrift.window import Window


def absent(kind: Kind, n: int) -> Any:
    """A column that is missing in all n rows."""
    return _ABSENT[kind](n)


_ABSENT: Mapping[str, Callable[[int], Any]] = {
    "numeric": lambda n: np.full(n, np.nan),
    "boolean": lambda n: pd.arrays.BooleanArray(np.zeros(n, dtype=bool), np.ones(n, dtype=bool)),
    "categorical": lambda n: pd.Categorical.from_codes([-1] * n, categories=_strings([])),
    "datetime": lambda n: pd.Series(pd.NaT, index=range(n), dtype="datetime64[us, UTC]"),
    "text": lambda n: pd.Series([None] * n, dtype=object),
}


def read_as(column: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """A stored column as another kind; unchanged when one of its values cannot be read so.

    >>> read_as(pd.Series([1.0, 2.5, None]), "categorical").tolist()
    ['1', '2.5', nan]
    >>> read_as(pd.Series(["7", None]), "numeric").tolist(), read_as(pd.Series(["x"]), "numeric")[0]
    ([7.0, nan], 'x')
    """
    if kind == "text":
        plain = column.astype(object)
        return plain.map(plain_text, na_action="ignore").where(plain.notna(), None)
    if kind == "datetime":
        if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
            return column
        moments = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
        return column if moments.isna().sum() > column.isna().sum() else moments.dt.as_unit("us")
    rows = read(pd.DataFrame({"x": column}), Schema(kinds={"x": kind}), window=Window())
    values = rows.columns["x"].values
    if rows.unreadable or (kind != "categorical" and column.dtype.kind == "M"):
        return column
    if kind == "categorical":
        categories = _strings(rows.columns["x"].levels)
        return pd.Series(pd.Categorical.from_codes(values, categories=categories))
    if kind == "boolean":
        return pd.Series(pd.arrays.BooleanArray(values == 1, np.isnan(values)))
    return pd.Series(values)


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames with the same columns, one after the other; categories stay categories.

    Their levels are sorted, as if pandas had read all strings at once.
    """
    if len(frames) == 1:
        return frames[0]
    columns = {name: _joined([frame[name] for frame in frames]) for name in frames[0].columns}
    return pd.DataFrame(columns)


def _joined(parts: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    categorical = [isinstance(part.dtype, pd.CategoricalDtype) for part in parts]
    if all(categorical):
        return pd.Series(pd.api.types.union_categoricals(list(parts), sort_categories=True))
    if len({part.dtype for part in parts}) == 1 and parts[0].dtype != object:
        return pd.concat(parts, ignore_index=True)
    if all(part.dtype in ("bool", "boolean") for part in parts):
        return pd.concat([part.astype("boolean") for part in parts], ignore_index=True)
    values = [value for part in parts for value in part.astype(object).tolist()]
    known = [value for value in values if not pd.isna(value)]
    textual = known and all(isinstance(value, str) for value in known)
    plain = [None if pd.isna(value) else value for value in values]
    return pd.Series(plain, dtype=None if textual else object)


def _strings(names: Sequence[str]) -> pd.Index[Any]:
    return pd.Index(list(names), dtype="str")
