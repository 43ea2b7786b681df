"""Intervals for proportions, their differences, and estimates with a standard error.

What each covers, measured by `tests/metrics/test_coverage.py` and in the docstrings below, decides
where it is used: `TRUSTED` cases on the rarer side make the large-sample interval hold its level
(93-97 %), below it an exact or resampled one is used, below `FEWEST` there is none.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

from mondrift.metrics.metric import Value

Scale = Literal["plain", "log", "logit"]

TRUSTED = 30
"""From here on (rarer class, errors) the large-sample intervals hold their level."""
FEWEST = 10
"""Below this many cases there is a value but no interval, save for exact ones."""


def wilson(count: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion: the p with |p̂ - p| ≤ z √(p(1-p)/n), in [0, 1].

    Wilson, JASA 22 (1927) 209. Covers 84 % instead of 95 % at p = .998, n = 100: use it where
    both outcomes were seen at least `TRUSTED` times. `n` must be positive.

    >>> low, high = wilson(81, 263)      # Newcombe 1998a, table I
    >>> print(f"{low:.4f} to {high:.4f}")
    0.2553 to 0.3662
    """
    z2 = float(ndtri((1 + level) / 2)) ** 2
    share = count / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * share * (1 - share) / n + z2 * z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if count == 0 else max(0.0, centre - half)
    return low, 1.0 if count == n else min(1.0, centre + half)


def clopper_pearson(count: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion: covers at least `level` at any p and n, often more.

    Clopper and Pearson, Biometrika 26 (1934) 404, by quantiles of the beta distribution.

    >>> low, high = clopper_pearson(0, 100)      # the "rule of three", two-sided
    >>> print(f"{low:.4f} to {high:.4f}")
    0.0000 to 0.0362
    """
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def proportion(count: int, n: int, level: float = 0.95) -> tuple[float, float, str]:
    """Interval of a proportion and its method: Wilson where it holds its level, else exact.

    >>> proportion(450, 500)[2], proportion(495, 500)[2]
    ('Wilson, 450 of 500', 'Clopper-Pearson, 495 of 500')
    """
    trusted = min(count, n - count) >= TRUSTED
    low, high = (wilson if trusted else clopper_pearson)(count, n, level)
    return low, high, f"{'Wilson' if trusted else 'Clopper-Pearson'}, {count} of {n}"


def newcombe(
    count_a: float, n_a: float, count_b: float, n_b: float, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the difference a - b of two independent proportions: hybrid score interval.

    Method 10 of Newcombe, Statistics in Medicine 17 (1998) 873: Wilson's limits of each, combined
    by squares. No continuity correction. Both n must be positive. Measured coverage 94-96 % for
    proportions .5 to .95 and n from 30.

    >>> low, high = newcombe(56, 70, 48, 80)     # Newcombe 1998b, table II (a)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.0524 to 0.3339
    """
    a, b = count_a / n_a, count_b / n_b
    return _combined(a, *wilson(count_a, n_a, level), b, *wilson(count_b, n_b, level))


def newcombe_lower(
    count_a: float, n_a: float, count_b: float, n_b: float, level: float = 0.99
) -> float:
    """One-sided lower bound of a - b at `level`: the lower end of the interval at 2·level - 1.

    >>> round(newcombe_lower(56, 70, 48, 80, level=0.975), 4)
    0.0524
    """
    return newcombe(count_a, n_a, count_b, n_b, 2 * level - 1)[0]


def difference(reference: Value, current: Value) -> Value:
    """The change current - reference of a metric, with an interval made from the two intervals.

    The squares of the distances to the limits add (MOVER; Zou and Donner, Statistics in Medicine
    27 (2008) 1693); with Wilson's limits it is Newcombe's method 10. The windows must not share
    rows. `n` is the smaller of the two.

    >>> june, july = Value(0.8, 0.78, 0.82, n=1500), Value(0.7, 0.67, 0.73, n=900)
    >>> change = difference(june, july)
    >>> print(f"{change.value:.3f} ({change.low:.3f} to {change.high:.3f})")
    -0.100 (-0.136 to -0.064)
    """
    n, excluded = min(reference.n, current.n), reference.excluded + current.excluded
    for where, side in (("reference", reference), ("current", current)):
        if not side.defined:
            return Value.undefined(f"{where}: {side.reason}", n, excluded)
    change = current.value - reference.value
    if reference.level != current.level:
        reason = f"intervals at {reference.level:.3g} and {current.level:.3g} do not combine"
        return Value(change, n=n, excluded=excluded, reason=reason)
    if reference.low is None or reference.high is None:
        return Value(change, n=n, excluded=excluded, reason=f"reference: {reference.reason}")
    if current.low is None or current.high is None:
        return Value(change, n=n, excluded=excluded, reason=f"current: {current.reason}")
    low, high = _combined(
        current.value, current.low, current.high, reference.value, reference.low, reference.high
    )
    method = "MOVER of the two intervals"
    return Value(change, low, high, n, excluded, method=method, level=current.level)


def _combined(
    a: float, low_a: float, high_a: float, b: float, low_b: float, high_b: float
) -> tuple[float, float]:
    down, up = math.hypot(a - low_a, high_b - b), math.hypot(high_a - a, b - low_b)
    return a - b - down, a - b + up


def on_logit(value: float, error: float, df: float, level: float = 0.95) -> tuple[float, float]:
    """Limits of a value in (0, 1) with standard error `error`, made symmetric on the logit scale.

    Stays inside (0, 1) and leans away from the nearer end, as the sampling distribution does.
    Student's t with `df` degrees of freedom.

    >>> low, high = on_logit(0.9, 0.02, df=99)
    >>> print(f"{low:.3f} to {high:.3f}")
    0.853 to 0.933
    """
    half = float(stdtrit(df, (1 + level) / 2)) * error / (value * (1 - value))
    odds = math.log(value / (1 - value))
    return _expit(odds - half), _expit(odds + half)


def on_log(value: float, error: float, df: float, level: float = 0.95) -> tuple[float, float]:
    """Limits of a positive value with standard error `error`, symmetric on the log scale.

    >>> low, high = on_log(2.0, 0.2, df=99)
    >>> print(f"{low:.3f} to {high:.3f}")
    1.640 to 2.439
    """
    half = float(stdtrit(df, (1 + level) / 2)) * error / value
    return value * math.exp(-half), value * math.exp(min(half, 700.0))


def widened(value: Value, design_effect: float, *, scale: Scale) -> Value:
    """The same value with limits for rows of which so many are worth one independent row.

    `scale` is that on which the limits were made: "log" (errors), "logit" (shares and scores) or
    "plain". Limits at 0 or 1 stay where they are.

    >>> once = Value(0.8, 0.75, 0.842, n=300)
    >>> print("{0.low:.3f} to {0.high:.3f}".format(widened(once, 4.0, scale="logit")))
    0.692 to 0.877
    """
    if value.low is None or value.high is None or design_effect <= 1:
        return value
    times = math.sqrt(design_effect)
    low, high = (further(value.value, limit, times, scale) for limit in (value.low, value.high))
    return replace(value, low=low, high=high)


def further(value: float, limit: float, times: float, scale: Scale) -> float:
    """A limit `times` as far from its value on a scale; where that has no place for it, as is.

    >>> further(10.0, 12.0, 2.0, "plain"), round(further(10.0, 12.0, 2.0, "log"), 1)
    (14.0, 14.4)
    """
    if scale == "plain":
        return value + times * (limit - value)
    if scale == "log":
        return value * (limit / value) ** times if min(value, limit) > 0 else limit
    if not 0 < min(value, limit) <= max(value, limit) < 1:
        return limit
    centre = math.log(value / (1 - value))
    return _expit(centre + times * (math.log(limit / (1 - limit)) - centre))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else (e := math.exp(max(x, -700.0))) / (1 + e)


def effective_number(
    values: NDArray[np.float64], counts: NDArray[np.float64] | None = None
) -> float:
    """How many rows carry a sum of non-negative values: Kish's (Σ v)² / Σ v², from 1 to n.

    `counts` says how often each value occurs. Used as degrees of freedom where a few rows carry
    most of an error. Zero when all values are.

    >>> effective_number(np.array([1.0, 1, 1, 1])), effective_number(np.array([9.0, 0, 0, 0]))
    (4.0, 1.0)
    >>> effective_number(np.array([1e200, 1e200, 1.0]))
    2.0
    """
    weights = np.ones(len(values)) if counts is None else counts
    largest = float(values.max(initial=0.0))
    if largest > 1e100:  # in units of it, so that squares stay finite
        values = values / largest
    squares = float(weights @ values**2)
    return float(weights @ values) ** 2 / squares if squares > 0 else 0.0


def too_few(name: str, count: int, fewest: int = FEWEST) -> str:
    """The reason for a value without an interval.

    >>> too_few("positives", 4)
    'too few positives (4): no interval below 10'
    """
    return f"too few {name} ({count}): no interval below {fewest}"
