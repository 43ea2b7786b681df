"""Are labels missing at random? Labelled against unlabelled rows of one window.

A metric speaks for the labelled rows only. Where these differ from the others in what the model
said of them (its scores, else its predictions), the metric of all rows is another one. Blind spot:
rows that look alike to the model and differ in their outcome; nothing shows that before the labels
are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mondrift.measurement import Measurement
from mondrift.measures import MEASURES, fit_layout, summarize
from mondrift.measures.column import Column
from mondrift.measures.measure import Result
from mondrift.rows import Rows
from mondrift.schema import POSITIVE, Schema

_TESTED = ("numeric", "categorical", "boolean")


def labelled(column: Column) -> np.ndarray:
    """Which rows have a label: a boolean mask."""
    missing = column.values < 0 if column.kind == "categorical" else np.isnan(column.values)
    return np.asarray(~missing)


def label_bias(before: Rows, after: Rows, segment: str, seed: int) -> list[Measurement]:
    """How far labelled and unlabelled rows of the current window differ, in [0, 1].

    Of numbers the KS distance, of classes total variation (chi-square gives the p-value);
    `detail["reference"]` is the same of the reference's rows, None where it has too few of
    either. Empty when the windows have neither a score nor a prediction. Rows in clusters have no
    p-value: the test would count them as independent.
    """
    column = _column(before, after)
    if column is None:
        return []
    one, other = (_between(rows, column, seed) for rows in (before, after))
    reason = other.reason
    name = after.schema.cluster
    if not reason and name is not None:
        reason = f"rows that depend on each other within {name!r} are not tested for this"
    return [
        Measurement(
            family="performance",
            column=after.schema.target or "",
            role="target",
            kind=after.columns[column].kind,
            measure="label_bias",
            statistic=other.statistic,
            pvalue=None if reason else other.pvalue,
            n_reference=before.n,
            n_current=after.n,
            low=other.low,
            high=other.high,
            segment=segment,
            reason=reason,
            detail={**other.detail, "by": column, **_reference(one)},
        )
    ]


def _column(before: Rows, after: Rows) -> str | None:
    """What the model said of a row: its one score, else its prediction, else a class's score."""
    schema: Schema = after.schema
    scores = schema.probabilities
    wanted = (scores.get(POSITIVE), schema.prediction, *scores.values())
    return next(
        (
            name
            for name in wanted
            if name is not None
            and name in before.columns
            and name in after.columns
            and after.columns[name].kind in _TESTED
        ),
        None,
    )


def _reference(found: Result) -> Mapping[str, Any]:
    known = not math.isnan(found.statistic)
    return {
        "reference": found.statistic if known else None,
        "reference_higher": found.detail.get("higher") if known else None,
    }


def _between(rows: Rows, column: str, seed: int) -> Result:
    """Labelled rows as the reference, unlabelled ones as the current side of a measure."""
    mask = labelled(rows.columns[rows.schema.target or ""])
    known, unknown = (_where(rows.columns[column], each) for each in (mask, ~mask))
    sizes = {"labelled": known.n, "unlabelled": unknown.n}
    if not rows.n or not known.n or not unknown.n:
        none = "rows" if not rows.n else "labelled rows" if not known.n else "unlabelled rows"
        return Result.unknown(f"no {none}", **sizes)
    layout = fit_layout(known)
    one, other = (summarize(each, layout) for each in (known, unknown))
    if known.kind == "numeric":
        found = MEASURES["ks"](one, other)
        told = {"method": "ks", "higher": _higher(known, unknown)}
    else:
        found = MEASURES["total_variation"](one, other)
        found = replace(found, pvalue=MEASURES["chi_square"](one, other, seed=seed).pvalue)
        told = {"method": "total variation", "corrected": found.detail.get("corrected")}
    return replace(found, detail={**told, **sizes})


def _where(column: Column, keep: np.ndarray) -> Column:
    return replace(column, values=column.values[keep])


def _higher(known: Column, unknown: Column) -> str | None:
    """Which rows have the higher median; None when neither has."""
    one, other = (each.values[np.isfinite(each.values)] for each in (known, unknown))
    if not len(one) or not len(other):
        return None
    apart = float(np.median(one) - np.median(other))
    return None if not apart else "labelled" if apart > 0 else "unlabelled"
