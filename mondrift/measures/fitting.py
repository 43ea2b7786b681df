"""Fitting: the layout that a reference column fixes, and its own summary from the same pass.

A numeric column gets a fine grid around its landmarks, is counted on it, and its bins are picked
from the grid's borders by these counts. A categorical column is counted and its levels grouped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.column import Column
from mondrift.measures.counting import count_levels, summarize
from mondrift.measures.grid import Grid, landmarks
from mondrift.measures.layout import UNSEEN, Bins, Layout, Levels
from mondrift.measures.summary import Counts, Summary

BINS = 10
SPIKE = 0.1  # share of the rows from which one value keeps a bin of its own
SLIVER = 0.01  # a stretch beside a spike with a smaller share joins the spike's bin
DISCRETE = 50  # more distinct values than this are not called discrete
REPEATS = 5  # nor are values that occur less often than this on average
COMMON = 0.01  # share of the rows from which a level is a group of its own
PACK = 0.05  # share of the rows that a group of rarer levels collects
WINSOR = (0.005, 0.995)
HEAVY = 2.0  # a std of more than this many IQR / 1.349 is called heavy-tailed
NORMAL_IQR = 1.3489795003921634
_NOISE = 2.0**-20  # an IQR below this share of the std is that of a spike, no scale
_SAME = 0.99


def fit_layout(column: Column, *, grid: Grid | None = None) -> Layout:
    """The layout of a reference column; the order of its rows does not matter.

    `grid` is that of windows that were counted before: bins are then picked from its borders, so
    that their counts can be read with this layout (`Summary.on`). The range, the scale and the
    bins are this reference's; only the cells are not. None fits a grid to the column.

    >>> from mondrift.measures.column import numeric
    >>> first = fit_layout(numeric(range(100))).bins.grid
    >>> fit_layout(numeric(range(50, 150)), grid=first).bins.grid is first
    True
    """
    return summarize_reference(column, grid=grid).layout


def summarize_reference(column: Column, *, grid: Grid | None = None) -> Summary:
    """The summary of a reference column, on the layout that the column itself fixes.

    The same as `summarize(column, fit_layout(column, grid=grid))`, in one pass instead of two.

    >>> from mondrift.measures.column import categorical
    >>> reference = summarize_reference(categorical(["b", "a", "b", None]))
    >>> reference.layout.levels.names, reference.cells.tolist(), reference.missing
    (('b', 'a'), [2, 1], 1)
    """
    if column.kind == "numeric":
        return _numeric(column, grid)
    if column.kind == "categorical":
        return _categorical(column)
    if column.kind == "boolean":
        both = ("False", "True")
        return summarize(column, Layout("boolean", both, levels=Levels(both, (0, 1))))
    return summarize(column, Layout(column.kind))


def _numeric(column: Column, given: Grid | None) -> Summary:
    known = np.isfinite(column.values)
    finite = column.values if known.all() else column.values[known]
    if not len(finite):
        return summarize(column, Layout("numeric"))
    points = landmarks(finite)
    grid = given or Grid.around(points, len(finite))
    minimum, maximum = float(points[0]) + 0.0, float(points[-1]) + 0.0  # no -0.0
    whole = Bins(grid, (0,), False, minimum, maximum, 0.0, "", 0, grid.size)
    counted = summarize(column, Layout("numeric", ("all",), whole))
    return replace(counted, layout=_binned(counted, whole, points.tolist()))


def _binned(counted: Summary, whole: Bins, points: list[float]) -> Layout:
    """The layout by the counts of all values in one bin."""
    grid, cells, n = whole.grid, counted.cells, counted.count
    occupied = np.flatnonzero(cells)
    up_to = np.concatenate([[0], np.cumsum(cells)])  # rows before each cell
    discrete = len(occupied) <= DISCRETE and REPEATS * len(occupied) <= n
    spiky = bool(cells.max() >= SPIKE * n)
    if whole.minimum == whole.maximum or (discrete and len(occupied) <= BINS):
        cuts = _between(grid, occupied)
    else:
        spikes = np.flatnonzero(cells >= SPIKE * n)[:BINS].tolist() if spiky else []
        cuts = _quantile_cuts(up_to, spikes)
    low, high = np.searchsorted(up_to[1:], np.array(WINSOR) * n).tolist()
    scale, rule = _scale(counted.std, points)
    bins = replace(
        whole, cuts=cuts, discrete=discrete or spiky, scale=scale, scale_rule=rule,
        low_cell=low, high_cell=high + 1,
    )  # fmt: skip
    return Layout("numeric", _labels(bins, counted, occupied), bins)


def _between(grid: Grid, occupied: NDArray[np.int64]) -> tuple[int, ...]:
    """Cuts halfway (in value) between neighbouring occupied cells."""
    starts = grid.borders(np.maximum(occupied, 1))
    middles = grid.locate((starts[:-1] + starts[1:]) / 2)
    return (0, *np.maximum(middles, occupied[:-1] + 1).tolist())


def _quantile_cuts(up_to: Counts, spikes: list[int]) -> tuple[int, ...]:
    """At most BINS cuts into bins of about equal mass; a spike is a bin of its own."""
    n, size = int(up_to[-1]), len(up_to) - 1
    fences = sorted({0, *spikes, *(cell + 1 for cell in spikes), size})
    rest = n - sum(int(up_to[cell + 1] - up_to[cell]) for cell in spikes)
    target = rest / max(BINS - len(spikes), 1)
    cuts = [0]
    for start, end in pairwise(fences):
        mass = int(up_to[end] - up_to[start])
        if start in spikes:
            cuts.append(start)
        elif mass >= SLIVER * n:
            parts = max(round(mass / target), 1)
            wanted = int(up_to[start]) + mass * np.arange(parts) / parts
            after = up_to.searchsorted(wanted)
            before = np.maximum(after - 1, start)
            nearer = wanted - up_to[before] < up_to[after] - wanted
            cuts.extend(np.where(nearer, before, after).tolist())
    merged = sorted({cut for cut in cuts if cut < size})
    mass_of = np.diff(up_to[[*merged, size]])
    full = np.flatnonzero(mass_of).tolist()  # an empty stretch joins a neighbour
    return (0, *(merged[place] for place in full[1:]))


def _scale(std: float, points: list[float]) -> tuple[float, str]:
    """The reference scale, and the rule that chose it."""
    std = float(f"{std:.12g}")  # the order of rows shows in later digits, and in inf or NaN
    robust = (points[15] - points[5]) / NORMAL_IQR
    if points[0] == points[-1]:
        return 0.0, "constant"
    if (
        not std <= HEAVY * robust
        and robust < math.inf
        and (robust > _NOISE * std or not math.isfinite(std))
    ):
        return robust, "IQR / 1.349"
    return (std, "std") if math.isfinite(std) else (0.0, "overflow")


def _labels(bins: Bins, counted: Summary, occupied: NDArray[np.int64]) -> tuple[str, ...]:
    """A bin of one value (but for one row in a hundred) is called by it, any other by its edges."""
    held = occupied.searchsorted([*bins.cuts, bins.grid.size]).tolist()
    texts = []
    for (first, stop), (start, end) in zip(
        pairwise(held), pairwise(bins.edges.tolist()), strict=True
    ):
        usual = _usual(counted, int(occupied[first])) if stop == first + 1 else None
        if usual is not None:
            texts.append(f"{usual:.6g}")
        elif start == -math.inf:
            texts.append("all" if end == math.inf else f"< {end:.4g}")
        elif end == math.inf:
            texts.append(f"≥ {start:.4g}")
        else:
            texts.append(f"{start:.4g} – {end:.4g}")
    return tuple(texts)


def _usual(counted: Summary, cell: int) -> float | None:
    """The value that nearly all rows of a cell have; None when there is none."""
    held = counted.finite[counted.located == cell]
    middle = len(held) // 2
    usual = float(np.partition(held, middle)[middle]) + 0.0
    return usual if np.count_nonzero(held == usual) > _SAME * len(held) else None


def _categorical(column: Column) -> Summary:
    missing, counts = count_levels(column)
    return summarize_levels(column.levels, counts, missing)


def summarize_levels(levels: Sequence[str], counts: Counts, missing: int) -> Summary:
    """The summary of a categorical reference known by its rows per level; levels are sorted.

    >>> summarize_levels(("a", "b"), np.array([2, 6]), 1).layout.labels
    ('b', 'a', '(unseen levels)')
    """
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    ranked, n = counts[order], int(counts.sum())
    names = tuple([levels[place] for place in order.tolist()])
    common = int(np.count_nonzero(ranked >= COMMON * n)) if n else 0
    packs = _packs(ranked[common:], n)
    groups = (*range(common), *(pack + common for pack in packs))
    sizes = np.bincount(packs).tolist() if packs else []
    rare = [f"({size} rare level{'s' if size > 1 else ''})" for size in sizes]
    labels = [*names[:common], *rare]
    layout = Layout("categorical", (*_told_apart(labels), UNSEEN), levels=Levels(names, groups))
    return Summary(layout, n + missing, missing, cells=ranked)


def _packs(rare: Counts, n: int) -> list[int]:
    """The pack of each rare level, given their counts in falling order."""
    if not len(rare):
        return []
    mass = np.cumsum(rare)
    packs = ((mass - rare) // max(PACK * n, 1)).astype(np.int64)
    packs = np.unique(packs, return_inverse=True)[1].ravel()
    if packs[-1] > 0 and rare[packs == packs[-1]].sum() < COMMON * n:
        packs = np.minimum(packs, packs[-1] - 1)  # the last pack is too small to stand alone
    whole: list[int] = packs.tolist()
    return whole


def _told_apart(labels: list[str]) -> list[str]:
    """The same labels, with a number behind those that occur again."""
    seen: dict[str, int] = {}
    unique = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        unique.append(label if seen[label] == 1 else f"{label} #{seen[label]}")
    return unique
