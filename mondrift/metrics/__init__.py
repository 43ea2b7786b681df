"""Metrics: how well predictions agree with what happened, each with its n and an interval.

Target first, then prediction and probability. A metric that cannot be computed is a `Value` of NaN
with the reason; too few cases make a value without an interval, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError, nearest, shown
from mondrift.metrics import averaged, classification, latency, regression
from mondrift.metrics.auc import pr_auc, roc_auc
from mondrift.metrics.degradation import Degradation, accuracy_drop, error_rise, score_drop
from mondrift.metrics.intervals import difference
from mondrift.metrics.metric import Metric, Task, Value
from mondrift.metrics.outcomes import Outcomes, positive_code
from mondrift.metrics.probability import brier, log_loss

__all__ = [
    "METRICS",
    "Degradation",
    "Metric",
    "Outcomes",
    "Value",
    "accuracy_drop",
    "difference",
    "error_rise",
    "evaluate",
    "evaluate_latency",
    "evaluated",
    "score_drop",
]

_ONE: frozenset[Task] = frozenset({"binary"})
_MANY: frozenset[Task] = frozenset({"multiclass"})
_BOTH: frozenset[Task] = _ONE | _MANY
_REAL: frozenset[Task] = frozenset({"regression"})
_TIME: frozenset[Task] = frozenset({"latency"})
_01 = (0.0, 1.0)
_UP = (0.0, inf)
_ANY = (-inf, inf)

# fmt: off
METRICS: dict[str, Metric] = {metric.name: metric for metric in (
    Metric("accuracy", "Accuracy", classification.accuracy,
           _BOTH, "prediction", _01, True, "share"),
    Metric("precision", "Precision", classification.precision,
           _ONE, "prediction", _01, True, "share"),
    Metric("recall", "Recall", classification.recall, _ONE, "prediction", _01, True, "share"),
    Metric("f1", "F1", classification.f1, _ONE, "prediction", _01, True, "score"),
    Metric("precision_macro", "Precision (macro)", averaged.precision_macro,
           _MANY, "prediction", _01, True, "score"),
    Metric("recall_macro", "Recall (macro)", averaged.recall_macro,
           _MANY, "prediction", _01, True, "score"),
    Metric("f1_macro", "F1 (macro)", averaged.f1_macro, _MANY, "prediction", _01, True, "score"),
    Metric("precision_weighted", "Precision (weighted)", averaged.precision_weighted,
           _MANY, "prediction", _01, True, "score"),
    Metric("recall_weighted", "Recall (weighted)", averaged.recall_weighted,
           _MANY, "prediction", _01, True, "score"),
    Metric("f1_weighted", "F1 (weighted)", averaged.f1_weighted,
           _MANY, "prediction", _01, True, "score"),
    Metric("roc_auc", "ROC AUC", roc_auc, _BOTH, "probability", _01, True, "score"),
    Metric("pr_auc", "PR AUC", pr_auc, _ONE, "probability", _01, True, "score"),
    Metric("brier", "Brier score", brier, _BOTH, "probability", _01, False, "score"),
    Metric("log_loss", "Log loss", log_loss, _BOTH, "probability", _UP, False, "nats"),
    Metric("mae", "MAE", regression.mae, _REAL, "prediction", _UP, False, "target"),
    Metric("rmse", "RMSE", regression.rmse, _REAL, "prediction", _UP, False, "target"),
    Metric("mape", "MAPE", regression.mape, _REAL, "prediction", _UP, False, "percent"),
    Metric("r2", "R²", regression.r2, _REAL, "prediction", (-inf, 1.0), True, "score"),
    Metric("bias", "Bias", regression.bias, _REAL, "prediction", _ANY, None, "target"),
    Metric("latency_p50", "Latency p50", latency.p50, _TIME, "latency", _UP, False, "latency"),
    Metric("latency_p95", "Latency p95", latency.p95, _TIME, "latency", _UP, False, "latency"),
    Metric("latency_p99", "Latency p99", latency.p99, _TIME, "latency", _UP, False, "latency"),
)}
"""Every metric by name, in display order."""
# fmt: on


def evaluate(
    target: NDArray[Any],
    prediction: NDArray[Any] | None = None,
    probability: NDArray[Any] | None = None,
    *,
    task: Task,
    labels: tuple[str, ...] = (),
    positive: int | str = 1,
    metrics: Iterable[str] | None = None,
    seed: int = 0,
) -> dict[str, Value]:
    """Compute metrics on one window or segment, in display order.

    See `Outcomes` for shapes and codes. `positive`: a code (int) or one of `labels` (str). Without
    `metrics` every metric of the task whose input was given is computed; one asked for by name
    whose input is not there is a `Value` with the reason. Rows need to be independent: for several
    rows of the same user every interval here is too short (STATISTICS 20).

    Raises `InputError` for an unknown metric or task, and for inputs that do not fit together.

    >>> rng = np.random.default_rng(0)
    >>> score = rng.uniform(size=1000)
    >>> target = (rng.uniform(size=1000) < score).astype(int)
    >>> values = evaluate(target, (score > 0.5).astype(int), score, task="binary")
    >>> for name in ("accuracy", "roc_auc", "brier"):
    ...     print(f"{name} {values[name].value:.2f}, n = {values[name].n}")
    accuracy 0.75, n = 1000
    roc_auc 0.83, n = 1000
    brier 0.17, n = 1000
    """
    _chosen(task, metrics)  # a wrong name is told before a wrong shape
    outcomes = Outcomes(
        task,
        np.asarray(target),
        None if prediction is None else np.asarray(prediction),
        None if probability is None else np.asarray(probability),
        labels,
        positive_code(positive, labels) if task == "binary" else 1,
        seed,
    )
    return evaluated(outcomes, metrics)


def evaluated(outcomes: Outcomes, metrics: Iterable[str] | None = None) -> dict[str, Value]:
    """The same for outcomes that have been put together."""
    given = {
        "prediction": outcomes.prediction is not None,
        "probability": outcomes.probability is not None,
    }
    values: dict[str, Value] = {}
    for metric in _chosen(outcomes.task, metrics):
        if given[metric.needs]:
            values[metric.name] = metric.function(outcomes)
        elif metrics is not None:
            values[metric.name] = Value.undefined(f"needs a {metric.needs}, none was given")
    return values


def evaluate_latency(durations: NDArray[Any]) -> dict[str, Value]:
    """The latency metrics of one window; durations in any unit, NaN = missing.

    >>> {name: value.value for name, value in evaluate_latency(np.arange(101.0)).items()}
    {'latency_p50': 50.0, 'latency_p95': 95.0, 'latency_p99': 99.0}
    """
    values = np.asarray(durations, float)
    return {metric.name: metric.function(values) for metric in _chosen("latency", None)}


def _chosen(task: Task, names: Iterable[str] | None) -> list[Metric]:
    of_task = {name: metric for name, metric in METRICS.items() if task in metric.tasks}
    if not of_task:
        tasks = sorted({each for metric in METRICS.values() for each in metric.tasks})
        raise InputError(f"task={task!r} is none of {shown(tasks)}.{nearest(task, tasks)}")
    wanted = None if names is None else set(names)
    unknown = sorted((wanted or set()) - set(of_task))
    if unknown:
        raise InputError(
            f"metrics {shown(unknown)} are not metrics of a {task} task, which has "
            f"{shown(of_task, limit=20)}.{nearest(unknown[0], of_task)}"
        )
    return [metric for name, metric in of_task.items() if wanted is None or name in wanted]
