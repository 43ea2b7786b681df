"""Kolmogorov-Smirnov: the largest vertical distance between two distribution functions.

    D = max over x of |F(x) - G(x)|

F and G are the shares of reference and current values that are at most x; missing and infinite
values take no part. D has no unit and lies in [0, 1]; 0.1 is a normal column moved by a quarter
of a standard deviation. Two-sided p-value, exact while reference rows × current rows is at most
a million, else asymptotic with the effective size n m / (n + m).

Blind spot: weak in the tails, and for changes of shape around the same centre (variance × 1.5
gives 0.05). Ties (`detail["discrete"]`) make the p-value conservative: it is then an upper bound,
and chi-square on the bins has the power. Source: Smirnov 1939; Hodges 1958.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.kolmogorov import two_sample_pvalue
from mondrift.measures.layout import Bins
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
        distance = max(distance, _inside(reference, current, candidates, bins))
    elif at_most > at_borders:
        detail["at_most"] = at_most
    pvalue, method = two_sample_pvalue(distance, n, m)
    reach = float(special.kolmogi(0.05)) * np.sqrt(1 / n + 1 / m)
    low, high = max(distance - reach, 0.0), min(max(distance, at_most) + reach, 1.0)
    return Result(distance, pvalue, low, high, detail={**detail, "method": method})


def _bounds(
    reference: Summary, current: Summary
) -> tuple[float, float, NDArray[np.bool_]]:
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
    reference: Summary, current: Summary, candidates: NDArray[np.bool_], bins: Bins
) -> float:
    """The largest distance at a value inside the candidate cells; only their rows are sorted."""
    if not candidates.any():
        return 0.0
    samples = [np.sort(each.finite[candidates[each.located]]) for each in (reference, current)]
    points = np.concatenate(samples)
    cells = bins.grid.locate(points)
    share = []
    for each, sample in zip((reference, current), samples, strict=True):
        elsewhere = np.cumsum(np.where(candidates, 0, each.cells))
        at_or_below = elsewhere[cells] + np.searchsorted(sample, points, side="right")
        share.append(at_or_below / each.count)
    return float(np.abs(share[0] - share[1]).max())
