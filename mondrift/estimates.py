"""Performance before the labels come: what scores and predictions promise for the whole window.

Classes with probabilities are estimated by recalibrated scores (CBPE, `metrics.estimation`),
numbers by where the predictions fall (DLE, `metrics.expected_error`). DLE reads the prediction
alone: a check from counts has no features, and a measure must not change its method within a
history. Only whole windows: what scores are worth is learned on all of the reference, and need not
hold in one segment of it. Of a large reference 50,000 labelled rows are drawn.

Blind spot, by construction: concept drift. `detail["assumes"]` says so beside every number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.measurement import Measurement
from mondrift.measures.column import Column
from mondrift.metrics import Outcomes, Value, evaluate
from mondrift.metrics.estimation import ASSUMES, estimate, promised
from mondrift.metrics.expected_error import expected_errors, learn_errors
from mondrift.metrics.metric import Task
from mondrift.metrics.recalibration import recalibrate
from mondrift.performance import codes_of, labels_of, positive_of, probabilities_of, task_of
from mondrift.rows import Rows

#: What the estimate of a metric is called: this, then the metric's name.
ESTIMATED = "estimated_"
LEARNED = 50_000
"""Labelled rows of the reference that are learned from, at most."""
CLASSES = 20
"""With more classes nothing is estimated: each has its own 200 curves."""

Rowwise = NDArray[Any]


@dataclass(frozen=True)
class _Found:
    """Estimates by the names of the metrics, the reference's realised ones, facts of all.

    `own`: what the same method expects of the reference's own rows.
    """

    values: Mapping[str, Value]
    reference: Mapping[str, Value]
    facts: Mapping[str, Any]
    own: Mapping[str, float] = field(default_factory=dict)


def estimates(before: Rows, after: Rows, seed: int) -> list[Measurement]:
    """What metrics to expect over all rows of `after`, labelled or not; its target is not read.

    `statistic` is the estimate, [low, high] where 95 % of the realised values fall, if the
    assumption holds; `detail["reference"]` is what the reference realised. Empty where the
    reference has no target, or the schema no probabilities (classes) or prediction (numbers).
    """
    schema = before.schema
    target = before.columns.get(schema.target or "")
    if target is None:
        return []
    task = task_of(schema, target)
    if task == "regression":
        found = _numbers(before, after, target, seed)
    else:
        found = _classes(before, after, target, task, seed)
    if found is None:
        return []
    column = schema.output
    if schema.cluster is not None and schema.cluster in before.columns:
        values = {name: _unbanded(each, schema.cluster) for name, each in found.values.items()}
        found = replace(found, values=values)
    return [
        _measurement(name, column, schema.role(column), value, found)
        for name, value in found.values.items()
    ]


def _numbers(before: Rows, after: Rows, target: Column, seed: int) -> _Found | None:
    """MAE and RMSE by the prediction."""
    name = before.schema.prediction
    if name is None or name not in before.columns or name not in after.columns:
        return None
    prediction = before.columns[name].values
    known = np.flatnonzero(np.isfinite(target.values) & np.isfinite(prediction))
    drawn = _drawn(known, seed)
    model = learn_errors(Outcomes("regression", target.values[drawn], prediction[drawn]))
    current = after.columns[name].values
    reference = evaluate(
        target.values, prediction, task="regression", metrics=("mae", "rmse"), seed=seed
    )
    facts = {
        "calibration_error": None,
        "outside": _finite(model.outside(current)),
        "learned_on": len(drawn),
        "assumes": model.assumes,
    }
    return _Found(expected_errors(model, current), reference, facts)


def _classes(before: Rows, after: Rows, target: Column, task: Task, seed: int) -> _Found | None:
    """Accuracy, precision, recall, F1 and AUC by the recalibrated scores."""
    schema = before.schema
    labels = labels_of(before, after)
    scores, current = probabilities_of(before, labels), probabilities_of(after, labels)
    positive = positive_of(schema, labels)
    if scores is None or current is None or (task == "binary" and positive not in labels):
        return None
    code = labels.index(positive) if positive in labels else 1
    told = tuple(f"class {n}" for n in range(1, len(labels) + 1))
    names = told if schema.target in schema.private else labels
    if task == "multiclass" and len(labels) > CLASSES:
        reason = f"{len(labels)} classes are too many: estimates are made for up to {CLASSES}"
        return _Found({"accuracy": Value.undefined(reason, n=after.n)}, {}, {"assumes": ASSUMES})
    codes = codes_of(target, labels)
    usable = (codes >= 0) & np.isfinite(scores if scores.ndim == 1 else scores.sum(axis=1))
    drawn = _drawn(np.flatnonzero(usable), seed)
    outcomes = Outcomes(task, codes[drawn], None, scores[drawn], names, code, seed)
    predicted = [_prediction(rows, labels) for rows in (before, after)]
    paired = all(each is not None for each in predicted)
    learned = recalibrate(outcomes)
    found = estimate(learned, predicted[1] if paired else None, current, seed=seed)
    own = predicted[0][drawn] if paired and predicted[0] is not None else None
    reference = evaluate(
        codes, predicted[0], scores,
        task=task, labels=labels, positive=code, metrics=tuple(found.values), seed=seed,
    )  # fmt: skip
    facts = {
        "calibration_error": _finite(found.calibration.value),
        "calibration_chance": _finite(found.calibration.ceiling),
        "outside": _finite(found.outside),
        "learned_on": len(drawn),
        "assumes": found.assumes,
    }
    return _Found(found.values, reference, facts, promised(learned, own, scores[drawn]))


def _prediction(rows: Rows, labels: tuple[str, ...]) -> Rowwise | None:
    column = rows.columns.get(rows.schema.prediction or "")
    return None if column is None else codes_of(column, labels)


def _drawn(rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """The positions of rows to learn from: all of them, or as many as are learned from."""
    if len(rows) <= LEARNED:
        return rows
    return np.sort(np.random.default_rng(seed).permutation(rows)[:LEARNED])


def _unbanded(value: Value, cluster: str) -> Value:
    """The same value without limits, which hold for rows that do not depend on each other."""
    if value.low is None:
        return value
    why = f"no band: rows depend on each other within {cluster!r}"
    reason = "; ".join(filter(None, (value.reason, why)))
    return replace(value, low=None, high=None, reason=reason)


def _measurement(name: str, column: str, role: str, value: Value, found: _Found) -> Measurement:
    reference = found.reference.get(name, Value.undefined(""))
    return Measurement(
        family="performance",
        column=column,
        role=role,
        kind="",
        measure=ESTIMATED + name,
        statistic=value.value,
        pvalue=None,
        n_reference=reference.n,
        n_current=value.n,
        low=value.low,
        high=value.high,
        reason=value.reason,
        detail={
            "reference": _finite(reference.value),
            "reference_low": reference.low,
            "reference_high": reference.high,
            "method": value.method,
            "excluded": value.excluded,
            "reference_estimate": _finite(found.own.get(name, math.nan)),
            **found.facts,
        },
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
