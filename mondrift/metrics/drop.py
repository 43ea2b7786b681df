"""The accuracy drop that is more than chance.

"Five points down" happens by chance in 4-12 % of windows of a hundred rows. Here a drop counts when
it is larger than the threshold (strictly), when its one-sided 99 % lower bound is above zero, and
when both windows have at least a hundred rows; and the smallest drop this many rows can see is
stated beside it.

False alarms, exact by the binomial distribution (reference of 1000 rows to a million, accuracy .6
to .98): at most 2.1 % of windows of 100 rows (the worst case is accuracy .9), 1.4 % at 200, 1.2 %
at 300, 1 % at 1000, 0.3 % at 3000. Power: a true drop of 6.6 points from .79 is found in 90 % of
windows of 1300 rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaincinv

from mondrift.metrics.intervals import newcombe, newcombe_lower

Outcome = Literal["dropped", "held", "too few"]


@dataclass(frozen=True)
class AccuracyDrop:
    """Accuracy of the reference minus accuracy of the current window, and what can be said of it.

    `drop` is in shares (.05 = five points), positive when the current window is worse. `low` and
    `high`: two-sided 95 % (Newcombe). `lower`: one-sided bound at 99 %. `smallest`: the smallest
    true drop that windows of this size show in 80 % of cases, NaN when they can show none.
    `outcome` "held" means that no drop was shown, which is no proof that there is none: read it
    with `smallest`. `reason` says it in words.
    """

    drop: float
    low: float
    high: float
    lower: float
    smallest: float
    n_reference: int
    n_current: int
    threshold: float
    outcome: Outcome
    reason: str

    @property
    def surely(self) -> bool:
        """Whether the lower bound itself exceeds the threshold; wording, not a condition."""
        return self.outcome == "dropped" and self.lower > self.threshold


def accuracy_drop(
    reference: tuple[float, int],
    current: tuple[float, int],
    *,
    threshold: float = 0.05,
    level: float = 0.99,
    minimum: int = 100,
    power: float = 0.8,
) -> AccuracyDrop:
    """Compare two windows, each given as (rows predicted right, rows).

    Rows predicted right are a fraction where rows in clusters count as the fewer they are worth.

    The reference must be a held-out or an accepted production window, never the training set.

    >>> found = accuracy_drop((7900, 10_000), (806, 1100))
    >>> found.outcome, found.surely, found.reason
    ('dropped', False, 'accuracy fell by 5.7 points (79.0 % to 73.3 %), at least 2.6 with 99 %
    confidence')
    >>> accuracy_drop((7900, 10_000), (73, 100)).reason
    'no drop beyond chance shown: 6.0 points lower (79.0 % to 73.0 %), and only a true drop of
    13.5 points would show in 80 % of windows of this size'
    """
    (right_a, n_a), (right_b, n_b) = reference, current
    if min(n_a, n_b) == 0:
        nan, side = math.nan, "reference" if n_a == 0 else "current"
        reason = f"no labelled rows in the {side} window"
        return AccuracyDrop(nan, nan, nan, nan, nan, n_a, n_b, threshold, "too few", reason)
    drop = right_a / n_a - right_b / n_b
    low, high = newcombe(right_a, n_a, right_b, n_b)
    lower = newcombe_lower(right_a, n_a, right_b, n_b, level)
    smallest = _smallest(reference, n_b, threshold, level, power)
    moved = f"({right_a / n_a:.1%} to {right_b / n_b:.1%})".replace("%", " %")
    outcome: Outcome
    if min(n_a, n_b) < minimum:
        outcome = "too few"
        reason = f"too few labelled rows ({min(n_a, n_b)}): a drop is judged from {minimum}"
    elif _shown(reference, current, threshold, level):
        outcome = "dropped"
        reason = (
            f"accuracy fell by {100 * drop:.1f} points {moved}, "
            f"at least {100 * lower:.1f} with {100 * level:g} % confidence"
        )
    else:
        outcome = "held"
        reason = _held(drop, moved, smallest, power)
    return AccuracyDrop(drop, low, high, lower, smallest, n_a, n_b, threshold, outcome, reason)


def _held(drop: float, moved: str, smallest: float, power: float) -> str:
    by = f"{100 * abs(drop):.1f} points {'lower' if drop > 0 else 'higher'} {moved}"
    if drop == 0:
        by = f"unchanged {moved}"
    if math.isnan(smallest):
        return f"no drop beyond chance shown: {by}; windows of this size can show none"
    return (
        f"no drop beyond chance shown: {by}, and only a true drop of {100 * smallest:.1f} points "
        f"would show in {100 * power:g} % of windows of this size"
    )


def _shown(
    reference: tuple[float, int], current: tuple[float, int], threshold: float, level: float
) -> bool:
    """Material (strictly beyond the threshold) and significant."""
    (right_a, n_a), (right_b, n_b) = reference, current
    # a drop of exactly the threshold must not pass by a rounding error
    beyond = right_a / n_a - right_b / n_b > threshold + 1e-12
    return beyond and newcombe_lower(right_a, n_a, right_b, n_b, level) > 0


def _smallest(
    reference: tuple[float, int], n: int, threshold: float, level: float, power: float
) -> float:
    """The true drop from the reference's accuracy that the rule shows with probability `power`.

    The rule holds up to some count c of right rows (found by bisection); the current accuracy p
    with P(Binomial(n, p) ≤ c) = power is a quantile of the beta distribution.
    """
    if not _shown(reference, (0, n), threshold, level):
        return math.nan
    shows, not_yet = 0, n + 1
    while not_yet - shows > 1:
        middle = (shows + not_yet) // 2
        if middle <= n and _shown(reference, (middle, n), threshold, level):
            shows = middle
        else:
            not_yet = middle
    return reference[0] / reference[1] - float(betaincinv(shows + 1, n - shows, 1 - power))
