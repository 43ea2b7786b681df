"""Metrics of rows that come in clusters: limits as wide as the dependence makes them.

What one row adds to the error of a metric is summed by cluster; the squares of the sums against the
squares of the rows are the design effect: so many rows are worth one independent row. Clusters that
both windows share are taken for different ones, which errs on the safe side.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mondrift.measurement import Measurement
from mondrift.measures import fit_layout
from mondrift.measures.clusters import Clusters, clustered
from mondrift.measures.column import Column
from mondrift.measures.measure import Result
from mondrift.metrics import Outcomes, Value
from mondrift.metrics.intervals import Scale, widened, wilson

Floats = NDArray[np.float64]
_SCALES: dict[str, Scale] = {"mae": "log", "roc_auc": "logit"}


def dependent(
    metric: Measurement, one: Outcomes, other: Outcomes, clusters: Clusters, seed: int
) -> Measurement:
    """Accuracy, MAE or ROC AUC with limits for clusters; other metrics as they are."""
    if math.isnan(metric.statistic):
        return metric
    if metric.measure == "accuracy":
        return _accuracy(metric, one, other, clusters, seed)
    if metric.measure not in _SCALES or one.task == other.task == "multiclass":
        return metric
    scale, (before, now) = _SCALES[metric.measure], clusters.units
    apart, effect = _effect(one, metric.measure, before), _effect(other, metric.measure, now)
    told = metric.detail
    reference = Value(
        told["reference"] or math.nan, told.get("reference_low"), told.get("reference_high")
    )
    reference = widened(reference, apart, scale=scale)
    current = Value(metric.statistic, metric.low, metric.high)
    current = widened(current, effect, scale=scale)
    detail = {
        **told,
        "reference_low": reference.low,
        "reference_high": reference.high,
        "clusters": clusters.fewer,
        "design_effect": effect,
    }
    return replace(metric, low=current.low, high=current.high, detail=detail)


def _effect(outcomes: Outcomes, name: str, units: NDArray[np.int64]) -> float:
    """The design effect of a metric in one window, at least 1."""
    influence, kept = _influence(outcomes, name)
    rows = float(influence @ influence)
    if rows <= 0:
        return 1.0
    sums = np.bincount(units[kept], weights=influence)
    seen = len(np.unique(units[kept]))
    return max(float(sums @ sums) / rows * seen / max(seen - 1, 1), 1.0)


def _influence(outcomes: Outcomes, name: str) -> tuple[Floats, NDArray[np.bool_]]:
    """What each row adds to the error of a metric, and which rows count."""
    if name == "mae":
        assert outcomes.prediction is not None
        kept = np.isfinite(outcomes.target) & np.isfinite(outcomes.prediction)
        target, prediction, _ = outcomes.predicted
        errors = np.abs(prediction - target)
        return errors - errors.mean() if len(errors) else errors, kept
    assert outcomes.probability is not None
    kept = (outcomes.target >= 0) & np.isfinite(outcomes.probability)
    positive = outcomes.scored.target == outcomes.positive
    if not 0 < np.count_nonzero(positive) < len(positive):
        return np.zeros(0), kept
    return outcomes.ranking.by_row(outcomes.ranking.auc, positive), kept


def _right(outcomes: Outcomes) -> Column:
    """Whether each row was predicted right; missing where the label is."""
    target, prediction = outcomes.target, outcomes.prediction
    assert prediction is not None
    known = (target >= 0) & (prediction >= 0)
    return Column("accuracy", "boolean", np.where(known, target == prediction, np.nan))


def _accuracy(
    accuracy: Measurement, one: Outcomes, other: Outcomes, clusters: Clusters, seed: int
) -> Measurement:
    rights = (_right(one), _right(other))
    held = [~np.isnan(each.values) for each in rights]
    labelled = [
        replace(each, values=each.values[there]) for each, there in zip(rights, held, strict=True)
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
