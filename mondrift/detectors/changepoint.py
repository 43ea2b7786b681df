"""Change point: from when on a series of means (shares of errors, mean errors) has another level.

Each place in time (an hour, a day) brings n rows, the sum of their values and of their squares.
For every place at which a new level may begin, the likelihood ratio of two levels against one; the
best place is told, with a p-value from permuting the places and a 95 % range from the likelihood.
Rows near each other in time often go wrong together; how much more the places scatter than
independent rows would is estimated, and the range is as much wider.

Source of the range: P(the true place falls short of the best by less than x) = (1 - e^(-x/2))^2,
so that 7.35 holds 95 % (Hansen, Econometrica 68 (2000) 575).

Blind spots: a step in the first or last 30 rows; one change is looked for, so that a slow decline
is told as a step somewhere in it; places that depend on their neighbours (the rhythm of a day, in
hours) make the p-value too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError

Floats = NDArray[np.float64]

FEWEST = 4
"""Places with rows that are needed."""
EDGE_ROWS, EDGE_SHARE = 30, 0.1
"""A step has so many rows on either side, or that share of all where these are fewer: a place of
two rows at the end (a night, with few errors anyway) looks like a step by chance."""
PERMUTATIONS = 999
_FALLS_SHORT = -2 * math.log(1 - math.sqrt(0.95))


@dataclass(frozen=True, eq=False)
class Series:
    """Rows at each place, in the order of time: how many, and the sums of values and of squares.

    All float64 of shape (places,). Of shares the values are 0 and 1, and both sums are the count.
    A place without rows is no evidence for anything.
    """

    n: Floats
    sums: Floats
    squares: Floats

    def __post_init__(self) -> None:
        if not len(self.n) == len(self.sums) == len(self.squares):
            raise InputError(
                f"A series has n, sums and squares of the same places, not of {len(self.n)}, "
                f"{len(self.sums)} and {len(self.squares)}."
            )

    @classmethod
    def of_counts(cls, counts: object, n: object) -> Series:
        """A series of shares: `counts` of `n` at each place.

        >>> change_point(Series.of_counts([5, 4, 6, 5, 15, 14], [50] * 6)).at
        4
        """
        held = np.asarray(counts, dtype=np.float64)
        return cls(np.asarray(n, dtype=np.float64), held, held)

    def part(self, first: int, last: int | None = None) -> Series:
        """The places from `first` up to, not including, `last`."""
        some = slice(first, last)
        return Series(self.n[some], self.sums[some], self.squares[some])


@dataclass(frozen=True)
class Change:
    """The place from which on the level is another, and how sure that is.

    `at` is the first place of the new level, [`first`, `last`] its 95 % range; `before` and
    `after` are the levels. `pvalue`: the chance that the same places in random order show as large
    a step. With a `reason` nothing could be computed: places are -1 and numbers NaN.
    """

    at: int = -1
    first: int = -1
    last: int = -1
    before: float = math.nan
    after: float = math.nan
    pvalue: float = math.nan
    reason: str = ""


def change_point(series: Series, *, seed: int = 0, permutations: int = PERMUTATIONS) -> Change:
    """The likeliest change of level in a series of at least four places with rows.

    >>> rng = np.random.default_rng(0)
    >>> errors = np.r_[rng.binomial(200, 0.2, 10), rng.binomial(200, 0.35, 5)]
    >>> found = change_point(Series.of_counts(errors, np.full(15, 200)))
    >>> found.at, found.first, found.last, found.pvalue
    (10, 10, 11, 0.001)
    """
    there = np.flatnonzero(series.n > 0)
    if len(there) < FEWEST:
        return Change(reason=f"{len(there)} places in time are too few; {FEWEST} are needed")
    n, sums = series.n[there], series.sums[there]
    variance = float(series.squares.sum() / n.sum() - (sums.sum() / n.sum()) ** 2)
    if variance <= 1e-12 * float(series.squares.sum() / n.sum()):
        return Change(reason="all rows have the same value")
    ratios = _ratios(n[None, :], sums[None, :])[0] / variance
    best = int(ratios.argmax())
    short = _FALLS_SHORT * _scatter(n, sums, best + 1, variance)
    near = np.flatnonzero(ratios >= ratios[best] - short)
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(len(n)), (permutations, 1)), axis=1)
    largest = _ratios(n[orders], sums[orders]).max(axis=1) / variance
    as_large = int(np.count_nonzero(largest >= ratios[best] * (1 - 1e-9)))
    at, first, last = (int(there[1 + place]) for place in (best, near[0], near[-1]))
    before, after = (
        float(sums[part].sum() / n[part].sum()) for part in (slice(best + 1), slice(best + 1, None))
    )
    return Change(at, first, last, before, after, (as_large + 1) / (permutations + 1))


def _ratios(n: Floats, sums: Floats) -> Floats:
    """Twice the log likelihood ratio of a step after each place but the last, times the variance.

    Levels as means of normal values with one variance; for shares that of one level. Both inputs
    and the result have a row per series. 0 where a side has too few rows.
    """
    rows, total = n[0].sum(), sums[0].sum()
    up_to, sum_up_to = n.cumsum(axis=1)[:, :-1], sums.cumsum(axis=1)[:, :-1]
    away = sum_up_to - up_to * total / rows
    inside = np.minimum(up_to, rows - up_to) >= min(EDGE_ROWS, EDGE_SHARE * rows)
    return np.asarray(np.where(inside, away**2 * rows / (up_to * (rows - up_to)), 0.0))


def _scatter(n: Floats, sums: Floats, cut: int, variance: float) -> float:
    """How much more places of one level scatter than independent rows would; 1 or more."""
    apart = 0.0
    for part in (slice(cut), slice(cut, None)):
        level = sums[part].sum() / n[part].sum()
        apart += float(((sums[part] - n[part] * level) ** 2 / n[part]).sum())
    return max(apart / variance / max(len(n) - 2, 1), 1.0)
