"""What stands behind a metric, small enough to keep: confusion, calibration curve, each class.

Points of a curve and classes of fewer than five rows are left out. A confusion matrix is kept
whole: its small cells are hidden where it is shown (`particulars.confusion`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mondrift.metrics.calibration import calibration_curve
from mondrift.metrics.outcomes import Outcomes
from mondrift.metrics.per_class import Limited, Scores, per_class

FEWEST = 5
"""Points of a curve, classes and cells of a matrix of fewer rows could point at a person."""
CONFUSED = 12
"""A confusion matrix has at most so many classes; with more it is left out."""
CLASSES = 20
"""So many classes are told one by one, the reference's largest."""


def confusion(one: Outcomes, other: Outcomes, *, private: bool = False) -> dict[str, Any] | None:
    """{"labels", "reference", "current"}: counts, rows = target, columns = prediction.

    None with more than `CONFUSED` classes. The labels of a private column are numbered.
    """
    labels = one.labels
    if not labels or len(labels) > CONFUSED:
        return None
    return {
        "labels": [f"class {i}" for i in range(1, len(labels) + 1)] if private else list(labels),
        "reference": _counts(one),
        "current": _counts(other),
    }


def _counts(outcomes: Outcomes) -> list[list[int]]:
    """Every label by itself, also those that a binary task takes together."""
    k, (target, prediction, _) = len(outcomes.labels), outcomes.predicted
    cells = np.bincount(target.astype(np.int64) * k + prediction, minlength=k * k)
    found: list[list[int]] = cells.reshape(k, k).tolist()
    return found


def curve(outcomes: Outcomes) -> list[dict[str, float]]:
    """The points of a binary task's calibration curve; none for several classes."""
    if outcomes.task != "binary":
        return []
    return [
        {name: round(value, 6) for name, value in point._asdict().items()}
        for point in calibration_curve(outcomes)
        if point.n >= FEWEST
    ]


def classes(one: Outcomes, other: Outcomes, *, private: bool = False) -> dict[str, Any]:
    """{"reference": [...], "current": [...], "left_out": number of classes} of a multiclass task.

    One line per class: `class`, `n` and precision, recall and F1, each [value, low, high] or None.
    A class of fewer than `FEWEST` rows in a window is not told there.
    """
    found = {"reference": per_class(one), "current": per_class(other)}
    sizes = {each.label: each.n for window in found.values() for each in window}
    sizes |= {each.label: each.n for each in found["reference"] if each.n}
    names = sorted(sizes, key=lambda name: -sizes[name])[:CLASSES]
    shown = {name: f"class {at}" if private else name for at, name in enumerate(names, start=1)}
    return {
        window: [
            _line(shown[each.label], each)
            for each in sorted(scores, key=lambda each: -sizes[each.label])
            if each.label in shown and each.n >= FEWEST
        ]
        for window, scores in found.items()
    } | {"left_out": len(sizes) - len(names)}


def _line(name: str, each: Scores) -> dict[str, Any]:
    def plain(value: Limited | None) -> list[float] | None:
        return None if value is None else [round(part, 6) for part in value]

    return {
        "class": name,
        "n": each.n,
        "precision": plain(each.precision),
        "recall": plain(each.recall),
        "f1": plain(each.f1),
    }
