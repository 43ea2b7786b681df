"""`compare()`: two windows in, one `Comparison` out; the reference fixes kinds, bins and scales."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mondrift.comparison import QUALITY, Comparison
from mondrift.errors import ColumnError, InputError, nearest, shown
from mondrift.histogram import Histogram, histogram
from mondrift.measurement import Measurement
from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.column import Column
from mondrift.measures.measure import Measure, Result
from mondrift.performance import performance
from mondrift.privacy import without_names, without_values
from mondrift.rows import Rows, read
from mondrift.schema import COMPARED, Schema

_SEGMENTS = 20  # at most so many levels of a segment column, the largest first
_THREADED = 200_000  # rows above which threads pay


def compare(
    reference: Any,
    current: Any,
    *,
    schema: Schema | None = None,
    measures: Sequence[str] | None = None,
    columns: Iterable[str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two windows of rows, column by column; the reference fixes kinds, bins and scales.

    Parameters
    ----------
    reference, current : pandas, polars or pyarrow tables, or `Rows` already read.
    schema : roles and kinds of the columns; what is not declared is inferred from the reference.
    measures : names of measures; None for the default set. Quality checks are always made.
    columns : names of the columns to compare; None for all.
    seed : of every random choice that is made; it is kept in the result.

    Raises
    ------
    ColumnError, InputError, SchemaError
        When the windows cannot be compared at all. One bad column never raises: it is skipped,
        with its reason.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"income": [20.5, 31.0, 44.5, 52.0] * 25})
    >>> compare(rows, rows + 10)
    <Comparison of 1 columns, 100 against 100 rows, largest PSI ... in 'income'>
    """
    chosen = _chosen(measures)
    if isinstance(reference, Rows):
        before = reference
    else:
        fitted = (schema or Schema()).fit(reference)
        before = read(reference, fitted, label="reference", columns=columns)
    after = (
        current
        if isinstance(current, Rows)
        else read(current, before.schema, label="current", columns=columns)
    )
    names = _comparable(before, after, columns)
    skipped = {name: reason for name in names if (reason := _why_skipped(name, before, after))}
    parts = [("", before, after), *_segments(before, after)]
    work = [
        (segment, one.columns[name], other.columns[name], one, other)
        for segment, one, other in parts
        for name in names
    ]

    def compare_one(item: tuple[str, Column, Column, Rows, Rows]) -> _ColumnResult:
        segment, one, other, rows, others = item
        return _compare_column(segment, one, other, rows, others, chosen, seed, skipped)

    big = max((before.n, after.n)) >= _THREADED
    results = list(_mapped(compare_one, work, threads=min(os.cpu_count() or 1, 4) if big else 1))
    measurements = [m for measured, _ in results for m in measured]
    for segment, one, other in parts:
        measurements += performance(one, other, segment, seed)
        measurements.append(_volume(one, other, segment))
    return Comparison(
        reference=before.window,
        current=after.window,
        schema=before.schema,
        measurements=tuple(measurements),
        histograms=tuple(h for _, h in results if h is not None),
        skipped=skipped,
        absent=after.absent,
        extra=after.extra,
        seed=seed,
        versions=_versions(),
    )


_ColumnResult = tuple[list[Measurement], Histogram | None]


def _chosen(measures: Sequence[str] | None) -> tuple[Measure, ...]:
    """The measures of drift to compute, and always those of quality."""
    if measures is not None:
        for name in measures:
            if name not in MEASURES:
                raise InputError(
                    f"{name!r} is no measure; there are {shown(MEASURES, 20)}."
                    f"{nearest(name, MEASURES)}"
                )
    return tuple(
        measure
        for name, measure in MEASURES.items()
        if name in QUALITY or (measure.default if measures is None else name in measures)
    )


def _comparable(before: Rows, after: Rows, columns: Iterable[str] | None) -> list[str]:
    for name in columns or ():
        if name not in before.schema.kinds:
            raise ColumnError.unknown(name, before.schema.kinds, "the reference window")
    names = [
        name
        for name in before.columns
        if name in after.columns and before.schema.role(name) in COMPARED
    ]
    if not names:
        raise ColumnError(
            f"The windows have no column in common to compare: the reference has "
            f"{shown(before.columns)}, the current window {shown((*after.columns, *after.extra))}."
        )
    return names


def _why_skipped(name: str, before: Rows, after: Rows) -> str:
    """Why the distribution of a column cannot be compared; "" when it can."""
    kind = before.schema.kinds[name]
    if kind in ("datetime", "text"):
        note = before.schema.notes.get(name, f"the distribution of {kind} columns is not compared")
        return f"{note}; missing values are checked"
    one, other = _only_value(before.columns[name]), _only_value(after.columns[name])
    if one is not None and one == other:
        shown_value = "" if name in before.schema.private else f": {one}"
        return f"the same single value in both windows{shown_value}"
    return ""


def _only_value(column: Column) -> str | None:
    """The value of a column that has just one, else None."""
    known = (
        column.values[column.values >= 0]
        if column.kind == "categorical"
        else (column.values[~np.isnan(column.values)])
    )
    if not len(known) or known.min() != known.max():
        return None
    return column.levels[int(known[0])] if column.levels else f"{known[0]:g}"


def _segments(before: Rows, after: Rows) -> Iterable[tuple[str, Rows, Rows]]:
    """The windows cut by each level of each segment column, the reference's largest first."""
    for name in before.schema.segments:
        if name not in before.columns or name not in after.columns:
            continue
        one, other = before.columns[name], after.columns[name]
        counts = np.bincount(one.values[one.values >= 0], minlength=len(one.levels))
        for code in np.argsort(-counts, kind="stable")[:_SEGMENTS]:
            level = one.levels[code]
            position = other.levels.index(level) if level in other.levels else -2
            label = f"{name}={level}"
            yield (
                label,
                before.where(one.values == code, label),
                after.where(other.values == position, label),
            )


def _compare_column(
    segment: str, one: Column, other: Column, before: Rows, after: Rows,
    chosen: tuple[Measure, ...], seed: int, skipped: Mapping[str, str],
) -> _ColumnResult:  # fmt: skip
    layout = fit_layout(one)
    reference, current = summarize(one, layout), summarize(other, layout)
    role = before.schema.role(one.name)

    def measurement(family: str, name: str, result: Result) -> Measurement:
        return Measurement(
            family, one.name, role, one.kind, name, float(result.statistic), result.pvalue,
            reference.n, current.n, result.low, result.high, segment, result.reason, result.detail,
        )  # fmt: skip

    measured = []
    for measure in chosen:
        if one.kind not in measure.kinds:
            continue
        if role == "target" and measure.name == "missing":
            continue  # labels come late: that is label coverage, a matter of performance
        family = "quality" if measure.name in QUALITY else "drift"
        if family == "quality" or one.name not in skipped:
            result = measure(reference, current, seed=seed)
            measured.append(measurement(family, measure.name, result))
    if not segment:
        measured.append(measurement("quality", "type_change", _type_change(one, before, after)))
    picture = None if one.name in skipped else histogram(one.name, segment, reference, current)
    if one.name in before.schema.private:
        measured = [without_values(each) for each in measured]
        picture = without_names(picture) if picture else None
    return measured, picture


def _type_change(one: Column, before: Rows, after: Rows) -> Result:
    """Share of current values that cannot be read as the reference's kind, in [0, 1]."""
    bad = after.unreadable.get(one.name, 0)
    return Result(
        bad / after.n if after.n else math.nan,
        detail={
            "unreadable": bad,
            "kind": one.kind,
            "in_reference": before.unreadable.get(one.name, 0),
        },
        reason="" if after.n else "no rows",
    )


def _volume(before: Rows, after: Rows, segment: str) -> Measurement:
    return Measurement(
        "volume", "", "", "", "rows", float(after.n), None, before.n, after.n, segment=segment
    )


def _mapped(
    function: Callable[[Any], _ColumnResult], items: Sequence[Any], *, threads: int
) -> Iterable[_ColumnResult]:
    """`map`, over threads when asked: sorting and counting release the interpreter's lock."""
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("mondrift", "numpy", "pandas", "scipy")}
