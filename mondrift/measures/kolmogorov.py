"""Null distribution of the Kolmogorov-Smirnov distance: exact, and for large samples.

Why our own: `scipy.stats` takes a second to import, its exact p-value is refused when one window
is large, and its tail sums 10^5 terms. Exact (to rounding) up to an effective size of 300; beyond,
p-values from 1e-6 to 1 are within 1e-5 of themselves (tests, against Durbin's exact matrix), at a
hundredth of its cost.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

EXACT = 100_000  # reference rows × current rows up to which every path is counted
_MATRIX = 300  # effective size up to which Durbin's matrix is raised to that power
_TERMS = 12  # of its series for large samples; 1e-17 of them is beyond, up to n distance² = 9
_TAIL = 5000  # effective size up to which a p-value below 0.014 is summed term by term


def two_sample_pvalue(distance: float, n: int, m: int) -> tuple[float, str]:
    """P(D ≥ distance) for continuous, equal distributions, and "exact" or "asymptotic".

    >>> two_sample_pvalue(0.5, 2, 4), two_sample_pvalue(0.75, 2, 4)
    ((0.93333333, 'exact'), (0.4, 'exact'))
    """
    if n * m <= EXACT:
        return exact_pvalue(distance, n, m), "exact"
    return one_sample_pvalue(distance, round(n * m / (n + m))), "asymptotic"


def exact_pvalue(distance: float, n: int, m: int) -> float:
    """By counting lattice paths from (0, 0) to (n, m) at their first step out of the band.

    Every ordering of the pooled rows is a path; sums of positive terms only, so that small
    p-values keep their digits. Source: Hodges 1958, Viehmann 2021.
    """
    n, m = min(n, m), max(n, m)
    reach = round(distance * n * m)  # |i m - j n| at least this: outside
    if reach <= 0:
        return 1.0
    rows = np.arange(n + 2)
    low = np.maximum((rows * m - reach) // n + 1, 0)
    high = np.minimum(-((-rows * m - reach) // n) - 1, m)
    whole = _log_paths(n, m)
    ways, scale = np.ones(int(high[0]) + 1), 0.0  # scaled by exp(-scale)
    total = 0.0
    for i in range(n + 1):
        if i:  # up from the row below, then right: a running sum
            start, stop = int(low[i]), int(high[i])
            held = np.zeros(max(stop - start + 1, 0))
            before = ways[start - int(low[i - 1]) :]
            held[: len(before)] = before
            ways = np.cumsum(held)
            top = ways.max(initial=0.0)
            if not top:  # no path stays inside: the distance is always at least this
                return 1.0
            ways /= top
            scale += math.log(top)
        if high[i] < m:  # one step right, out of the band
            rest = _log_paths(n - i, m - int(high[i]) - 1)
            total += float(ways[-1] * math.exp(scale + float(rest) - float(whole)))
        leaving = np.arange(low[i], min(low[i + 1] if i < n else 0, high[i] + 1))
        if len(leaving):  # one step up, out of the band
            rest = _log_paths(n - i - 1, m - leaving)
            total += float((ways[: len(leaving)] * np.exp(scale + rest - whole)).sum())
    return min(total, 1.0)


def _log_paths(up: int, right: NDArray[np.int64] | int) -> NDArray[np.float64] | float:
    return special.gammaln(up + np.asarray(right) + 1.0) - (
        special.gammaln(up + 1.0) + special.gammaln(np.asarray(right) + 1.0)
    )


def one_sample_pvalue(distance: float, n: int) -> float:
    """P(D_n ≥ distance) of the one-sample statistic, the limit when the other window is large.

    Source: Simard and L'Ecuyer 2011 for the choice of method.

    >>> one_sample_pvalue(0.1, 100), one_sample_pvalue(0.03, 1000)
    (0.252693, 0.322690)
    """
    z2 = n * distance * distance
    if distance * n <= 0.5:
        return 1.0
    if distance >= 1.0:
        return 0.0
    if n <= _TAIL and (distance >= 0.5 or z2 >= 2.5):
        return min(1.0, 2.0 * _one_sided(n, distance))
    if n <= _MATRIX:
        return min(max(1.0 - durbin(n, distance), 0.0), 1.0)
    if z2 < 9.0:
        return min(max(1.0 - _pelz_good(n, distance), 0.0), 1.0)
    # large n, far tail: the leading term, with the next order of its exponent
    shifted = math.sqrt(z2) + 1 / (6 * math.sqrt(n))
    return float(special.kolmogorov(shifted)) * math.exp(-4 / 9 * n * distance**4)


def _one_sided(n: int, distance: float) -> float:
    """P(D_n⁺ ≥ distance), exact: Smirnov's sum of positive terms (Birnbaum and Tingey 1951).

    Half of the two-sided p-value but for paths that cross both lines: none from 0.5 on, a share
    below 1e-6 from n distance² = 2.5 on. `special.smirnov` gives the same, ten times slower.
    """
    j = np.arange(math.floor(n * (1 - distance)) + 1)
    up = distance + j / n
    logs = special.gammaln(n + 1.0) - special.gammaln(j + 1.0) - special.gammaln(n - j + 1.0)
    logs += (j - 1) * np.log(up) + special.xlogy(n - j, np.maximum(1 - up, 0.0))
    return float(distance * np.exp(logs).sum())


def durbin(n: int, distance: float) -> float:
    """P(D_n < distance), exact (Durbin 1973; Marsaglia, Tsang and Wang 2003)."""
    k = math.ceil(n * distance)
    h = k - n * distance
    size = 2 * k - 1
    row, column = np.indices((size, size))
    power = row - column + 1
    matrix = np.where(power >= 0, 1.0, 0.0)
    edge = h ** np.arange(1, size + 1)
    matrix[:, 0] -= edge
    matrix[-1, :] -= edge[::-1]
    matrix[-1, 0] += max(2 * h - 1, 0.0) ** size
    matrix /= special.gamma(np.maximum(power, 0) + 1.0)
    result, factor, logs, left = np.eye(size), 0.0, 0.0, n  # factor, logs: of result, of matrix
    while left:  # by squaring; numbers are kept near 1 and their logarithms beside them
        if left & 1:
            result, factor = result @ matrix, factor + logs
            top = result.max()
            result, factor = result / top, factor + math.log(top)
        matrix, logs, left = matrix @ matrix, 2 * logs, left >> 1
        top = matrix.max()
        matrix, logs = matrix / top, logs + math.log(top)
    scale = factor + float(special.gammaln(n + 1.0)) - n * math.log(n)
    return float(result[k - 1, k - 1] * math.exp(scale))


def _pelz_good(n: int, distance: float) -> float:
    """P(D_n < distance) for large n (Pelz and Good 1976), to 7e-7 from n = 300 on.

    The last sum is half of what Simard and L'Ecuyer print: Durbin's exact values at n = 2000 are
    met so, and scipy does the same.
    """
    z = math.sqrt(n) * distance
    z2, z4, z6 = z**2, z**4, z**6
    k0 = k1 = k2 = k3 = 0.0
    for k in range(_TERMS):
        a, b = (math.pi * (k + 0.5)) ** 2, (math.pi * (k + 1.0)) ** 2
        at_a, at_b = math.exp(-a / (2 * z2)), math.exp(-b / (2 * z2))
        k0 += at_a
        k1 += at_a * (a - z2)
        k2 += at_a * (6 * z6 + 2 * z4 + a * (2 * z4 - 5 * z2) + a * a * (1 - 2 * z2)) / 36
        k2 -= at_b * b * z4 / 18
        inner = a**3 * (5 - 30 * z2) + a**2 * (212 * z4 - 60 * z2)
        inner += a * (135 * z4 - 96 * z6) - 30 * z6 - 90 * z2 * z6
        k3 += at_a * inner / 3240 + at_b * (3 * b * z2 - b * b) * z4 / 108
    series = k0 * 2 / z + k1 / (3 * z4 * math.sqrt(n)) + k2 / (z**7 * n) + k3 / (z**10 * n**1.5)
    return float(math.sqrt(math.pi / 2) * series)
