"""What a change of the deciding metric comes from: other inputs, or another relation.

`covariate_shift_effect` and `concept_drift_effect` add up to the change of accuracy or MAE, in its
own unit and with its sign, over the whole window and per segment.

Blind spots: see `metrics.reweighting`. At most 10,000 rows of each window are used, drawn with a
seed, and the 30 inputs that moved most; more would cost minutes and say the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from mondrift.inputs import inputs_of
from mondrift.measurement import Measurement
from mondrift.measures.clusters import Clusters
from mondrift.measures.column import Column
from mondrift.metrics.reweighting import Losses, Part, alike, split
from mondrift.pair import largest_levels
from mondrift.performance import Errors, errors_of
from mondrift.rows import Rows
from mondrift.schema import Schema

COVARIATE, CONCEPT = "covariate_shift_effect", "concept_drift_effect"
ROWS = 10_000  # of each window
METHOD = "rows weighed to the inputs that both windows have alike"


def split_change(before: Rows, after: Rows, *, seed: int = 0) -> list[Measurement]:
    """Both effects over the whole window and per segment; empty where `errors_of` has nothing.

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
        nothing = Part(math.nan, reason=reason)
        return _measured(before.schema, errors, "", (nothing, nothing), {})
    clusters = _clusters(before, after)
    weights = alike(inputs.reference, inputs.current, seed=seed, clusters=clusters)
    losses = Losses(errors.reference, errors.current, clusters)
    about = {"auc": weights.auc, "alike": weights.share, "inputs": inputs.used, "of": inputs.all}
    found = []
    for segment, where in _places(before, after):
        parts = split(losses, weights, where)
        detail = {**about, "effective_rows": [round(each, 1) for each in parts.rows]}
        inside = Errors(errors.metric, errors.reference[where[0]], errors.current[where[1]])
        both = (parts.covariate, parts.concept)
        found += _measured(before.schema, inside, segment, both, detail)
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
    schema: Schema,
    errors: Errors,
    segment: str,
    parts: tuple[Part, Part],
    detail: Mapping[str, object],
) -> list[Measurement]:
    """Both effects as measurements, in the metric's sign: a loss that grows is accuracy that falls.

    `errors` are those of the segment's rows.
    """
    sign = -1 if errors.metric == "accuracy" else 1
    sizes = len(errors.reference), len(errors.current)
    mean = float(errors.reference.mean()) if sizes[0] else None
    reference = mean if mean is None or sign > 0 else 1 - mean
    told = {"metric": errors.metric, "reference": reference, "method": METHOD, **detail}
    found = []
    for name, part in zip((COVARIATE, CONCEPT), parts, strict=True):
        low, high = sorted((sign * part.low, sign * part.high))
        known = not math.isnan(part.value)
        found.append(
            Measurement(
                "performance", schema.output, schema.role(schema.output), "", name,
                sign * part.value, None, *sizes, low if known else None, high if known else None,
                segment, part.reason, told,
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
