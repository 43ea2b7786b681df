"""Anderson-Darling: the squared distance of two distribution functions, heaviest in the tails.

    A² = (L - 1) / L · N M / L · Σ over all L = N + M rows (F - G)² / (H (1 - H) - t / 4)

F, G, H: shares of reference, current and all rows below a value, half of its ties counted in; t:
the share of its ties (Scholz and Stephens' midrank version for two samples). No unit, 0 or more,
exactly 1 on average with no drift whatever the sizes and ties; it grows with the number of rows,
so compare p-values. `detail["standardised"]` is what `scipy.stats.anderson_ksamp` calls statistic.

Below 500 rows in all, and where at most 50 values are so uneven that the smaller window expects
fewer than 200 rows beside the commonest, the p-value is counted by dealing rows at random: valid
at every size, never below 2e-5, up to 50,000 draws (half a second). Elsewhere it is the law for
many rows, Σ λ χ²(1) with the weights λ that these ties have: 0.8 to 1.2 times the truth from 1
down to 0.01 and 0.8 to 1.5 times at 0.001 (simulated); the law without ties is a tenth of the
truth at 0.0001 for counts such as Poisson(2). With fewer than 15 rows beside the commonest of many
values p is None: neither way is right, and chi-square has the answer.

Blind spot: cannot say how large a change is. From counts alone each cell of the grid is a tie: a
valid test of a slightly coarser question (`detail["method"]`). Source: Anderson and Darling 1952,
Pettitt 1976, Scholz and Stephens 1987; Smirnov 1937 for the tail.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.empirical import distribution_functions
from mondrift.measures.measure import Result
from mondrift.measures.sequential import sequential_pvalue
from mondrift.measures.summary import Summary

COUNTED = 500  # rows in both windows together below which p is counted
DRAWS, REACHED, _BATCH = 50_000, 100, 500
FEW = 50  # distinct values that are counted as long as the smaller window has not
AMPLE = 200.0  # so many rows beside the commonest value
BESIDE = 15.0  # with fewer the law is not used for more values, either
_GROUPS = 200  # ties told apart by the law; the largest, if smaller still, makes none of a tie
_WEIGHTS = 200  # weights of the law that are used; of the others only the mean
_NODES = (np.arange(64) + 0.5) * math.pi / 64

Values = NDArray[np.float64]


def anderson_darling(reference: Summary, current: Summary, *, seed: int = 0) -> Result:
    """Statistic and right-tail p-value; the statistic standardised and the method in `detail`.

    `seed` is of a local generator; NaN never, a constant column has 0 and p = 1.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> layout = fit_layout(numeric(range(400)))
    >>> result = anderson_darling(summarize(numeric(range(400)), layout),
    ...                           summarize(numeric(range(60, 460)), layout))
    >>> result.statistic, result.pvalue, result.detail["method"]
    (27.454, 2.212e-13, 'asymptotic')
    """
    _, f, g, exact = distribution_functions(reference, current)
    n, m = reference.count, current.count
    shares = np.diff((n * f + m * g) / (n + m), prepend=0.0)
    ties = np.rint(shares * (n + m)).astype(np.int64)
    some = ties > 0
    ties, ours = ties[some], np.rint(np.diff(f, prepend=0.0) * n)[some]
    statistic = float(_statistic(ours, ties, n))
    detail = {"standardised": _standardised(statistic, n, m)}
    suffix = "" if exact else ", grid"
    if len(ties) == 1:
        return Result(statistic, 1.0, detail={**detail, "method": f"constant{suffix}"})
    beside = min(n, m) * (1 - float(ties.max()) / (n + m))
    if n + m < COUNTED or (len(ties) <= FEW and beside < AMPLE):
        pvalue, draws = _counted(statistic, ties, n, seed)
        counted = {"method": f"permutation{suffix}", "draws": draws, "seed": seed}
        return Result(statistic, pvalue, detail={**detail, **counted})
    if beside < BESIDE:
        return Result(statistic, detail={**detail, "method": "none: too few rows beside one value"})
    pvalue = limiting_tail(statistic, weights(ties))
    return Result(statistic, pvalue, detail={**detail, "method": f"asymptotic{suffix}"})


def _statistic(ours: Values, ties: NDArray[np.int64], n: int) -> Values:
    """A² of each row of `ours`: how many of the n reference rows hold each of the tied values."""
    total = int(ties.sum())
    m = total - n
    h = (np.cumsum(ties) - ties / 2) / total
    f = (np.cumsum(ours, axis=-1) - ours / 2) / n
    room = h * (1 - h) - ties / (4 * total)
    weight = np.divide(ties, room, out=np.zeros(len(ties)), where=room > 0)
    apart = (f - h) * (total / m)  # F - G
    return np.asarray((apart**2 @ weight) * ((total - 1) / total * n * m / total**2))


def _counted(statistic: float, ties: NDArray[np.int64], n: int, seed: int) -> tuple[float, int]:
    """P(statistic or more) when rows are dealt to the windows at random, and how many dealings."""
    random = np.random.default_rng(seed)
    first = np.cumsum(ties) - ties
    labels = (np.arange(int(ties.sum()) if len(ties) > FEW else 0) < n).astype(np.int8)
    labels = np.tile(labels, (_BATCH, 1))

    def reached() -> NDArray[np.bool_]:
        if len(ties) > FEW:
            dealt = random.permuted(labels, axis=1)
            ours = np.add.reduceat(dealt, first, axis=1, dtype=np.float64)
        else:
            ours = random.multivariate_hypergeometric(ties, n, size=_BATCH).astype(np.float64)
        return np.asarray(_statistic(ours, ties, n) >= statistic * (1 - 1e-9))

    return sequential_pvalue(reached, batches=DRAWS // _BATCH, enough=REACHED)


def weights(ties: NDArray[np.int64]) -> Values:
    """The weights λ of the limiting law Σ λ χ²(1), descending, their sum 1.

    1/2, 1/6, 1/12 … without ties; eigenvalues of the scaled covariance of F - G with them.

    >>> weights(np.array([3, 7])), weights(np.ones(500, dtype=np.int64))[:3]
    (array([1.]), array([0.5       , 0.16666667, 0.08333333]))
    """
    share = ties / ties.sum()
    if share.max() <= 1 / _GROUPS:
        j = np.arange(1.0, _WEIGHTS + 1)
        return np.asarray(1 / (j * (j + 1)))
    middle = np.cumsum(share) - share / 2
    group = np.unique((middle * _GROUPS).astype(np.int64), return_inverse=True)[1].ravel()
    share = np.bincount(group, weights=share)
    h = np.cumsum(share) - share / 2
    covariance = np.minimum.outer(h, h) - np.outer(h, h)
    variance = h * (1 - h) - share / 4
    np.fill_diagonal(covariance, variance)
    scale = np.sqrt(share / variance)
    found = np.linalg.eigvalsh(scale[:, None] * covariance * scale[None, :])[::-1]
    return np.asarray(found[: len(share) - 1][:_WEIGHTS])


def limiting_tail(x: float, weights: Values) -> float:
    """P(Σ λ χ²(1) ≥ x), digits kept however small; what the λ lack to 1 counts as its mean.

    Smirnov's alternating sum, one integral between each second pair of 1 / λ: Chebyshev nodes
    take its endpoints' poles. A last λ without a partner has an integral to infinity.

    >>> limiting_tail(2.492, weights(np.ones(500, dtype=np.int64)))  # Anderson and Darling's 5 %
    0.0500
    """
    x -= 1 - float(weights.sum())
    if x <= 0:
        return 1.0
    tail, sign = 0.0, 1.0
    for k in range(0, len(weights), 2):
        start = 1 / weights[k]
        if k + 1 < len(weights):
            reach = 1 / weights[k + 1] - start
            u = start + reach * (1 + np.cos(_NODES)) / 2
            pair = math.sqrt(weights[k] * weights[k + 1]) * u
        else:
            u = start / np.sin(_NODES) ** 2
            pair = np.ones(len(u))
        others = np.delete(weights, [k, k + 1][: len(weights) - k])
        logs = np.log(np.abs(1 - np.outer(others, u))).sum(axis=0) / 2 + x * u / 2
        term = float((np.exp(-logs) / pair).mean())
        tail, sign = tail + sign * term, -sign
        if term < 1e-15 * tail:
            break
    return min(max(tail, 0.0), 1.0)


def _standardised(statistic: float, n: int, m: int) -> float | None:
    """(A² - 1) / its standard deviation without ties; None below four rows in all."""
    total = n + m
    if total < 4:
        return None
    i = np.arange(1.0, total)
    h, both = float((1 / i).sum()), 1 / n + 1 / m
    g = float((np.cumsum(1 / i[:0:-1]) / i[1:]).sum())
    a = 4 * g - 6 + (10 - 6 * g) * both
    b = 8 * g - 16 + 8 * h + (2 * g - 14 * h - 4) * both + 4 * g - 6
    c = 24 * h + 8 * g - 8 + 8 * h - 8 * g + 12 + (2 * h - 6) * both + 4 * h
    d = 8 * h + 24 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1) * (total - 2))
    return (statistic - 1) / math.sqrt(variance / (total - 3))
