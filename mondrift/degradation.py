"""Findings about the model: worse by enough to matter, and by more than chance explains.

Accuracy (of classes) and MAE (of numbers) decide: worse is an alarm. ROC AUC is asked too, of the
window as a whole: a drop is a warning at most, since a model may rank worse and be as right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mondrift.comparison import Comparison
from mondrift.finding import Finding, found
from mondrift.measurement import Measurement
from mondrift.performance import DECISIVE
from mondrift.policy import Policy, Status

if TYPE_CHECKING:
    from mondrift.metrics.degradation import Degradation

#: What is judged, and the status of a change for the worse.
JUDGED: Mapping[str, Status] = {**dict.fromkeys(DECISIVE, "alarm"), "roc_auc": "warning"}

_LEVEL = 0.99  # one-sided, of the lower bound of a change


def degradation(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Each metric that is judged: the change exceeds its tolerance, and its 99 % lower bound 0.

    Segments share the level among themselves (Bonferroni), so that looking at more of them does
    not raise the rate of false alarms. Rows in clusters count as the independent rows they are
    worth.
    """
    return [
        found(name, each, policy, _judge(each, policy, level), statistic=each.statistic)
        for name in JUDGED
        for each, level in _levels(comparison, name)
    ]


def change(each: Measurement, policy: Policy, level: float = _LEVEL) -> Degradation:
    """How much worse one of the `JUDGED` metrics became, and what can be said of it."""
    from mondrift.metrics import METRICS, Value, accuracy_drop, error_rise, score_drop

    about = each.detail
    before = math.nan if about.get("reference") is None else float(about["reference"])
    if each.measure == "accuracy" and not math.isnan(before) and not math.isnan(each.statistic):
        design = float(about.get("design_effect") or 1.0)
        n, m = (math.floor(size / design) for size in (each.n_reference, each.n_current))
        return accuracy_drop(
            (before * n, n), (each.statistic * m, m),
            tolerance=policy.accuracy_drop, level=level, minimum=policy.minimum_labels,
        )  # fmt: skip
    why = about.get("reference_reason", "") or "no labelled rows in the reference window"
    limits = (about.get("reference_low"), about.get("reference_high"))
    one = Value(before, *limits, n=each.n_reference, reason=why)
    other = Value(each.statistic, each.low, each.high, n=each.n_current, reason=each.reason)
    name, minimum = METRICS[each.measure].label, policy.minimum_labels
    if each.measure == "mae":
        tolerance = policy.error_rise
        return error_rise(one, other, tolerance=tolerance, level=level, minimum=minimum, name=name)
    tolerance = policy.score_drop
    return score_drop(one, other, tolerance=tolerance, level=level, minimum=minimum, name=name)


def worsening(each: Measurement) -> float:
    """How much worse a metric is, unjudged: points, or a share of the error; NaN when unknown."""
    before = each.detail.get("reference")
    if before is None or math.isnan(each.statistic):
        return math.nan
    if each.measure != "mae":
        return float(before - each.statistic)
    return each.statistic / before - 1 if before > 0 else math.nan


def _levels(comparison: Comparison, name: str) -> list[tuple[Measurement, float]]:
    about = [
        each
        for each in comparison.measurements
        if each.measure == name and each.family == "performance"
    ]
    if name not in DECISIVE:
        return [(each, _LEVEL) for each in about if not each.segment]
    apart = max(sum(bool(each.segment) for each in about), 1)
    return [(each, 1 - (1 - _LEVEL) / (apart if each.segment else 1)) for each in about]


def _judge(each: Measurement, policy: Policy, level: float) -> tuple[Status, str]:
    clusters = each.detail.get("clusters")
    if clusters is not None and clusters < policy.minimum_clusters:
        return "inconclusive", (
            f"labels in {clusters} clusters are too few; {policy.minimum_clusters} are needed"
        )
    judged = change(each, policy, level)
    worse = judged.outcome == "worse"
    status = JUDGED[each.measure] if worse else "ok" if judged.outcome == "held" else "inconclusive"
    design = float(each.detail.get("design_effect") or 1.0)
    worth = math.floor(each.n_current / design)
    told = f" ({each.n_current:,} rows in clusters are worth {worth:,})" if design > 1 else ""
    return status, judged.reason + told
