"""CUSUM: sums how far a stream is above or below its level, and tells when a sum is large.

Values are standardised: (value - mean) / std of the stream while nothing has changed. With k = 0.5
and h = 5, two-sided, a known mean and independent normal values, a false alarm comes once in 465
values, and a shift of one standard deviation is told after 10.4, on average (Montgomery,
Introduction to Statistical Quality Control).

Blind spots: with a mean estimated from few values the first number is not what it seems (measured:
docs/why.md). Values that depend on their predecessors raise false alarms too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mondrift.errors import InputError


@dataclass(frozen=True)
class Cusum:
    """What a stream has summed up so far, above its level and below it; both from 0 on.

    `high_since` and `low_since` count the values since either sum was last 0: a change began about
    there.
    """

    high: float = 0.0
    low: float = 0.0
    high_since: int = 0
    low_since: int = 0


def step(
    state: Cusum, value: float, *, slack: float = 0.5, limit: float = 5.0
) -> tuple[Cusum, int]:
    """The next state, and how many values ago a change began; 0 while there is none.

    Parameters
    ----------
    value : standardised; NaN (nothing was measured) leaves the state as it is.
    slack : half the shift worth finding, in standard deviations (k).
    limit : of the sums (h); a larger one means fewer false alarms and later true ones.

    After an alarm the state begins anew. Raises InputError for an infinite value.

    >>> state = Cusum()
    >>> for value in [0.3, -0.2, 0.1, 2.0, 2.1, 1.9, 2.2]:
    ...     state, ago = step(state, value)
    >>> ago
    4
    """
    if math.isnan(value):
        return state, 0
    if math.isinf(value):
        raise InputError(f"A CUSUM sums standardised values; {value} is none. Leave it out.")
    high = max(0.0, state.high + value - slack)
    low = max(0.0, state.low - value - slack)
    high_since = state.high_since + 1 if high > 0 else 0
    low_since = state.low_since + 1 if low > 0 else 0
    if max(high, low) > limit:
        return Cusum(), high_since if high > low else low_since
    return Cusum(high, low, high_since, low_since), 0
