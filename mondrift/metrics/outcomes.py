"""What happened beside what was predicted: the checked input of every metric."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError, nearest, shown
from mondrift.metrics.metric import Task
from mondrift.metrics.ranking import Ranking


class Rows(NamedTuple):
    """Rows that have both a target and an estimate; `excluded` counts the others."""

    target: NDArray[Any]
    estimate: NDArray[Any]
    excluded: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.target)


@dataclass(frozen=True)
class Outcomes:
    """Targets with predictions, probabilities or both, for one task.

    Classification: `target` and `prediction` are integer codes into `labels`, -1 = missing;
    `probability` is P(positive), shape (n,), or one column per code, shape (n, k), NaN = missing.
    Regression: float64, NaN = missing, infinite values are left out and counted too.
    `positive` is the code of the positive class of a binary task; the other codes together are the
    negative one. `seed` serves the intervals that resample.

    Raises `InputError` for lengths, types and codes that do not fit together.

    >>> outcomes = Outcomes("binary", np.array([1, 0, -1, 1]), np.array([1, 1, 0, 1]))
    >>> outcomes.confusion
    array([[0, 1],
           [0, 2]])
    >>> outcomes.predicted.excluded
    1
    """

    task: Task
    target: NDArray[Any]
    prediction: NDArray[Any] | None = None
    probability: NDArray[Any] | None = None
    labels: tuple[str, ...] = ()
    positive: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target.ndim != 1:
            raise InputError(f"target has shape {self.target.shape}; metrics take one dimension.")
        for name, values in (("prediction", self.prediction), ("probability", self.probability)):
            if values is not None and len(values) != len(self.target):
                raise InputError(
                    f"{name} has {len(values):,} rows and target {len(self.target):,}; "
                    "pass the same rows in the same order."
                )
        if self.task != "regression":
            self._check_codes()

    def _check_codes(self) -> None:
        for name, values in (("target", self.target), ("prediction", self.prediction)):
            if values is None:
                continue
            if values.dtype.kind not in "iub":
                raise InputError(
                    f"{name} is {values.dtype}; a {self.task} task takes integer codes "
                    "(-1 = missing), and labels= for their names."
                )
            if self.labels and len(values) and int(values.max()) >= len(self.labels):
                raise InputError(
                    f"{name} has code {int(values.max())}, but labels has only "
                    f"{len(self.labels)}: {shown(self.labels)}."
                )
        if self.probability is not None:
            self._check_columns(self.probability.shape)

    def _check_columns(self, shape: tuple[int, ...]) -> None:
        if self.task == "binary":
            if len(shape) > 2 or (len(shape) == 2 and shape[1] <= self.positive):
                raise InputError(
                    f"probability has shape {shape}; a binary task takes P(positive), shape (n,), "
                    f"or one column per code, of which the positive's is {self.positive}."
                )
        elif len(shape) != 2 or shape[1] < self.classes:
            raise InputError(
                f"probability has shape {shape}; a multiclass task with {self.classes} classes "
                f"takes one column per code: (n, {self.classes})."
            )

    @cached_property
    def classes(self) -> int:
        """Number of classes: of the labels, else of the codes seen."""
        if self.labels:
            return len(self.labels)
        seen = [values for values in (self.target, self.prediction) if values is not None]
        return 1 + max((int(values.max()) for values in seen if len(values)), default=-1)

    def label(self, code: int) -> str:
        """The name of a class, in quotes; without labels its code."""
        return repr(self.labels[code]) if self.labels else str(code)

    @cached_property
    def predicted(self) -> Rows:
        """Rows with a target and a prediction."""
        assert self.prediction is not None
        target, prediction = self.target, self.prediction
        if self.task == "regression":
            target, prediction = np.asarray(target, float), np.asarray(prediction, float)
            return _kept(np.isfinite(target) & np.isfinite(prediction), target, prediction)
        return _kept((target >= 0) & (prediction >= 0), target, prediction)

    @cached_property
    def scored(self) -> Rows:
        """Rows with a target and a probability; a binary task has the positive class's only."""
        assert self.probability is not None
        probability = np.asarray(self.probability, float)
        if self.task == "binary":
            if probability.ndim == 2:
                probability = probability[:, self.positive]
            return _kept((self.target >= 0) & np.isfinite(probability), self.target, probability)
        finite = np.isfinite(probability).all(axis=1)
        return _kept((self.target >= 0) & finite, self.target, probability)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts, shape (k, k): row = target, column = prediction; binary: 1 = positive."""
        target, prediction, _ = self.predicted
        if self.task == "binary":
            cells, k = 2 * (target == self.positive) + (prediction == self.positive), 2
        else:
            k = self.classes
            cells = target.astype(np.int64) * k + prediction
        return np.bincount(cells, minlength=k * k).reshape(k, k)

    @cached_property
    def ranking(self) -> Ranking:
        """Positives and negatives in the order of the score (binary; at least one row)."""
        return Ranking.of(self.scored.estimate, self.scored.target == self.positive)


def _kept(keep: NDArray[np.bool_], target: NDArray[Any], estimate: NDArray[Any]) -> Rows:
    excluded = len(keep) - int(np.count_nonzero(keep))
    if excluded:
        target, estimate = target[keep], estimate[keep]
    return Rows(target, estimate, excluded)


def positive_code(positive: int | str, labels: tuple[str, ...]) -> int:
    """The code of the positive class: a code as it is, a level by its place in `labels`.

    >>> positive_code("late", ("late", "on time")), positive_code(1, ())
    (0, 1)
    """
    if not isinstance(positive, str):
        code = int(positive)
        # one level only: the window just has no positive, which the metrics say themselves
        if code < 0 or (len(labels) > 1 and code >= len(labels)):
            raise InputError(f"positive={code} is not a code of labels {shown(labels)}.")
        return code
    if positive not in labels:
        raise InputError(
            f"positive={positive!r} is not among labels {shown(labels)}.{nearest(positive, labels)}"
        )
    return labels.index(positive)
