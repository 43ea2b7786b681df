"""Slices: the parts of a window where the model got worse most, found by a corrected search.

Every level of every category, and every quarter of the reference of every number, is looked at.
What is found is told; it never decides about the window as a whole. Columns that are private are
left out, for a slice's name says their values; and so are rows that depend on each other
(`Schema.cluster`), which the tests do not allow for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mondrift.measurement import Measurement
from mondrift.measures.column import Column
from mondrift.metrics.intervals import wilson
from mondrift.metrics.slices import Slice, search
from mondrift.performance import errors_of
from mondrift.rows import Rows

MOST = 5
"""So many slices are told."""
_LEVELS = {"share": 0.01, "mean": 0.005}
"""Of a whole search; means of heavy-tailed errors are called a little more often than they say."""
_DRAWN = 20_000  # rows of the reference that its quartiles are taken from, at most

Names = list[str]


def slices(before: Rows, after: Rows) -> list[Measurement]:
    """`slice_accuracy` (or `slice_mae`) of at most five slices, the largest change first.

    `segment` names the slice ("origin=LGA", "hour 17 to 20"), `statistic` is its metric in the
    current window, `detail` says `feature`, `reference`, `drop` (points, or a share of the error)
    and `adjusted`, the p-value after correction for every slice that was looked at.
    """
    schema = before.schema
    errors = None if schema.cluster is not None else errors_of(before, after)
    if errors is None:
        return []
    sides = (errors.reference, errors.current)
    kept = [~np.isnan(each) for each in sides]
    names = [
        name
        for name in schema.features
        if name in before.columns and name in after.columns and name not in schema.private
    ]
    coded = [_coded(before.columns[name], after.columns[name]) for name in names]
    usable = [(name, each) for name, each in zip(names, coded, strict=True) if each is not None]
    of: Literal["share", "mean"] = "mean" if errors.metric == "mae" else "share"
    codes = (
        [_of(each[0], kept[0]) for _, each in usable],
        [_of(each[1], kept[1]) for _, each in usable],
    )
    one, other = ((codes[at], sides[at][kept[at]]) for at in (0, 1))
    found = search(one, other, of=of, level=_LEVELS[of])
    where = (schema.output, schema.role(schema.output))
    return [
        _measurement(each, of, where, usable[each.feature][0], usable[each.feature][1][2])
        for each in found[:MOST]
    ]


def _of(codes: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    return codes if kept.all() else codes[kept]


def _coded(one: Column, other: Column) -> tuple[NDArray[np.int64], NDArray[np.int64], Names] | None:
    """Codes of both windows in one numbering, and what each code is called; None without any."""
    if one.kind == "categorical":
        levels = {level: code for code, level in enumerate(one.levels)}
        table = np.array([*(levels.get(level, -1) for level in other.levels), -1])
        names = [f"{one.name}={level}" for level in one.levels]
        return one.values.astype(np.int64), table[other.values].astype(np.int64), names
    if one.kind not in ("numeric", "boolean"):
        return None
    if one.kind == "boolean":
        edges, names = np.array([0.5]), [f"{one.name}=0", f"{one.name}=1"]
    else:
        edges, names = _quarters(one)
    if not len(edges):
        return None
    names.append(f"{one.name} missing")
    return _binned(one, edges), _binned(other, edges), names


def _quarters(column: Column) -> tuple[NDArray[np.float64], Names]:
    """The quartiles of a reference column, and a name for each of the parts between them."""
    values = column.values
    if len(values) > _DRAWN:
        values = values[np.random.default_rng(0).integers(0, len(values), _DRAWN)]
    values = values[np.isfinite(values)]
    if not len(values):
        return np.zeros(0), []
    edges = np.unique(np.quantile(values, [0.25, 0.5, 0.75], method="higher"))
    edges = edges[edges > values.min()]
    if not len(edges):
        return edges, []
    told = [f"{edge:.4g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(told)]
    parts = [f"below {told[0]}", *between, f"from {told[-1]}"]
    return edges, [f"{column.name} {part}" for part in parts]


def _binned(column: Column, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """The part each value falls into; missing values are the last part."""
    codes = np.zeros(len(column.values), np.int64)
    for edge in edges:  # three comparisons cost less than a search in three edges
        codes += column.values >= edge
    codes[np.isnan(column.values)] = len(edges) + 1
    return codes


def _measurement(
    each: Slice, of: Literal["share", "mean"], where: tuple[str, str], feature: str, names: Names
) -> Measurement:
    low: float | None = None
    high: float | None = None
    if of == "share":
        reference, current = 1 - each.reference, 1 - each.current
        drop = reference - current
        low, high = wilson(current * each.n_current, each.n_current)
    else:
        reference, current = each.reference, each.current
        drop = current / reference - 1
    return Measurement(
        family="performance",
        column=where[0],
        role=where[1],
        kind="",
        measure="slice_accuracy" if of == "share" else "slice_mae",
        statistic=current,
        pvalue=each.pvalue,
        n_reference=each.n_reference,
        n_current=each.n_current,
        low=low,
        high=high,
        segment=names[each.code],
        detail={
            "reference": reference,
            "feature": feature,
            "drop": drop,
            "adjusted": each.adjusted,
        },
    )
