"""Unseen and vanished levels: rows whose category only one of the two windows knows.

    unseen   = share of current rows in levels that no reference row has
    vanished = share of reference rows in levels that no current row has

No unit, in [0, 1]. The p-value answers: had all rows been dealt to the two windows at random, how
often would at least as many rows fall into levels that only this window has? A test of two
proportions is wrong here, because the levels were chosen for being absent from the other window.
A level with t rows in all falls wholly into a window of m of the N rows with the exact
probability C(m, t) / C(N, t). The levels' sum is convolved as if they were independent; they are
negatively associated, so that the p-value errs on the safe side (it matters only when most
levels occur once: ids). From 2000 rows on, Chernoff's bound takes the convolution's place.

Blind spot: levels that became frequent but were there before (chi-square, total variation).
Source: permutation of all rows (Fisher 1935); Joag-Dev and Proschan 1983 for the association.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary

_CONVOLVED = 2000  # rows up to which the distribution is computed value by value
_SMALLEST = 1e-12  # p-values below are left to Chernoff's bound, which keeps its digits
_NAMED = 10


def unseen(reference: Summary, current: Summary) -> Result:
    """Share of current rows in levels that the reference window does not have.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["a", "b"] * 500)
    >>> layout = fit_layout(reference)
    >>> current = summarize(categorical(["a", "b"] * 49 + ["c", "c"]), layout)
    >>> result = unseen(summarize(reference, layout), current)
    >>> result.statistic, result.pvalue, result.detail["levels"]
    (0.02, 0.0082, ['c'])
    """
    return _only_in(current, reference)


def vanished(reference: Summary, current: Summary) -> Result:
    """Share of reference rows in levels that the current window does not have.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures import fit_layout, summarize
    >>> reference = categorical(["a"] * 90 + ["b"] * 10)
    >>> layout = fit_layout(reference)
    >>> vanished(summarize(reference, layout),
    ...          summarize(categorical(["a"] * 100), layout)).statistic
    0.1
    """
    return _only_in(reference, current)


def _only_in(here: Summary, there: Summary) -> Result:
    levels = here.layout.levels
    assert levels is not None
    mine = np.append(here.cells, [*here.unseen.values()]).astype(np.int64)
    theirs = np.append(there.cells, [there.unseen.get(name, 0) for name in here.unseen])
    theirs = theirs.astype(np.int64)
    only = np.flatnonzero((mine > 0) & (theirs == 0))
    rows = int(mine[only].sum()) + here.unseen_more
    pvalue = 1.0
    if rows:
        # levels that only the other window has are dealt too; unnamed ones count as single rows
        total = Counter((mine + theirs).tolist())
        total.update(count for name, count in there.unseen.items() if name not in here.unseen)
        total[1] += here.unseen_more + there.unseen_more
        del total[0]
        pvalue = permutation_pvalue(rows, here.count, there.count, total)
    names = (*levels.names, *here.unseen)
    order = only[np.argsort(-mine[only], kind="stable")][:_NAMED].tolist()
    detail = {
        "rows": rows,
        "n_levels": len(only) + (here.unseen_more > 0),
        "levels": [names[place] for place in order],
        "method": "permutation of all rows, closed form",
    }
    return Result(rows / here.count, pvalue, detail=detail)


def permutation_pvalue(rows: int, m: int, n: int, total: Counter[int]) -> float:
    """P(at least `rows` of m rows, dealt from n + m, lie in levels without any of the n others).

    `total` counts the levels by their number of rows in both windows together.

    >>> permutation_pvalue(1, 1, 1, Counter({2: 1})), permutation_pvalue(1, 1, 1, Counter({1: 2}))
    (0.0, 1.0)
    """
    if rows == 0:
        return 1.0
    sizes = np.array(sorted(total), dtype=np.float64)
    many = np.array([total[int(size)] for size in sizes])
    possible = sizes <= m
    sizes, many = sizes[possible], many[possible]
    inside = np.exp(_log_choose(m, sizes) - _log_choose(n + m, sizes))
    sizes, many, inside = sizes[inside > 0], many[inside > 0], inside[inside > 0]
    if total[1] == n + m:  # every level is a single row: any dealing gives the same
        return 1.0
    bound = _chernoff(rows, sizes, many, inside)
    if rows > _CONVOLVED or bound < _SMALLEST:
        return bound
    return min(bound, _convolved(rows, sizes, many, inside))


def _log_choose(of: int, take: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        special.gammaln(of + 1.0) - special.gammaln(take + 1) - special.gammaln(of - take + 1)
    )


def _chernoff(
    rows: int, sizes: NDArray[np.float64], many: NDArray[np.int64], inside: NDArray[np.float64]
) -> float:
    """The best exponential bound on P(sum ≥ rows), over a fixed ladder of exponents."""
    if (sizes * many * inside).sum() >= rows:
        return 1.0
    ladder = np.geomspace(1e-6, 50.0, 400)[:, None]
    grown = np.logaddexp(np.log1p(-np.minimum(inside, 1 - 1e-16)), np.log(inside) + ladder * sizes)
    logs = (many * grown).sum(axis=1) - ladder[:, 0] * rows
    return float(np.exp(min(logs.min(), 0.0)))


def _convolved(
    rows: int, sizes: NDArray[np.float64], many: NDArray[np.int64], inside: NDArray[np.float64]
) -> float:
    """P(sum ≥ rows) by convolving, level size by level size, the numbers of levels inside."""
    short = np.zeros(rows)  # P(sum = 0 .. rows - 1)
    short[0] = 1.0
    for size, levels, chance in zip(sizes.astype(int), many, inside, strict=True):
        if levels * chance < 1e-18:
            continue
        most = min(int(levels), (rows - 1) // size)
        k = np.arange(most + 1)
        log = _log_choose(int(levels), k.astype(np.float64)) + k * np.log(chance)
        log += (levels - k) * np.log1p(-min(chance, 1 - 1e-16))
        spread = np.zeros(most * size + 1)
        spread[:: int(size)] = np.exp(log)
        short = np.convolve(short, spread)[:rows]
    return float(max(1.0 - short.sum(), 0.0))
