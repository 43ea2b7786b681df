"""Precision, recall and F1 of each class of a multiclass task, each against all the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mondrift.metrics.intervals import proportion
from mondrift.metrics.outcomes import Outcomes

Limited = tuple[float, float, float]
"""A value with its 95 % limits."""


class Scores(NamedTuple):
    """One class: `n` rows are of it; None where a denominator is 0 (nothing predicted, no row)."""

    label: str
    n: int
    precision: Limited | None
    recall: Limited | None
    f1: Limited | None


def per_class(outcomes: Outcomes) -> tuple[Scores, ...]:
    """Every class that occurs as target or prediction, in the order of the codes.

    Intervals as for a binary task: Wilson's, or exact where either outcome is rare.

    >>> target, prediction = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 1])
    >>> for each in per_class(Outcomes("multiclass", target, prediction, labels=tuple("abc"))):
    ...     print(each.label, each.n, *(v and round(v[0], 2) for v in each[2:]))
    a 2 0.67 1.0 0.8
    b 2 0.5 0.5 0.5
    c 1 None 0.0 0.0
    """
    counts = outcomes.confusion
    right, of_class, said = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    found = []
    for code in np.flatnonzero(of_class + said):
        hits, n, guesses = int(right[code]), int(of_class[code]), int(said[code])
        jaccard = _share(hits, n + guesses - hits)
        f1 = None if jaccard is None else _doubled(jaccard)
        name = outcomes.labels[code] if outcomes.labels else str(code)
        found.append(Scores(name, n, _share(hits, guesses), _share(hits, n), f1))
    return tuple(found)


def _share(count: int, of: int) -> Limited | None:
    if of == 0:
        return None
    low, high, _ = proportion(count, of)
    return count / of, low, high


def _doubled(jaccard: Limited) -> Limited:
    """F1 and its limits, a monotone function of TP of TP + FP + FN."""
    value, low, high = (2 * each / (1 + each) for each in jaccard)
    return value, low, high
