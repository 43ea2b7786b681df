"""Metrics of both windows, for every role that allows them; each with n and an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mondrift.dependence import dependent
from mondrift.evidence import classes, confusion, curve
from mondrift.measurement import Measurement
from mondrift.measures.clusters import Clusters
from mondrift.measures.column import Column
from mondrift.metrics import Outcomes, Value, evaluate_latency, evaluated
from mondrift.metrics.calibration import calibration_error
from mondrift.rows import Rows
from mondrift.schema import POSITIVE, Schema
from mondrift.unlabelled import label_bias, labelled

Task = Literal["binary", "multiclass", "regression"]

#: The metric that says whether a model got worse: of classes accuracy, of numbers MAE.
DECISIVE = ("accuracy", "mae")

_YES = ("1", "True", "true", "yes", "Yes", "Y", "y")


def task_of(schema: Schema, target: Column) -> Task:
    """The task, from the target's kind and levels in the reference."""
    if target.kind == "numeric":
        return "regression"
    two = isinstance(schema.probability, str) or len(target.levels) <= 2
    return "binary" if two else "multiclass"


def positive_of(schema: Schema, levels: Iterable[str]) -> str | None:
    """The class counted as positive: the declared one, else 1, True or yes; None if neither."""
    if schema.positive is not None:
        return schema.positive
    return next((level for level in levels if level in _YES), None)


def performance(
    before: Rows, after: Rows, segment: str, seed: int, clusters: Clusters | None = None
) -> list[Measurement]:
    """Every metric that the schema's roles allow; empty without a target or a latency column.

    With `clusters`, accuracy, MAE and ROC AUC say how many rows are worth one independent row, and
    their intervals are as wide as that makes them.
    """
    schema, measurements = before.schema, _latency(before, after, segment)
    target = schema.target
    if target is None or target not in before.columns or target not in after.columns:
        return measurements
    measurements.append(_coverage(before, after, target, segment))
    measurements += label_bias(before, after, segment, seed)
    task = task_of(schema, before.columns[target])
    labels = labels_of(before, after) if task != "regression" else ()
    both = outcomes_of(before, task, labels, seed), outcomes_of(after, task, labels, seed)
    one, other = (evaluated(each) for each in both)
    absent = Value.undefined("the reference window has not what it takes")
    score = next(iter(schema.probabilities.values()), "")
    column = schema.output or target
    for name, value in other.items():
        where = (column, schema.role(column), segment)
        found = _measurement(name, where, one.get(name, absent), value)
        if clusters is not None:
            found = dependent(found, *both, clusters, seed)
        measurements.append(_with_evidence(found, *both, schema))
    if both[0].probability is not None and both[1].probability is not None:
        where = (score, "probability", segment)
        measurements.append(_calibration(where, *both, private=score in schema.private))
    return measurements


def _with_evidence(
    metric: Measurement, one: Outcomes, other: Outcomes, schema: Schema
) -> Measurement:
    """Accuracy with its confusion matrix, F1 (macro) with each class."""
    private = bool({schema.target, schema.prediction} & set(schema.private))
    if metric.measure == "accuracy":
        counts = confusion(one, other, private=private)
        told = {} if counts is None else {"confusion": counts}
        return replace(metric, detail={**metric.detail, **told})
    if metric.measure == "f1_macro":
        detail = {**metric.detail, "per_class": classes(one, other, private=private)}
        return replace(metric, detail=detail)
    return metric


def _calibration(
    where: tuple[str, str, str], one: Outcomes, other: Outcomes, *, private: bool
) -> Measurement:
    """The expected calibration error of both windows, beside what chance alone makes of it."""
    before, now = calibration_error(one), calibration_error(other)
    reference, current = (
        Value(each.value, n=each.n, excluded=each.excluded, reason=each.reason)
        for each in (before, now)
    )
    found = _measurement("calibration_error", where, reference, current)
    detail = {
        **found.detail,
        "floor": _known(now.floor),
        "ceiling": _known(now.ceiling),
        "reference_ceiling": _known(before.ceiling),
    }
    if not private and not found.segment:
        detail["curve"] = {"reference": curve(one), "current": curve(other)}
    return replace(found, detail=detail)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def labels_of(before: Rows, after: Rows) -> tuple[str, ...]:
    """Every class that either window names, in the order in which they are met."""
    names = (before.schema.target or "", before.schema.prediction or "")
    columns = [rows.columns[n] for rows in (before, after) for n in names if n in rows.columns]
    levels = [level for column in columns for level in column.levels]
    known = [*levels, *before.schema.probabilities]
    return tuple(level for level in dict.fromkeys(known) if level != POSITIVE)


def outcomes_of(rows: Rows, task: Task, labels: tuple[str, ...], seed: int) -> Outcomes:
    """What happened beside what was predicted in one window, as codes into `labels`.

    Without a class known to be positive a binary task has no probabilities. Without a column of
    predictions they are made of the probabilities: at `Schema.threshold`, or the likeliest class.
    """
    target = rows.columns[rows.schema.target or ""]
    prediction = rows.columns.get(rows.schema.prediction or "")
    if task == "regression":
        values = prediction.values if prediction is not None else None
        return Outcomes(task, target.values, values, seed=seed)
    positive = positive_of(rows.schema, labels)
    probability = probabilities_of(rows, labels)
    if task == "binary" and positive not in labels:
        task, probability = "multiclass", None
    code = labels.index(positive) if task == "binary" and positive is not None else 1
    said: np.ndarray | None = None
    if prediction is not None:
        said = codes_of(prediction, labels)
    elif rows.schema.prediction is None:
        said = _decided(probability, code, len(labels), rows.schema.threshold)
    return Outcomes(task, codes_of(target, labels), said, probability, labels, code, seed)


@dataclass(frozen=True, eq=False)
class Errors:
    """The metric that decides as the error of each row: 0 or 1 of a class, else the absolute one.

    NaN where the target or the prediction is missing.
    """

    metric: str
    reference: np.ndarray
    current: np.ndarray


def errors_of(before: Rows, after: Rows) -> Errors | None:
    """The errors of both windows; None without targets, or nothing to hold against them."""
    target = before.columns.get(before.schema.target or "")
    if target is None or target.name not in after.columns:
        return None
    task = task_of(before.schema, target)
    labels = labels_of(before, after) if task != "regression" else ()
    both = [outcomes_of(each, task, labels, 0) for each in (before, after)]
    if any(each.prediction is None for each in both):
        return None
    return Errors("mae" if task == "regression" else "accuracy", *map(_errors, both))


def _errors(outcomes: Outcomes) -> np.ndarray:
    target, prediction = outcomes.target, outcomes.prediction
    assert prediction is not None  # `errors_of` has looked
    if outcomes.task == "regression":
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(prediction - target)
        return np.where(np.isfinite(apart), apart, np.nan)
    return np.where((target >= 0) & (prediction >= 0), target != prediction, np.nan)


def _decided(
    probability: np.ndarray | None, positive: int, classes: int, threshold: float | None
) -> np.ndarray | None:
    """Predictions made of probabilities, -1 where these are missing; None without any."""
    if probability is None:
        return None
    if probability.ndim == 2:
        known = np.isfinite(probability).all(axis=1)
        return np.where(known, np.where(known[:, None], probability, 0).argmax(axis=1), -1)
    other = next((code for code in range(classes) if code != positive), None)
    if other is None:  # nothing but positives has been seen: there is no name for the others
        return None
    said = np.where(probability >= (0.5 if threshold is None else threshold), positive, other)
    return np.where(np.isfinite(probability), said, -1)


def codes_of(column: Column, labels: tuple[str, ...]) -> np.ndarray:
    """Codes of a categorical column re-written as positions in `labels`; -1 stays missing."""
    if not column.levels:
        return np.full(len(column.values), -1)
    table = np.array([*(labels.index(level) for level in column.levels), -1])
    return np.asarray(table[column.values])


def probabilities_of(rows: Rows, labels: tuple[str, ...]) -> np.ndarray | None:
    """(n,) P(positive), (n, k) in the order of `labels`, or None."""
    named = rows.schema.probabilities
    if not named or any(name not in rows.columns for name in named.values()):
        return None
    if POSITIVE in named:
        return rows.columns[named[POSITIVE]].values
    none = np.zeros(rows.n)  # a class that the model does not know has no probability
    return np.column_stack(
        [rows.columns[named[label]].values if label in named else none for label in labels]
    )


def _coverage(before: Rows, after: Rows, target: str, segment: str) -> Measurement:
    """Share of rows whose label is known, in [0, 1]."""
    one, other = (int(labelled(rows.columns[target]).sum()) for rows in (before, after))
    return Measurement(
        family="performance",
        column=target,
        role="target",
        kind=after.columns[target].kind,
        measure="label_coverage",
        statistic=other / after.n if after.n else math.nan,
        pvalue=None,
        n_reference=before.n,
        n_current=after.n,
        segment=segment,
        reason="" if after.n else "no rows",
        detail={"reference": one / before.n if before.n else None, "labelled": other},
    )


def _latency(before: Rows, after: Rows, segment: str) -> list[Measurement]:
    name = before.schema.latency
    if name is None or name not in before.columns or name not in after.columns:
        return []
    one, other = (evaluate_latency(rows.columns[name].values) for rows in (before, after))
    return [
        _measurement(metric, (name, "latency", segment), one[metric], value)
        for metric, value in other.items()
    ]


def _measurement(name: str, where: tuple[str, str, str], one: Value, other: Value) -> Measurement:
    """A metric of both windows; `where` is its column, role and segment."""
    column, role, segment = where
    return Measurement(
        family="performance",
        column=column,
        role=role,
        kind="",
        measure=name,
        statistic=other.value,
        pvalue=None,
        n_reference=one.n,
        n_current=other.n,
        low=other.low,
        high=other.high,
        segment=segment,
        reason=other.reason,
        detail={
            "reference": None if math.isnan(one.value) else one.value,
            "reference_low": one.low,
            "reference_high": one.high,
            "method": other.method,
            "excluded": other.excluded,
            **({"reference_reason": one.reason} if one.reason else {}),
        },
    )
