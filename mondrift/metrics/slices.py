"""Where is the model worse? A search over the levels and bins of every feature.

A slice is the rows of one level of one feature (or one of its quarters). Each is held against the
same slice of the reference: the share of wrong rows by Fisher's exact test, mean absolute errors by
the ratio of two means (log scale, Student's t); both one-sided. Having looked at many slices is
paid for by Holm's correction over all that were looked at, so that without a change any of them is
named in at most `level` of windows. Rows must be independent.

Blind spot: slices of two features at once; fewer than `FEWEST` rows on either side; a change that
is alike everywhere makes every slice worse, and the largest is named.

Measured, 20 features of 4 or 8 slices each, reference of 2000 rows, 1000 clean windows of 500, 1000
and 3000 rows, at level .01: any slice named in .004 to .010 of windows for shares (error rates .02
to .3), .001 to .010 for normal and exponential errors, .001 to .014 for t with 5 df.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, stdtr

from mondrift.metrics.regression import CARRIED_BY

Floats = NDArray[np.float64]
Codes = NDArray[np.integer]
Of = Literal["share", "mean"]

FEWEST = 50
"""A slice is looked at when both windows have so many labelled rows of it."""


class Slice(NamedTuple):
    """One code of one feature, in both windows: mean errors, rows, and how likely by chance."""

    feature: int
    code: int
    reference: float
    current: float
    n_reference: int
    n_current: int
    pvalue: float
    adjusted: float = 1.0


def search(
    reference: tuple[Sequence[Codes], Floats],
    current: tuple[Sequence[Codes], Floats],
    *,
    of: Of,
    level: float = 0.01,
) -> list[Slice]:
    """The slices whose error is larger than in the reference and not by chance, worst first.

    Parameters
    ----------
    reference, current : codes of each feature (-1: in no slice), and the error of each row: 0 or 1
        for `of="share"`, its absolute error for `of="mean"`.
    level : of the whole search.

    The order is by how much larger the error surely is (about 97.5 % one-sided): its rise as a
    share of rows, or as a ratio.

    >>> rng = np.random.default_rng(0)
    >>> here, now = rng.integers(0, 4, 4000), rng.integers(0, 4, 1000)
    >>> wrong = (rng.random(4000) < 0.2).astype(float)
    >>> worse = (rng.random(1000) < np.where(now == 2, 0.5, 0.2)).astype(float)
    >>> found = search(([here], wrong), ([now], worse), of="share")
    >>> [(each.code, each.n_current) for each in found]
    [(2, 237)]
    """
    looked: list[Slice] = []
    for feature, (before, after) in enumerate(zip(reference[0], current[0], strict=True)):
        k = 1 + max(int(before.max(initial=-1)), int(after.max(initial=-1)))
        looked += _looked_at(feature, _Sums.of(before, reference[1], k, of),
                             _Sums.of(after, current[1], k, of), of)  # fmt: skip
    adjusted = holm(np.array([each.pvalue for each in looked]))
    found = [
        each._replace(adjusted=float(p))
        for each, p in zip(looked, adjusted, strict=True)
        if p <= level
    ]
    return sorted(found, key=lambda each: _surely(each, of), reverse=True)


def holm(pvalues: Floats) -> Floats:
    """Adjusted p-values of Holm's step-down procedure, valid under any dependence.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(pvalues, kind="stable")
    steps = pvalues[order] * (len(pvalues) - np.arange(len(pvalues)))
    adjusted = np.empty(len(pvalues))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


class _Sums(NamedTuple):
    """Rows, sum and sum of squares of the errors, by code."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, codes: Codes, errors: Floats, k: int, of: Of) -> _Sums:
        shifted = codes + 1  # -1, in no slice, comes first and is dropped
        n = np.bincount(shifted, minlength=k + 1)[1:].astype(float)
        if of == "share":  # counting the wrong rows costs less than adding weights
            wrong = np.bincount(shifted[np.flatnonzero(errors)], minlength=k + 1)[1:].astype(float)
            return cls(n, wrong, wrong)
        return cls(n, _summed(shifted, errors, k), _summed(shifted, errors**2, k))


def _summed(shifted: Codes, weights: Floats, k: int) -> Floats:
    return np.asarray(np.bincount(shifted, weights=weights, minlength=k + 1)[1:], float)


def _looked_at(feature: int, before: _Sums, after: _Sums, of: Of) -> list[Slice]:
    """The slices of one feature that have enough rows, each with its p-value."""
    found = []
    for code in np.flatnonzero((before.n >= FEWEST) & (after.n >= FEWEST)):
        one, other = ([float(part[code]) for part in window] for window in (before, after))
        pvalue = _share_pvalue(one, other) if of == "share" else _mean_pvalue(one, other)
        if pvalue is None:
            continue
        sizes = int(one[0]), int(other[0])
        found.append(
            Slice(feature, int(code), one[1] / one[0], other[1] / other[0], *sizes, pvalue)
        )
    return found


def _share_pvalue(one: Sequence[float], other: Sequence[float]) -> float:
    """Fisher's exact test, one-sided: as many wrong rows in the current window, or more.

    >>> print(f"{_share_pvalue([50, 10, 10], [60, 30, 30]):.6f}")  # as scipy.stats.fisher_exact
    0.000964
    """
    (n, wrong, _), (m, more, _) = one, other
    if more / m <= wrong / n:
        return 1.0
    total, drawn = wrong + more, n + m
    spread = np.sqrt(total * (drawn - total) * n * m / drawn**2 / (drawn - 1))
    last = min(total, m, more + np.ceil(12 * spread) + 60)  # beyond, nothing is left to add
    x = np.arange(more, last + 1)
    logs = _log_choose(total, x) + _log_choose(drawn - total, m - x) - _log_choose(drawn, m)
    return float(min(np.exp(logs).sum(), 1.0))


def _log_choose(n: float, k: float | Floats) -> Floats:
    found = gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n + 1, k))
    return np.asarray(found, float)


def _mean_pvalue(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Ratio of two mean errors, one-sided; None where a few rows carry a mean."""
    means, variances, freedoms = [], [], []
    for n, total, squares in (one, other):
        if squares <= 0 or total**2 / squares < n * CARRIED_BY:
            return None
        mean = total / n
        means.append(mean)
        variances.append(max(squares / n - mean**2, 0.0) / (n - 1) / mean**2)
        freedoms.append(max(total**2 / squares / 2 - 1, 1.0))
    variance = sum(variances)
    rise = float(np.log(means[1] / means[0]))
    if rise <= 0 or variance <= 0:
        return 1.0 if rise <= 0 else None
    freedom = variance**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return float(stdtr(freedom, -rise / np.sqrt(variance)))


def _surely(each: Slice, of: Of) -> float:
    """A lower bound of the rise: less two of its standard errors, as the p-value tells them."""
    rise = each.current - each.reference
    if of == "mean":
        rise = float(np.log(each.current / each.reference))
    z = -float(ndtri(max(each.pvalue, 1e-300)))
    return rise * (1 - 1.96 / z) if z > 0 else -np.inf
