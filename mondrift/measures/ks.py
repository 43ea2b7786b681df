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

import math

import numpy as np

from mondrift.measures.kolmogorov import two_sample_pvalue
from mondrift.measures.measure import Result
from mondrift.measures.summary import Counts, Summary, Values

_CRITICAL = 1.3580986393225507  # 5 % of Kolmogorov's law lie above


def ks(reference: Summary, current: Summary) -> Result:
    """Distance, p-value and 95 % interval of the distance.

    Exact when both summaries have their rows in memory. From counts alone `statistic` is the
    distance at the grid's borders, and `detail["at_most"]` what the cells could hide; one in
    which both windows hold the same single value hides nothing.

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
        if len(candidates):
            distance = max(distance, _inside(reference, current, candidates))
    elif at_most > at_borders:
        detail["at_most"] = at_most
    pvalue, method = two_sample_pvalue(distance, n, m)
    reach = _CRITICAL * math.sqrt(1 / n + 1 / m)
    low, high = max(distance - reach, 0.0), min(max(distance, at_most) + reach, 1.0)
    return Result(distance, pvalue, low, high, detail={**detail, "method": method})


def _bounds(reference: Summary, current: Summary) -> tuple[float, float, Counts]:
    """The distance at the cells' borders, its upper bound, and the cells that could exceed it."""
    apart = reference.distribution - current.distribution
    best = float(max(apart.max(), -apart.min()))
    # inside a cell, all rows of one window may come before those of the other
    inside = np.maximum(apart + current.cell_shares, reference.cell_shares - apart)
    candidates = np.flatnonzero(inside > best)
    both = (reference.cells[candidates] > 0) & (current.cells[candidates] > 0)
    if len(reference.held) and len(current.held):
        both &= reference.held[candidates] != current.held[candidates]
    candidates = candidates[both]
    return best, max(best, float(inside[candidates].max(initial=0.0))), candidates


def _inside(reference: Summary, current: Summary, candidates: Counts) -> float:
    """The largest distance at a value inside the candidate cells; only their rows are sorted.

    A run of equal values is not sorted either: one value per cell stands for all rows that share
    it, so that a spike of zeros or a column of whole numbers costs no more than others.
    """
    gathered = [_gather(each, candidates) for each in (reference, current)]
    held = np.empty(len(candidates))
    for values, places in gathered:
        held[places] = values
    everywhere = np.arange(len(candidates))
    points, place_of, counted = [held], [everywhere], []
    for values, places in gathered:
        is_held = values == held[places]
        runs = np.bincount(places[is_held], minlength=len(held))
        others = np.sort(values[~is_held])
        many = np.bincount(places, minlength=len(held)) - runs
        points.append(others)
        place_of.append(np.repeat(everywhere, many))  # in ascending order, as cells are
        counted.append((runs, others, many))
    x, place = np.concatenate(points), np.concatenate(place_of)
    beyond = x >= held[place]
    shares = []
    for each, (runs, others, many) in zip((reference, current), counted, strict=True):
        elsewhere = each.cumulative[candidates] - np.cumsum(many) - runs
        rows = elsewhere[place] + np.where(beyond, runs[place], 0)
        rows += others.searchsorted(x, side="right")
        shares.append(rows / each.count)
    return float(np.abs(shares[0] - shares[1]).max())


def _gather(summary: Summary, candidates: Counts) -> tuple[Values, Counts]:
    """Values of the rows in the candidate cells, and which candidate each of them is in."""
    near = np.zeros(len(summary.cells), dtype=bool)
    near[candidates] = True
    rows = np.flatnonzero(near.take(summary.located, mode="clip"))
    place = np.empty(len(near), dtype=np.int64)
    place[candidates] = np.arange(len(candidates))
    return summary.finite[rows], place[summary.located[rows]]
