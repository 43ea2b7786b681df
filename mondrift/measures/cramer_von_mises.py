"""Cramér-von Mises: the mean squared distance between two distribution functions.

    T = N M / (N + M)² · Σ over all rows (F(x) - G(x))²

(Anderson's form with ties counted at their value.) No unit, 0 or more, about 1/6 with no drift
whatever the size; grows with the number of rows. Asymptotic p-value of the limiting law.

Blind spot: the tails, as Kolmogorov-Smirnov; ties make the p-value conservative
(`detail["discrete"]`). Source: Anderson 1962; Csörgő and Faraway 1996 for the limiting law.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from mondrift.measures.empirical import distribution_functions
from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary


def cramer_von_mises(reference: Summary, current: Summary) -> Result:
    """Statistic and asymptotic p-value.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> layout = fit_layout(numeric(range(100)))
    >>> result = cramer_von_mises(summarize(numeric(range(100)), layout),
    ...                           summarize(numeric(range(20, 120)), layout))
    >>> result.statistic, result.pvalue
    (1.7335, 0.0000501)
    """
    _, f, g, exact = distribution_functions(reference, current)
    n, m = reference.count, current.count
    pooled = (n * f + m * g) / (n + m)
    mass = np.diff(pooled, prepend=0.0)
    statistic = n * m / (n + m) * float(((f - g) ** 2 * mass).sum())
    # Anderson's mean and variance at these sizes bring the statistic to the limiting law's
    mean = (1 + 1 / (n + m)) / 6
    total = n + m
    spread = (total + 1) * (4 * n * m * total - 3 * (n * n + m * m) - 2 * n * m)
    variance = spread / (45 * total**2 * 4 * n * m)
    if variance <= 0:  # a row on each side: nothing to tell
        return Result(statistic, 1.0, detail={"method": "exact", "discrete": False})
    limiting = 1 / 6 + (statistic - mean) / math.sqrt(45 * variance)
    bins = reference.layout.bins
    detail = {
        "method": "asymptotic" if exact else "asymptotic, grid",
        "discrete": bins is not None and bins.discrete,
    }
    return Result(statistic, _limiting_tail(limiting), detail=detail)


def _limiting_tail(x: float) -> float:
    """P(limit of Cramér-von Mises ≥ x), by its Bessel series, to 1e-12."""
    if x <= 0.003:
        return 1.0
    k = np.arange(200)
    weight = np.exp(special.gammaln(k + 0.5) - special.gammaln(0.5) - special.gammaln(k + 1))
    y = (4 * k + 1) ** 2 / (16 * x)
    terms = weight * np.sqrt(4 * k + 1) * np.exp(-2 * y) * special.kve(0.25, y)
    tail = 1.0 - float(terms.sum()) / (math.pi * math.sqrt(x))
    return min(max(tail, 0.0), 1.0)
