"""What a change of the deciding metric comes from: other inputs, or another relation.

`covariate_shift_effect` and `concept_drift_effect` add up to the change of accuracy or MAE, in its
own unit and with its sign, over the whole window and per segment.

Blind spots: see `metrics.reweighting`. At most 10,000 rows of each window are used, drawn with a
seed, and the 30 inputs that moved most; more would cost minutes and say the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mondrift.inputs import inputs_of
from mondrift.measurement import Measurement
from mondrift.measures.clusters import Clusters
from mondrift.measures.column import Column
from mondrift.metrics.reweighting import Losses, Part, alike, split
from mondrift.pair import largest_levels
from mondrift.performance import codes_of, labels_of, task_of
from mondrift.rows import Rows

COVARIATE, CONCEPT = "covariate_shift_effect", "concept_drift_effect"
ROWS = 10_000  # of each window
METHOD = "rows weighed to the inputs that both windows have alike"


@dataclass(frozen=True, eq=False)
class Errors:
    """The deciding metric of two windows as a loss per row; NaN where a label is missing."""

    metric: str
    reference: np.ndarray
    current: np.ndarray

    @property
    def sign(self) -> int:
        """What a loss that grows does to the metric: accuracy falls."""
        return -1 if self.metric == "accuracy" else 1


def errors_of(before: Rows, after: Rows) -> Errors | None:
    """The loss of each row; None without a target or a prediction in both windows."""
    schema = before.schema
    for name in (schema.target, schema.prediction):
        if name is None or name not in before.columns or name not in after.columns:
            return None
    sides = (before, after)
    pairs = [(each.columns[schema.target or ""], each.columns[schema.prediction or ""])
             for each in sides]  # fmt: skip
    if task_of(schema, before.columns[schema.target or ""]) == "regression":
        found = [np.abs(target.values - prediction.values) for target, prediction in pairs]
        return Errors("mae", *(np.where(np.isfinite(each), each, np.nan) for each in found))
    labels = labels_of(before, after)
    codes = [[codes_of(column, labels) for column in pair] for pair in pairs]
    wrong = [
        np.where((target >= 0) & (prediction >= 0), target != prediction, np.nan)
        for target, prediction in codes
    ]
    return Errors("accuracy", *wrong)


def split_change(before: Rows, after: Rows, *, seed: int = 0) -> list[Measurement]:
    """Both effects over the whole window and per segment; empty without target and prediction.

    What cannot be told is NaN with its reason.
    """
    errors = errors_of(before, after)
    if errors is None:
        return []
    rng = np.random.default_rng(seed)
    kept = [_sample(each, rng) for each in (errors.reference, errors.current)]
    before, after = (
        rows.where(keep, rows.window.label)
        for rows, keep in zip((before, after), kept, strict=True)
    )
    errors = Errors(errors.metric, errors.reference[kept[0]], errors.current[kept[1]])
    inputs = inputs_of(before, after)
    reason = "" if inputs.used else "no inputs to compare"
    for label, rows in (("reference", before), ("current", after)):
        reason = reason if rows.n else f"no labelled rows in the {label} window"
    if reason:
        return _measured(before, errors, "", (None, None), reason=reason)
    clusters = _clusters(before, after)
    weights = alike(inputs.reference, inputs.current, seed=seed, clusters=clusters)
    losses = Losses(errors.reference, errors.current, clusters)
    about = {"auc": weights.auc, "alike": weights.share, "inputs": inputs.used, "of": inputs.all}
    found = []
    for segment, where in _places(before, after):
        parts = split(losses, weights, where)
        detail = {**about, "effective_rows": [round(each, 1) for each in parts.rows]}
        found += _measured(
            before, errors, segment, (parts.covariate, parts.concept), where=where, detail=detail
        )
    return found


def _sample(losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which rows are used: those with a label, at most `ROWS` of them."""
    there = np.flatnonzero(~np.isnan(losses))
    if len(there) > ROWS:
        there = rng.choice(there, ROWS, replace=False)
    keep = np.zeros(len(losses), dtype=bool)
    keep[there] = True
    return keep


Where = tuple[np.ndarray, np.ndarray]


def _places(before: Rows, after: Rows) -> Iterator[tuple[str, Where]]:
    """The whole window, then each segment: its name and which rows of either window are in it."""
    yield "", (np.ones(before.n, dtype=bool), np.ones(after.n, dtype=bool))
    for name in before.schema.segments:
        if name in before.columns and name in after.columns:
            for level in largest_levels(before.columns[name]):
                one, other = (_is(rows.columns[name], level) for rows in (before, after))
                yield f"{name}={level}", (one, other)


def _is(column: Column, level: str) -> np.ndarray:
    code = column.levels.index(level) if level in column.levels else -2
    return np.asarray(column.values == code)


def _measured(
    before: Rows,
    errors: Errors,
    segment: str,
    parts: tuple[Part | None, Part | None],
    *,
    where: Where | None = None,
    detail: dict[str, object] | None = None,
    reason: str = "",
) -> list[Measurement]:
    """Both effects as measurements, in the metric's sign."""
    losses = [errors.reference, errors.current]
    if where is not None:
        losses = [each[held] for each, held in zip(losses, where, strict=True)]
    mean = float(losses[0].mean()) if len(losses[0]) else math.nan
    reference = 1 - mean if errors.metric == "accuracy" else mean
    column = before.schema.prediction or ""
    shared = {
        "metric": errors.metric,
        "reference": None if math.isnan(reference) else reference,
        "method": METHOD,
        **(detail or {}),
    }
    found = []
    for name, part in zip((COVARIATE, CONCEPT), parts, strict=True):
        held = part or Part(math.nan, reason=reason)
        limits = sorted((errors.sign * held.low, errors.sign * held.high))
        known = not math.isnan(held.value)
        found.append(
            Measurement(
                "performance", column, before.schema.role(column), "", name,
                errors.sign * held.value, None, len(losses[0]), len(losses[1]),
                limits[0] if known else None, limits[1] if known else None,
                segment, held.reason, shared,
            )
        )  # fmt: skip
    return found


def _clusters(before: Rows, after: Rows) -> tuple[np.ndarray, np.ndarray] | None:
    """The cluster of each row, in one numbering; a row without one is a cluster of its own."""
    name = before.schema.cluster
    if name is None or name not in before.columns or name not in after.columns:
        return None
    matched = Clusters.match(before.columns[name], after.columns[name])
    numbers = np.concatenate([matched.reference, matched.current])
    alone = numbers < 0
    numbers[alone] = numbers.max(initial=-1) + 1 + np.arange(np.count_nonzero(alone))
    return numbers[: before.n], numbers[before.n :]
