"""Any frame in, checked columns out.

A `Schema` declares what each column is for (its role) and how it is measured (its kind). Kinds are
fixed once, from the reference, and never guessed again: a current window is *read as* the
reference's kinds, and what cannot be read is counted and reported, not dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import narwhals as nw
import numpy as np
import pandas as pd

from mondrift.errors import ColumnError, InputError, SchemaError, shown
from mondrift.measures.column import Column
from mondrift.window import Window

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

POSITIVE = "(positive)"  # stands for the positive class, whichever that is

#: Roles whose distribution is compared; the others steer the comparison.
COMPARED: tuple[Role, ...] = ("feature", "segment", "prediction", "probability", "target")

_SINGLE: tuple[Role, ...] = (
    "prediction",
    "target",
    "timestamp",
    "cluster",
    "latency",
    "version",
    "id",
)
_EXACT_INTEGERS = 2**53  # the last integer up to which float64 holds every one
_CLASSES = 20  # a target or prediction with at most so many whole values is a class


@dataclass(frozen=True)
class Schema:
    """What each column of a model's rows is for, and how it is measured.

    Parameters
    ----------
    target, prediction, timestamp, id, cluster, latency, version : str, optional
        The column with this role. `timestamp` holds UTC; `latency` is in ms; rows of one
        `cluster` depend on each other (a user, a machine, an hour).
    probability : str or {class: column}, optional
        Probability of the positive class, or one column per class; values in [0, 1].
    segments : names of categorical features by which everything is also measured apart.
    positive : the class counted as positive; by default 1, True or yes.
    private : names of columns whose values never leave the store.
    kinds : {column: kind}
        "numeric", "categorical", "boolean", "datetime" or "text"; what is not declared is
        inferred by `fit`, once, from the reference.
    notes : {column: reason}
        Why `fit` gave a column its kind, where that is not plain.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"income": [1.0, 2.0], "plan": ["a", "b"], "bought": [0, 1]})
    >>> schema = Schema(target="bought").fit(rows)
    >>> dict(schema.kinds)
    {'income': 'numeric', 'plan': 'categorical', 'bought': 'categorical'}
    >>> schema.features
    ('income', 'plan')
    """

    target: str | None = None
    prediction: str | None = None
    probability: str | Mapping[str, str] | None = None
    timestamp: str | None = None
    id: str | None = None
    segments: tuple[str, ...] = ()
    cluster: str | None = None
    latency: str | None = None
    version: str | None = None
    positive: str | None = None
    private: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("segments", "private"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        complaints = [
            f"column {name!r} has kind {kind!r}; the kinds are {list(KINDS)}"
            for name, kind in self.kinds.items()
            if kind not in KINDS
        ]
        roles: dict[str, str] = {}
        for role, name in self._declared():
            if roles.setdefault(name, role) != role:
                complaints.append(f"column {name!r} is declared as {roles[name]} and as {role}")
        if complaints:
            raise SchemaError("The schema contradicts itself: " + "; ".join(complaints) + ".")

    def _declared(self) -> Iterable[tuple[Role, str]]:
        for role in _SINGLE:
            name = getattr(self, role)
            if name is not None:
                yield role, name
        for name in self.probabilities.values():
            yield "probability", name
        for name in self.segments:
            yield "segment", name

    @property
    def probabilities(self) -> Mapping[str, str]:
        """{class: column}; the key is `POSITIVE` when one column holds P(positive class)."""
        if self.probability is None:
            return {}
        return (
            {POSITIVE: self.probability} if isinstance(self.probability, str) else self.probability
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The model's inputs: columns with no other role, and segments; known after `fit`."""
        return tuple(name for name in self.kinds if self.role(name) in ("feature", "segment"))

    def role(self, name: str) -> Role:
        """The role of a column; a column without a declared one is a feature."""
        return next((role for role, column in self._declared() if column == name), "feature")

    def fit(self, reference: Any) -> Schema:
        """This schema with the kind of every column of `reference`; declared kinds stand.

        Raises ColumnError when a declared column is not there, or two columns share a name.
        """
        frame = _frame(reference, "the reference window")
        for _, name in self._declared():
            if name not in frame.columns:
                raise ColumnError.unknown(name, frame.columns, "the reference window")
        for name in (*self.private, *self.kinds):
            if name not in frame.columns:
                raise ColumnError.unknown(name, frame.columns, "the reference window")
        kinds: dict[str, Kind] = {}
        notes = dict(self.notes)
        for name in frame.columns:
            if name in self.kinds:
                kinds[name] = self.kinds[name]
                continue
            kinds[name], note = _infer(frame[name], self.role(name))
            if note:
                notes[name] = note
        return replace(self, kinds=kinds, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Schema.from_dict` reads it back."""
        probability = self.probability
        return {
            **{role: getattr(self, role) for role in _SINGLE},
            "probability": probability
            if probability is None or isinstance(probability, str)
            else dict(probability),
            "positive": self.positive,
            "segments": list(self.segments),
            "private": list(self.private),
            "kinds": dict(self.kinds),
            "notes": dict(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """The schema that `to_dict` wrote."""
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**fields)


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
    narwhal = _frame(frame, f"the {label} window")
    names = [name for name in schema.kinds if columns is None or name in set(columns)]
    read_columns: dict[str, Column] = {}
    unreadable: dict[str, int] = {}
    for name in names:
        if name in narwhal.columns:
            values, levels, bad = _READERS[schema.kinds[name]](narwhal[name])
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
        absent=tuple(name for name in names if name not in narwhal.columns),
        extra=tuple(name for name in narwhal.columns if name not in schema.kinds),
    )


def _frame(frame: Any, where: str) -> nw.DataFrame[Any]:
    """`frame` through narwhals, with column names that are unique strings."""
    if isinstance(frame, pd.DataFrame):
        names = [str(name) for name in frame.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ColumnError(
                f"Columns {shown(doubled)} appear more than once in {where}; rename or drop them."
            )
        if names != list(frame.columns):
            frame = frame.set_axis(names, axis=1)
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


# Kinds: what a column of the reference is taken for.


def _infer(series: nw.Series[Any], role: Role) -> tuple[Kind, str]:
    dtype = series.dtype
    is_class = role in ("target", "prediction")
    if dtype == nw.Boolean:
        return ("categorical", "") if is_class else ("boolean", "")
    if dtype.is_temporal():
        return "datetime", ""
    if dtype.is_numeric():
        return _infer_number(series, is_class)
    if dtype in (nw.Categorical, nw.Enum):
        return "categorical", ""
    if dtype == nw.String:
        return _infer_string(series, role)
    return _infer_objects(series, role, is_class)


def _infer_number(series: nw.Series[Any], is_class: bool) -> tuple[Kind, str]:
    values = _floats(series)
    values = values[np.isfinite(values)]
    if series.dtype.is_integer() and len(values):
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
        return _infer_number(nw.from_native(_to_numbers(native), series_only=True), is_class)
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


# Readers: one per kind; each gives values, levels and how many values it could not read.

_Read = tuple[np.ndarray, tuple[str, ...], int]


def _floats(series: nw.Series[Any]) -> np.ndarray:
    """A column of numbers as float64, missing as NaN; no copy where none is needed."""
    if series.null_count() or series.dtype != nw.Float64:
        series = series.cast(nw.Float64)
    return np.asarray(series.to_numpy(), dtype=np.float64)


def _to_numbers(native: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_numeric(native, errors="coerce").astype("float64")


def _read_numeric(series: nw.Series[Any]) -> _Read:
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return _floats(series), (), 0
    if series.dtype.is_temporal():
        return np.full(len(series), np.nan), (), len(series) - int(series.null_count())
    native = series.to_pandas()
    numbers = _to_numbers(native.astype(object)).to_numpy()
    return numbers, (), int(np.count_nonzero(np.isnan(numbers) & native.notna().to_numpy()))


def _read_boolean(series: nw.Series[Any]) -> _Read:
    values, _, bad = _read_numeric(series)
    readable = np.isnan(values) | (values == 0) | (values == 1)
    return np.where(readable, values, np.nan), (), bad + int(np.count_nonzero(~readable))


def _read_categorical(series: nw.Series[Any]) -> _Read:
    """Codes into levels. 1, 1.0, Int64(1) and True are one class, named "1"."""
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        codes, values = pd.factorize(_floats(series), sort=True)
        names = [str(int(v)) if v % 1 == 0 and abs(v) < 1e15 else repr(float(v)) for v in values]
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
