"""Is the model worse than it was? One rule for accuracy, errors (MAE, RMSE) and scores (AUC, F1).

Worse is *material* (strictly beyond a tolerance) and *significant* (a one-sided 99 % bound on the
right side of "unchanged"), on enough rows in both windows; the smallest change that windows of this
size can see is stated beside it (STATISTICS 25). "Five points down" alone happens by chance in 4 to
12 % of windows of a hundred rows.

Accuracy is judged from counts, by Newcombe's limits; the others from two `Value`s of independent
windows, so a stored comparison can be judged without its rows. There the squares of the distances
to the limits add (MOVER; Zou and Donner, Statistics in Medicine 27 (2008) 1693), errors on the log
scale (a ratio), scores as they are. The reference must be a held-out or an accepted production
window, never the training set. Rows must be independent, or their limits as wide as their
dependence makes them (`intervals.widened`).

Accuracy, false alarms exact by the binomial distribution (reference of 1000 rows to a million,
accuracy .6 to .98): at most 2.1 % of windows of 100 rows (the worst case is accuracy .9), 1.4 % at
200, 1.2 % at 300, 1 % at 1000, 0.3 % at 3000. Power: a true drop of 6.6 points from .79 is found in
90 % of windows of 1300 rows.

Errors and scores, measured with a reference of 2000 rows, tolerance 10 %, current 100 / 300 / 1000
rows (1000 replicates). No rise: MAE called in .003-.013 / .005-.010 / 0-.007 of windows, RMSE in
.001-.006 / .003-.009 / 0-.009 (normal, Laplace, t with 5 df, exponential errors). A true rise of
30 %: MAE .55-.80 / .97-1 / 1; RMSE .84 / 1 / 1 with normal errors, .17 / .69 / .89 with exponential
ones, a tenth of whose windows has no interval at all. Scores, tolerance 5 points, 600 replicates,
no drop: AUC called in .000-.013 of windows, F1 in .000-.013; a true AUC drop of 13 points: .68 / 1
/ 1 with 30 % positives, .16 / .71 / 1 with 10 % (F1 .39 / .89 / 1 and .03 / .21 / .72).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scipy.special import betaincinv, ndtri

from mondrift.metrics.intervals import further, newcombe, newcombe_lower
from mondrift.metrics.metric import Value

Outcome = Literal["worse", "held", "too few"]
_POWER = 0.8
_ROUNDING = 1e-12  # a change of exactly the tolerance must not pass by a rounding error


@dataclass(frozen=True)
class Degradation:
    """How much worse the current window is than the reference, and what can be said of it.

    `change` is positive when the model got worse: for errors a share of the reference's error
    (.1 = ten percent larger), for accuracy and scores points (.05 = five). `low` and `high`:
    two-sided 95 %. `lower`: one-sided bound at the level asked for. `smallest`: the smallest true
    change that windows of this size show in about 80 % of cases, NaN when they can show none. NaN
    where there is nothing to say. `outcome` "held" means that no harm was shown, which is no proof
    that there is none: read it with `smallest`. `reason` says it in words.
    """

    change: float
    low: float
    high: float
    lower: float
    smallest: float
    n_reference: int
    n_current: int
    tolerance: float
    outcome: Outcome
    reason: str

    @property
    def surely(self) -> bool:
        """Whether the lower bound itself exceeds the tolerance; wording, not a condition."""
        return self.outcome == "worse" and self.lower > self.tolerance


def accuracy_drop(
    reference: tuple[float, int],
    current: tuple[float, int],
    *,
    tolerance: float = 0.05,
    level: float = 0.99,
    minimum: int = 100,
) -> Degradation:
    """Judge a drop of accuracy between two windows, each given as (rows predicted right, rows).

    Rows predicted right are a fraction where rows in clusters count as the fewer they are worth.
    The smallest drop is exact: the rule holds up to some count of right rows.

    >>> found = accuracy_drop((7900, 10_000), (806, 1100))
    >>> found.outcome, found.surely, found.reason
    ('worse', False, 'accuracy fell by 5.7 points (79.0 % to 73.3 %), at least 2.6 with 99 %
    confidence')
    >>> accuracy_drop((7900, 10_000), (73, 100)).reason
    'no drop beyond chance shown: 6.0 points lower (79.0 % to 73.0 %), and only a true drop of
    13.5 points would show in about 80 % of windows of this size'
    """
    (right_a, n_a), (right_b, n_b) = reference, current
    sizes, rule = (n_a, n_b), (tolerance, level)
    if min(sizes) == 0:
        side = "reference" if n_a == 0 else "current"
        return _undecided(sizes, tolerance, f"no labelled rows in the {side} window")
    drop = right_a / n_a - right_b / n_b
    low, high = newcombe(right_a, n_a, right_b, n_b)
    lower = newcombe_lower(right_a, n_a, right_b, n_b, level)
    limits = _Limits(low, high, lower, _smallest_drop(reference, n_b, rule))
    if min(sizes) < minimum:
        few = f"too few labelled rows ({min(sizes)}): a drop is judged from {minimum}"
        return Degradation(drop, *limits, *sizes, tolerance, "too few", few)
    moved = f"({right_a / n_a:.1%} to {right_b / n_b:.1%})".replace("%", " %")
    return _judged(sizes, drop, limits, rule, _SCORE._replace(thing="accuracy"), moved)


def error_rise(
    reference: Value,
    current: Value,
    *,
    tolerance: float = 0.1,
    level: float = 0.99,
    minimum: int = 100,
    name: str = "the error",
) -> Degradation:
    """Judge a rise of MAE or RMSE (any positive error, smaller is better), relative.

    `tolerance` .1: an error must have grown by more than 10 %; an error of 0 has no relative rise.
    `name` is what `reason` calls it.

    >>> june = Value(10.0, 9.6, 10.4, n=2000)
    >>> found = error_rise(june, Value(12.0, 11.2, 12.9, n=500))
    >>> found.outcome, found.reason
    ('worse', 'the error rose by 20.0 % (10 to 12), at least 9.2 % with 99 % confidence')
    >>> error_rise(june, Value(11.5, 9.9, 13.4, n=120)).reason
    'no rise beyond chance shown: 15.0 % higher (10 to 11.5), and only a true rise of 28.4 % would
    show in about 80 % of windows of this size'
    """
    refused = _refused(reference, current, tolerance, minimum)
    if refused is not None:
        return refused
    (low_a, high_a), (low_b, high_b) = _interval(reference), _interval(current)
    if min(low_a, low_b) <= 0:
        sizes = (reference.n, current.n)
        return _undecided(sizes, tolerance, "an error of 0 has no relative rise")
    a, b = reference.value, current.value
    down = math.hypot(math.log(b / low_b), math.log(high_a / a))
    up = math.hypot(math.log(high_b / b), math.log(a / low_a))
    rise = math.log(b / a)
    one_sided = float(ndtri(level) / ndtri((1 + current.level) / 2))
    lower = math.expm1(rise - one_sided * down)
    smallest = math.expm1(_smallest(math.log1p(tolerance), down, level, current.level))
    limits = _Limits(math.expm1(rise - down), math.expm1(rise + up), lower, smallest)
    moved = f"({a:.4g} to {b:.4g})"
    sizes = (reference.n, current.n)
    words = _ERROR._replace(thing=name)
    return _judged(sizes, math.expm1(rise), limits, (tolerance, level), words, moved)


def score_drop(
    reference: Value,
    current: Value,
    *,
    tolerance: float = 0.05,
    level: float = 0.99,
    minimum: int = 100,
    name: str = "the score",
) -> Degradation:
    """Judge a drop of a score in [0, 1] (ROC AUC, PR AUC, F1, precision, recall), in points.

    The windows are independent, so this is no paired DeLong test; each limit comes from the
    score's own interval, taken to `level` on the logit scale. PR AUC, precision and F1 also move
    when only the share of positives does.

    >>> june = Value(0.85, 0.83, 0.87, n=2000)
    >>> found = score_drop(june, Value(0.75, 0.69, 0.80, n=400))
    >>> found.outcome, found.reason
    ('worse', 'the score fell by 10.0 points (0.850 to 0.750), at least 3.7 with 99 % confidence')
    """
    refused = _refused(reference, current, tolerance, minimum)
    if refused is not None:
        return refused
    one_sided = float(ndtri(level) / ndtri((1 + current.level) / 2))
    drop = reference.value - current.value
    down, up = _apart(reference, current, 1.0), _apart(current, reference, 1.0)
    lower = drop - _apart(reference, current, one_sided)
    smallest = _smallest(tolerance, down, level, current.level)
    if smallest >= reference.value:
        smallest = math.nan
    limits = _Limits(drop - down, drop + up, lower, smallest)
    moved = f"({reference.value:.3f} to {current.value:.3f})"
    words, sizes = _SCORE._replace(thing=name), (reference.n, current.n)
    return _judged(sizes, drop, limits, (tolerance, level), words, moved)


class _Limits(NamedTuple):
    low: float
    high: float
    lower: float
    smallest: float


class _Words(NamedTuple):
    thing: str
    verb: str
    noun: str
    worse: str
    better: str
    unit: str
    percent: str


_ERROR = _Words("", "rose", "rise", "higher", "lower", " %", " %")
_SCORE = _Words("", "fell", "drop", "lower", "higher", " points", "")


def _apart(upper: Value, lower: Value, times: float) -> float:
    """Distance from a difference upper - lower to its lower limit, `times` the intervals' own."""
    return math.hypot(
        upper.value - further(upper.value, _interval(upper)[0], times, "logit"),
        further(lower.value, _interval(lower)[1], times, "logit") - lower.value,
    )


def _interval(value: Value) -> tuple[float, float]:
    assert value.low is not None and value.high is not None  # `_refused` has looked
    return value.low, value.high


def _smallest(tolerance: float, down: float, level: float, of: float) -> float:
    """The true change that is both material and significant with probability .8."""
    error = down / float(ndtri((1 + of) / 2))
    return float(max(tolerance, ndtri(level) * error) + ndtri(_POWER) * error)


def _smallest_drop(reference: tuple[float, int], n: int, rule: tuple[float, float]) -> float:
    """The true drop from the reference's accuracy that the rule shows with probability .8.

    The rule holds up to some count c of right rows (found by bisection); the current accuracy p
    with P(Binomial(n, p) ≤ c) = .8 is a quantile of the beta distribution.
    """
    tolerance, level = rule
    (right, of) = reference

    def shows(count: int) -> bool:
        beyond = right / of - count / n > tolerance + _ROUNDING
        return beyond and newcombe_lower(right, of, count, n, level) > 0

    if not shows(0):
        return math.nan
    yes, no = 0, n + 1
    while no - yes > 1:
        middle = (yes + no) // 2
        if middle <= n and shows(middle):
            yes = middle
        else:
            no = middle
    return right / of - float(betaincinv(yes + 1, n - yes, 1 - _POWER))


def _refused(
    reference: Value, current: Value, tolerance: float, minimum: int
) -> Degradation | None:
    """Why two values cannot be judged, if so."""
    sizes = (reference.n, current.n)
    for where, value in (("reference", reference), ("current", current)):
        if not value.defined:
            reason = f"{where} window: {value.reason or 'no value'}"
            return _undecided(sizes, tolerance, reason)
    if min(reference.n, current.n) < minimum:
        few = min(reference.n, current.n)
        reason = f"too few labelled rows ({few}): a change is judged from {minimum}"
        return _undecided(sizes, tolerance, reason)
    for where, value in (("reference", reference), ("current", current)):
        if value.low is None or value.high is None:
            reason = f"{where} window: {value.reason or 'no interval'}"
            return _undecided(sizes, tolerance, reason)
    if reference.level != current.level:
        reason = f"intervals at {reference.level:.3g} and {current.level:.3g} do not combine"
        return _undecided(sizes, tolerance, reason)
    return None


def _undecided(sizes: tuple[int, int], tolerance: float, reason: str) -> Degradation:
    nan = math.nan
    return Degradation(nan, nan, nan, nan, nan, *sizes, tolerance, "too few", reason)


def _judged(
    sizes: tuple[int, int],
    change: float,
    limits: _Limits,
    rule: tuple[float, float],
    words: _Words,
    moved: str,
) -> Degradation:
    tolerance, level = rule
    beyond = change > tolerance + _ROUNDING
    outcome: Outcome = "worse" if beyond and limits.lower > 0 else "held"
    size = f"{100 * abs(change):.1f}{words.unit}"
    if outcome == "worse":
        reason = (
            f"{words.thing} {words.verb} by {size} {moved}, at least "
            f"{100 * limits.lower:.1f}{words.percent} with {100 * level:.4g} % confidence"
        )
    else:
        by = f"{size} {words.worse if change > 0 else words.better} {moved}"
        held = f"no {words.noun} beyond chance shown: {by if change else f'unchanged {moved}'}"
        if math.isnan(limits.smallest):
            reason = f"{held}; windows of this size can show none"
        else:
            reason = (
                f"{held}, and only a true {words.noun} of {100 * limits.smallest:.1f}{words.unit} "
                f"would show in about {100 * _POWER:g} % of windows of this size"
            )
    return Degradation(change, *limits, *sizes, tolerance, outcome, reason)
