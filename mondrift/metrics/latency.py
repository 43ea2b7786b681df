"""Latency: quantiles of durations, with limits that assume nothing about their distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from mondrift.metrics.metric import Value

Floats = NDArray[np.float64]


def p50(durations: Floats) -> Value:
    """Median duration, in the unit of the durations.

    >>> value = p50(np.arange(1.0, 102))
    >>> print(f"{value.value:g} ({value.low:g} to {value.high:g})")
    51 (41 to 61)
    """
    return quantile(durations, 0.5)


def p95(durations: Floats) -> Value:
    """Duration that 95 % of the calls stay below. Has an interval from 73 calls on."""
    return quantile(durations, 0.95)


def p99(durations: Floats) -> Value:
    """Duration that 99 % of the calls stay below. Has an interval from 368 calls on.

    >>> p99(np.arange(100.0)).reason
    'too few durations (100) for an interval of the 99 % quantile'
    """
    return quantile(durations, 0.99)


def quantile(durations: Floats, share: float, level: float = 0.95) -> Value:
    """The quantile at `share` (numpy's linear rule), between two of the sorted durations.

    The limits are the order statistics X(r), X(s) with P(B < r) ≤ ½(1 - level) and
    P(B ≥ s) ≤ ½(1 - level) for B ~ Binomial(n, share): exact for any continuous distribution, so
    at least `level`, and slightly more (David and Nagaraja, Order Statistics, 7.1). Missing and
    infinite durations are left out and counted; calls need to be independent, which bursts are not.
    """
    durations = np.asarray(durations, float)
    kept = durations[np.isfinite(durations)]
    n, excluded = len(kept), len(durations) - len(kept)
    if n == 0:
        return Value.undefined("no durations", 0, excluded)
    reach = int(8 * np.sqrt(n * share * (1 - share))) + 8
    centre = int(n * share)
    counts = np.arange(max(centre - reach, 0), min(centre + reach, n - 1) + 1)
    below = bdtr(counts.astype(float), n, share)  # P(B ≤ count)
    tail = (1 - level) / 2
    # zero-based positions: the lower limit is X(r) with P(B ≤ r - 1) ≤ tail
    lower = int(counts[0]) + int(np.searchsorted(below, tail, side="right")) - 1
    upper = int(counts[0]) + int(np.searchsorted(below, 1 - tail, side="left"))
    between = share * (n - 1)
    wanted = {int(between), min(int(between) + 1, n - 1)}
    found = lower >= counts[0] and upper <= counts[-1]
    ordered = np.partition(kept, sorted(wanted | ({lower, upper} if found else set())))
    first, second = float(ordered[int(between)]), float(ordered[min(int(between) + 1, n - 1)])
    value = first + (second - first) * (between - int(between))
    if not found:
        reason = f"too few durations ({n:,}) for an interval of the {100 * share:g} % quantile"
        return Value(value, None, None, n, excluded, reason)
    low, high = float(ordered[lower]), float(ordered[upper])
    return Value(value, low, high, n, excluded, method="order statistics", level=level)
