"""Metrics of both windows, for every role that allows them; each with n and an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np

from mondrift.measurement import Measurement
from mondrift.measures import fit_layout
from mondrift.measures.clusters import Clusters, clustered
from mondrift.measures.column import Column
from mondrift.measures.measure import Result
from mondrift.metrics import Value, evaluate, evaluate_latency
from mondrift.metrics.intervals import wilson
from mondrift.rows import Rows
from mondrift.schema import POSITIVE, Schema

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

    With `clusters`, accuracy says how many rows are worth one independent row, and its interval
    is as wide as that makes it.
    """
    measurements = _latency(before, after, segment)
    target = before.schema.target
    if target is None or target not in before.columns or target not in after.columns:
        return measurements
    measurements.append(_coverage(before, after, target, segment))
    task = task_of(before.schema, before.columns[target])
    labels = labels_of(before, after) if task != "regression" else ()
    one, other = (_metrics(rows, task, labels, seed) for rows in (before, after))
    column = before.schema.prediction or next(iter(before.schema.probabilities.values()), target)
    role = before.schema.role(column)
    for name, value in other.items():
        measurements.append(_measurement(name, column, role, one[name], value, segment))
        if name == "accuracy" and clusters is not None and not math.isnan(value.value):
            one_right, other_right = _right(before, labels), _right(after, labels)
            found = _dependent(measurements[-1], one_right, other_right, clusters, seed)
            measurements[-1] = found
    return measurements


def _right(rows: Rows, labels: tuple[str, ...]) -> Column:
    """Whether each row was predicted right; missing where the label is."""
    target = codes_of(rows.columns[rows.schema.target or ""], labels)
    prediction = codes_of(rows.columns[rows.schema.prediction or ""], labels)
    known = (target >= 0) & (prediction >= 0)
    return Column("accuracy", "boolean", np.where(known, target == prediction, np.nan))


def _dependent(
    accuracy: Measurement, one: Column, other: Column, clusters: Clusters, seed: int
) -> Measurement:
    """Accuracy of rows that come in clusters."""
    held = [~np.isnan(each.values) for each in (one, other)]
    labelled = [
        replace(each, values=each.values[there])
        for each, there in zip((one, other), held, strict=True)
    ]
    layout = fit_layout(labelled[0])
    within = clusters.where(held[0], held[1])
    test = {"total_variation": Result(0.0)}
    told = clustered(test, layout, labelled[0], labelled[1], within, seed=seed)
    detail = told["total_variation"].detail
    n = accuracy.n_current / detail["design_effect"]
    low, high = wilson(accuracy.statistic * n, n)
    kept = {name: detail[name] for name in ("clusters", "design_effect")}
    return replace(accuracy, low=low, high=high, detail={**accuracy.detail, **kept})


def labels_of(before: Rows, after: Rows) -> tuple[str, ...]:
    """Every class that either window names, in the order in which they are met."""
    names = (before.schema.target or "", before.schema.prediction or "")
    columns = [rows.columns[n] for rows in (before, after) for n in names if n in rows.columns]
    levels = [level for column in columns for level in column.levels]
    known = [*levels, *before.schema.probabilities]
    return tuple(level for level in dict.fromkeys(known) if level != POSITIVE)


def _metrics(rows: Rows, task: Task, labels: tuple[str, ...], seed: int) -> dict[str, Value]:
    """Metrics of one window; without a class known to be positive, only those that need none."""
    target = rows.columns[rows.schema.target or ""]
    prediction = rows.columns.get(rows.schema.prediction or "")
    if task == "regression":
        values = prediction.values if prediction is not None else None
        return evaluate(target.values, values, task=task, seed=seed)
    positive = positive_of(rows.schema, labels)
    probability = probabilities_of(rows, labels)
    if task == "binary" and positive not in labels:
        task, probability = "multiclass", None
    return evaluate(
        codes_of(target, labels),
        None if prediction is None else codes_of(prediction, labels),
        probability,
        task=task,
        labels=labels,
        positive=positive or 1,
        seed=seed,
    )


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
    one, other = (_labelled(rows.columns[target]) for rows in (before, after))
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


def _labelled(column: Column) -> int:
    missing = column.values < 0 if column.kind == "categorical" else np.isnan(column.values)
    return int(np.count_nonzero(~missing))


def _latency(before: Rows, after: Rows, segment: str) -> list[Measurement]:
    name = before.schema.latency
    if name is None or name not in before.columns or name not in after.columns:
        return []
    one, other = (evaluate_latency(rows.columns[name].values) for rows in (before, after))
    return [
        _measurement(metric, name, "latency", one[metric], value, segment)
        for metric, value in other.items()
    ]


def _measurement(
    name: str, column: str, role: str, one: Value, other: Value, segment: str
) -> Measurement:
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
