"""Kolmogorov-Smirnov: the largest vertical distance between two distribution functions.

    D = max over x of |F(x) - G(x)|

F and G are the shares of reference and current values that are at most x; missing and infinite
values take no part. D has no unit and lies in [0, 1]; 0.1 is a normal column moved by a quarter
of a standard deviation. Two-sided p-value, exact while reference rows × current rows is at most
100 000, else asymptotic with the effective size n m / (n + m): within 8 % of the exact one there.

Blind spot: weak in the tails, and for changes of shape around the same centre (variance × 1.5
gives 0.05). Ties (`detail["discrete"]`) make the p-value conservative: it is then an upper bound,
and chi-square on the bins has the power. Source: Smirnov 1939; Hodges 1958.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.grid import Grid
from mondrift.measures.kolmogorov import two_sample_pvalue
from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary


def ks(reference: Summary, current: Summary) -> Result:
    """Distance, p-value and 95 % interval of the distance.

    Exact when both summaries have their rows in memory. From counts alone `statistic` is the
    distance at the grid's borders, and `detail["at_most"]` what the cells could hide.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference, current = numeric([1, 2, 3, 4]), numeric([1.01, 2.01])
    >>> layout = fit_layout(reference)
    >>> result = ks(summarize(reference, layout), summarize(current, layout))
    >>> result.statistic, result.pvalue, result.detail["method"]
    (0.5, 0.933333, 'exact')
    """
    bins = reference.layout.bins
    assert bins is not None  # Measure.__call__ has seen to it that there are values
    n, m = reference.count, current.count
    at_borders, at_most, candidates = _bounds(reference, current)
    detail: dict[str, object] = {"discrete": bins.discrete}
    distance = at_borders
    if reference.in_memory and current.in_memory:
        if candidates.any():
            distance = max(distance, _inside(reference, current, candidates, bins.grid))
    elif at_most > at_borders:
        detail["at_most"] = at_most
    pvalue, method = two_sample_pvalue(distance, n, m)
    reach = float(special.kolmogi(0.05)) * np.sqrt(1 / n + 1 / m)
    low, high = max(distance - reach, 0.0), min(max(distance, at_most) + reach, 1.0)
    return Result(distance, pvalue, low, high, detail={**detail, "method": method})


def _bounds(reference: Summary, current: Summary) -> tuple[float, float, NDArray[np.bool_]]:
    """The distance at the cells' borders, its upper bound, and the cells that could exceed it."""
    f = np.cumsum(reference.cells) / reference.count
    g = np.cumsum(current.cells) / current.count
    before_f, before_g = np.concatenate([[0.0], f[:-1]]), np.concatenate([[0.0], g[:-1]])
    best = float(np.abs(f - g).max())
    inside = np.maximum(f - before_g, g - before_f)
    both = (reference.cells > 0) & (current.cells > 0)
    candidates = both & (inside > best)
    return best, float(max(best, inside[both].max(initial=0.0))), candidates


def _inside(
    reference: Summary, current: Summary, candidates: NDArray[np.bool_], grid: Grid
) -> float:
    """The largest distance at a value inside the candidate cells; only their rows are sorted.

    A run of equal values is not sorted either: one value per cell stands for all rows that share
    it, so that a spike of zeros or a column of whole numbers costs no more than others.
    """
    gathered = [_gather(each, candidates) for each in (reference, current)]
    held = np.full(len(candidates), np.nan)
    for values, cells in gathered:
        held[cells] = values
    stands = np.flatnonzero(candidates)
    runs = held[stands]  # ascending, as cells are
    others = [np.sort(values[values != held[cells]]) for values, cells in gathered]
    points = np.concatenate([runs, *others])
    where = np.searchsorted(runs, points, side="right")
    shares = []
    for each, (values, cells), other in zip((reference, current), gathered, others, strict=True):
        equal = np.bincount(cells[values == held[cells]], minlength=len(held))[stands]
        elsewhere = np.cumsum(np.where(candidates, 0, each.cells))
        at_or_below = np.concatenate([[0], np.cumsum(equal)])[where]
        at_or_below += np.searchsorted(other, points, side="right")
        shares.append((at_or_below, elsewhere, each.count))
    cell_of = grid.locate(points)
    f, g = ((inside + elsewhere[cell_of]) / count for inside, elsewhere, count in shares)
    return float(np.abs(f - g).max())


def _gather(
    summary: Summary, candidates: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    """Values and cells of the rows in the candidate cells."""
    wanted = candidates.take(summary.located, mode="clip")
    return summary.finite[wanted], summary.located[wanted]
