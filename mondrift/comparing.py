"""`compare()`: two windows in, one `Comparison` out; the reference fixes kinds, bins and scales."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mondrift.comparison import QUALITY, Comparison
from mondrift.errors import ColumnError, InputError, nearest, shown
from mondrift.estimates import estimates
from mondrift.histogram import Histogram, histogram
from mondrift.measurement import Measurement
from mondrift.measures import MEASURES, Summary
from mondrift.measures.measure import Measure, Result
from mondrift.pair import Pair, Side, names_of, rows_of, segments
from mondrift.performance import performance
from mondrift.privacy import without_names, without_values
from mondrift.rows import Rows, read
from mondrift.schema import COMPARED, Schema
from mondrift.slices import slices
from mondrift.summaries import Summaries

_THREADED = 200_000  # rows above which threads pay

Progress = Callable[[int, int], None]
"""Told how many columns are done, and of how many; each segment has its columns again."""


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
    before, after = windows(reference, current, schema=schema, columns=columns)
    return compare_windows(before, after, measures=measures, columns=columns, seed=seed)


def windows(
    reference: Any,
    current: Any,
    *,
    schema: Schema | None = None,
    columns: Iterable[str] | None = None,
) -> tuple[Side, Side]:
    """Both windows as the reference's kinds; what has been read already stays as it is."""
    if isinstance(reference, Rows | Summaries):
        before = reference
    else:
        fitted = (schema or Schema()).fit(reference)
        before = read(reference, fitted, label="reference", columns=columns)
    if isinstance(current, Rows | Summaries):
        return before, current
    return before, read(current, before.schema, label="current", columns=columns)


def compare_windows(
    before: Side,
    after: Side,
    *,
    measures: Sequence[str] | None = None,
    columns: Iterable[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """`compare` of windows that have been read, for whoever wants to be told how far it is."""
    chosen = _chosen(measures)
    return _compared(before, after, _comparable(before, after, columns), chosen, seed, progress)


def _compared(
    before: Side, after: Side, names: Sequence[str],
    chosen: tuple[Measure, ...], seed: int, progress: Progress | None,
) -> Comparison:  # fmt: skip
    whole = Pair("", before, after)
    threads = min(os.cpu_count() or 1, 4) if max(before.n, after.n) >= _THREADED else 1

    def compare_one(item: tuple[Pair, str, str | None]) -> _ColumnResult:
        return _compare_column(*item, chosen, seed)

    pairs = [whole, *segments(before, after)]
    results: list[_ColumnResult] = []

    def do(work: Sequence[Any]) -> None:
        for each in _mapped(compare_one, work, threads):
            results.append(each)
            if progress is not None:
                progress(len(results), len(pairs) * len(names))

    do([(whole, name, None) for name in names])
    skipped = {name: each.skipped for name, each in zip(names, results, strict=True)}
    do([(pair, name, skipped[name]) for pair in pairs[1:] for name in names])
    measurements = [m for each in results for m in each.measurements]
    for pair in pairs:
        rows, others = rows_of(pair.before), rows_of(pair.after)
        if rows is not None and others is not None:
            measurements += performance(rows, others, pair.segment, seed, pair.clusters)
            measurements += estimates(rows, others, seed) if pair is whole else []
        if pair is whole and isinstance(before, Rows) and isinstance(after, Rows):
            measurements += slices(before, after)
        measurements.append(_volume(pair))
    return Comparison(
        reference=before.window,
        current=after.window,
        schema=before.schema,
        measurements=tuple(measurements),
        histograms=tuple(each.histogram for each in results if each.histogram is not None),
        skipped={name: reason for name, reason in skipped.items() if reason},
        absent=after.absent,
        extra=after.extra,
        seed=seed,
        versions=dict(_versions()),
    )


@dataclass(frozen=True)
class _ColumnResult:
    measurements: list[Measurement]
    histogram: Histogram | None
    skipped: str


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


def _comparable(before: Side, after: Side, columns: Iterable[str] | None) -> list[str]:
    for name in columns or ():
        if name not in before.schema.kinds:
            raise ColumnError.unknown(name, before.schema.kinds, "the reference window")
    known, others = names_of(before), names_of(after)
    names = [
        name
        for name in known
        if name in others
        and before.schema.role(name) in COMPARED
        and (columns is None or name in set(columns))
    ]
    if not names:
        raise ColumnError(
            f"The windows have no column in common to compare: the reference has "
            f"{shown(known)}, the current window {shown((*others, *after.extra))}."
        )
    return names


def _why_skipped(name: str, schema: Schema, reference: Summary, current: Summary) -> str:
    """Why the distribution of a column cannot be compared; "" when it can."""
    kind = schema.kinds[name]
    if kind in ("datetime", "text"):
        note = schema.notes.get(name, f"the distribution of {kind} columns is not compared")
        return f"{note}; missing values are checked"
    if reference.layout.bins is not None and reference.layout.bins.known == "moments":
        return (
            "the reference is known by mean, std, min and max only; missing values and the range "
            "are checked"
        )
    one = _only_value(reference)
    if one is not None and one == _only_value(current):
        shown_value = "" if name in schema.private else f": {one}"
        return f"the same single value in both windows{shown_value}"
    return ""


def _only_value(summary: Summary) -> str | None:
    """The value of a column that has just one, else None."""
    if summary.layout.kind == "numeric":
        found = [
            *([f"{summary.minimum:g}", f"{summary.maximum:g}"] if summary.count else []),
            *(["-inf"] if summary.negative_infinite else []),
            *(["inf"] if summary.positive_infinite else []),
        ]
        apart = summary.count and summary.minimum != summary.maximum
        return None if apart or len(set(found)) != 1 else found[0]
    levels = summary.layout.levels
    if levels is None or summary.unseen_more:
        return None
    held = [levels.names[at] for at in np.flatnonzero(summary.cells)] + list(summary.unseen)
    return held[0] if len(held) == 1 else None


def _compare_column(
    pair: Pair, name: str, skipped: str | None, chosen: tuple[Measure, ...], seed: int
) -> _ColumnResult:
    """Every measure of one column; `skipped` is None where that is not yet known."""
    schema = pair.before.schema
    role, kind = schema.role(name), schema.kinds[name]
    reference, current = pair.summaries(name)
    if skipped is None:
        skipped = _why_skipped(name, schema, reference, current)
    results = {
        measure.name: measure(reference, current, seed=seed)
        for measure in chosen
        if kind in measure.kinds
        and (measure.name in QUALITY or not skipped)
        # labels come late: that is label coverage, a matter of performance
        and not (role == "target" and measure.name == "missing")
    }
    results = pair.clustered(results, name, reference.layout, seed)
    if not pair.segment:
        results["type_change"] = _type_change(name, kind, pair)
    measured = [
        Measurement(
            "quality" if each in (*QUALITY, "type_change") else "drift",
            name, role, kind, each, float(result.statistic), result.pvalue,
            reference.n, current.n, result.low, result.high, pair.segment,
            result.reason, result.detail,
        )
        for each, result in results.items()
    ]  # fmt: skip
    picture = None if skipped else histogram(name, pair.segment, reference, current)
    if name in schema.private:
        measured = [without_values(each) for each in measured]
        picture = without_names(picture) if picture else None
    return _ColumnResult(measured, picture, skipped)


def _type_change(name: str, kind: str, pair: Pair) -> Result:
    """Share of current values that cannot be read as the reference's kind, in [0, 1]."""
    bad, n = pair.after.unreadable.get(name, 0), pair.after.n
    in_reference = pair.before.unreadable.get(name, 0)
    return Result(
        bad / n if n else math.nan,
        detail={"unreadable": bad, "kind": kind, "in_reference": in_reference},
        reason="" if n else "no rows",
    )


def _volume(pair: Pair) -> Measurement:
    sizes = pair.before.n, pair.after.n
    return Measurement(
        "volume", "", "", "", "rows", float(sizes[1]), None, *sizes, segment=pair.segment
    )


def _mapped(
    function: Callable[[Any], _ColumnResult], items: Sequence[Any], threads: int
) -> Iterable[_ColumnResult]:
    """`map`, over threads when asked: sorting and counting release the interpreter's lock."""
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


@cache
def _versions() -> Mapping[str, str]:
    """Read once: looking them up takes as long as comparing a few columns."""
    from importlib.metadata import version

    return {name: version(name) for name in ("mondrift", "numpy", "pandas", "scipy")}
