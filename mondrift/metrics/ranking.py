"""Positives and negatives in the order of a score, from one sort.

ROC AUC and average precision both come from counts of positives and negatives per distinct score
(ties are exact), with a standard error in the same pass: the sum of squared influences of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mondrift.metrics.intervals import effective_number

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Influence(NamedTuple):
    """What one row at each distinct score adds to the error of a value, by its class."""

    value: float
    positive: Floats
    negative: Floats
    df: float


@dataclass(frozen=True)
class Ranking:
    """Counts of positives and negatives at each distinct score, ascending.

    >>> ranking = Ranking.of(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    >>> ranking.positives, ranking.negatives
    (array([0., 1., 1.]), array([1., 1., 0.]))
    >>> ranking.auc.value
    0.875
    """

    positives: Floats
    negatives: Floats
    order: NDArray[np.intp]

    @classmethod
    def of(cls, scores: Floats, positive: Bools) -> Ranking:
        """Sort once. Scores must be finite and at least one."""
        order = np.argsort(scores)
        ordered = scores[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        total = np.diff(first, append=len(scores)).astype(float)
        positives = np.add.reduceat(positive[order], first, dtype=float)
        return cls(positives, total - positives, order)

    @cached_property
    def auc(self) -> Influence:
        """P(score of a positive > of a negative) + ½ P(equal), as Mann and Whitney count it.

        Influences are DeLong's structural components (Biometrics 44 (1988) 837). Degrees of
        freedom: Satterthwaite's, with Kish's effective number of misranked rows in each class,
        less 2, in place of the class size: near AUC 1 a handful of rows carries the whole error.
        """
        m, n = self.positives.sum(), self.negatives.sum()
        # share of the other class on the wrong side of a row at this score
        above = (n - np.cumsum(self.negatives) + self.negatives / 2) / n
        below = (np.cumsum(self.positives) - self.positives / 2) / m
        wrong = float(self.positives @ above / m)
        at_positive, at_negative = (wrong - above) / m, (wrong - below) / n
        part_m = float(self.positives @ at_positive**2) * m / max(m - 1, 1)
        part_n = float(self.negatives @ at_negative**2) * n / max(n - 1, 1)
        if wrong > 0.5:  # the rarer kind of pair, so that turning the score round mirrors all
            above, below = 1 - above, 1 - below
        df = satterthwaite(
            [part_m, part_n],
            [
                effective_number(above, self.positives) - 2,
                effective_number(below, self.negatives) - 2,
            ],
        )
        return Influence(1 - wrong, at_positive, at_negative, df)

    @cached_property
    def average_precision(self) -> Influence:
        """Mean over positives of the precision among rows scored at least as high.

        Influence of a row: (its own precision - AP, if positive) + what it does to the precision
        at every positive scored no higher, over the number of positives.
        """
        m = self.positives.sum()
        hits = np.cumsum(self.positives[::-1])[::-1]
        taken = hits + np.cumsum(self.negatives[::-1])[::-1]
        precision = hits / taken
        value = float(self.positives @ precision / m)
        helped = np.cumsum(self.positives * (1 - precision) / taken)
        harmed = np.cumsum(self.positives * -precision / taken)
        df = max(min(m, self.negatives.sum()) - 1, 1)
        return Influence(value, (precision - value + helped) / m, harmed / m, float(df))

    def variance(self, influence: Influence) -> float:
        """Squared standard error: the influences of all rows, squared and summed."""
        return float(
            self.positives @ influence.positive**2 + self.negatives @ influence.negative**2
        )

    def by_row(self, influence: Influence, positive: Bools) -> Floats:
        """The influence of each row, in the order of the rows."""
        sizes = (self.positives + self.negatives).astype(np.intp)
        group = np.empty(len(self.order), np.intp)
        group[self.order] = np.repeat(np.arange(len(sizes)), sizes)
        return np.where(positive, influence.positive[group], influence.negative[group])


def satterthwaite(parts: Sequence[float], df: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variances, each with its own (at least 1).

    >>> satterthwaite([1.0, 1.0], [10.0, 10.0]), satterthwaite([1.0, 0.0], [10.0, 5.0])
    (20.0, 10.0)
    """
    bottom = sum(part**2 / max(each, 1.0) for part, each in zip(parts, df, strict=True))
    return sum(parts) ** 2 / bottom if bottom > 0 else 1.0
