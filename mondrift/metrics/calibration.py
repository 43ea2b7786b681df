"""Calibration: of the rows scored .7, do 70 % come true? The curve and the expected error.

Rows are cut into ten bins of equal size by score (bins between equal scores merge). The expected
calibration error (ECE) is the mean over rows of |share that came true - mean score| of their bin.
It is never 0 by chance: a perfectly calibrated score of a thousand rows has an ECE of about .03.
So its noise floor stands beside it: the ECE of the same scores with labels drawn from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mondrift.metrics.auc import NO_SCORES
from mondrift.metrics.intervals import proportion
from mondrift.metrics.outcomes import Outcomes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 10
DRAWS = 200


class Bin(NamedTuple):
    """One point of the calibration curve: rows of about the same score; 95 % limits of `share`."""

    score: float
    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, in [0, 1], beside what chance alone makes of it.

    `floor`: its mean for perfectly calibrated scores like these; `ceiling`: their 95 % point. An
    error at or below `ceiling` shows no miscalibration, which is no proof that there is none. NaN
    with a `reason` when it cannot be computed.
    """

    value: float
    floor: float
    ceiling: float
    n: int
    excluded: int = 0
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether the error is more than chance."""
        return self.value > self.ceiling


def calibration_error(outcomes: Outcomes) -> CalibrationError:
    """ECE of P(positive); of several classes the mean over one class against the rest.

    Blind to errors that cancel inside a bin, and to how well the score ranks.

    >>> rng = np.random.default_rng(0)
    >>> score = rng.uniform(size=2000)
    >>> came = (rng.uniform(size=2000) < score**2).astype(int)
    >>> error = calibration_error(Outcomes("binary", came, probability=score))
    >>> print(f"{error.value:.2f}, by chance {error.floor:.2f}, shown: {error.shown}")
    0.17, by chance 0.02, shown: True
    """
    target, scores, excluded = outcomes.scored
    if len(target) == 0:
        return CalibrationError(math.nan, math.nan, math.nan, 0, excluded, NO_SCORES)
    if scores.min() < 0 or scores.max() > 1:
        reason = "probabilities are outside [0, 1]"
        return CalibrationError(math.nan, math.nan, math.nan, len(target), excluded, reason)
    pairs = against_the_rest(outcomes)
    return error_of([score for score, _ in pairs], [hit for _, hit in pairs], excluded=excluded)


def calibration_curve(outcomes: Outcomes) -> tuple[Bin, ...]:
    """The points of a binary task's curve, ascending; none without scored rows in [0, 1].

    >>> target, score = np.repeat([0, 1, 1], 50), np.repeat([0.1, 0.6, 0.9], 50)
    >>> for point in calibration_curve(Outcomes("binary", target, probability=score)):
    ...     print(f"{point.score:.1f}: {point.share:.1f} ({point.low:.2f} to {point.high:.2f})")
    0.1: 0.0 (0.00 to 0.07)
    0.6: 1.0 (0.93 to 1.00)
    0.9: 1.0 (0.93 to 1.00)
    """
    _, scores, _ = outcomes.scored
    if len(scores) == 0 or scores.min() < 0 or scores.max() > 1:
        return ()
    ((score, hit),) = against_the_rest(outcomes)
    bins = _bins(score)
    sizes = np.bincount(bins)
    points = []
    for code in np.flatnonzero(sizes):
        inside = bins == code
        count, n = int(np.count_nonzero(hit[inside])), int(sizes[code])
        low, high, _ = proportion(count, n)
        points.append(Bin(float(score[inside].mean()), count / n, low, high, n))
    return tuple(points)


def against_the_rest(outcomes: Outcomes) -> list[tuple[Floats, Bools]]:
    """Scores and hits: of the positive class, or of each class of several in turn."""
    target, scores, _ = outcomes.scored
    if outcomes.task == "binary":
        return [(scores, target == outcomes.positive)]
    return [(scores[:, code], target == code) for code in range(outcomes.classes)]


def error_of(
    scores: Sequence[Floats], hits: Sequence[Bools], *, excluded: int = 0, seed: int = 0
) -> CalibrationError:
    """The mean ECE of some scores in [0, 1] and their hits, with its noise floor (seeded)."""
    rng = np.random.default_rng(seed)
    values, drawn = [], []
    for score, hit in zip(scores, hits, strict=True):
        bins = _bins(score)
        sizes = np.bincount(bins)
        expected = np.bincount(bins, weights=score)
        values.append(np.abs(np.bincount(bins, weights=hit) - expected).sum() / len(score))
        # hits of a bin are a sum of many independent draws: normal, with their own variance
        spread = np.sqrt(np.bincount(bins, weights=score * (1 - score)))
        noise = rng.standard_normal((DRAWS, len(sizes))) * spread
        drawn.append(np.abs(noise).sum(axis=1) / len(score))
    chance = np.mean(drawn, axis=0)
    ceiling = float(np.quantile(chance, 0.95))
    return CalibrationError(
        float(np.mean(values)), float(chance.mean()), ceiling, len(scores[0]), excluded
    )


def _bins(scores: Floats) -> NDArray[np.intp]:
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, scores, side="right")
