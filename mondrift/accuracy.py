"""Findings about accuracy: a drop that matters and that chance does not explain."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mondrift.comparison import Comparison
from mondrift.finding import Finding, found
from mondrift.measurement import Measurement
from mondrift.policy import Policy, Status

_LEVEL = 0.99  # one-sided, of the lower bound of a drop


def accuracy(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Accuracy: the drop exceeds the threshold, and its one-sided 99 % lower bound exceeds 0.

    Segments share the level among themselves (Bonferroni), so that looking at more of them does
    not raise the rate of false alarms. Rows in clusters count as the independent rows they are
    worth.
    """
    about = [each for each in comparison.measurements if each.measure == "accuracy"]
    apart = max(sum(bool(each.segment) for each in about), 1)
    return [
        found(
            "accuracy", each, policy,
            _judge(each, 1 - (1 - _LEVEL) / (apart if each.segment else 1), policy),
            statistic=each.statistic,
        )
        for each in about
    ]  # fmt: skip


def _judge(each: Measurement, level: float, policy: Policy) -> tuple[Status, str]:
    from mondrift.metrics.drop import accuracy_drop

    reference = each.detail.get("reference")
    if reference is None or math.isnan(each.statistic):
        return "inconclusive", each.reason or "no labelled rows in the reference window"
    clusters = each.detail.get("clusters")
    if clusters is not None and clusters < policy.minimum_clusters:
        return "inconclusive", (
            f"labels in {clusters} clusters are too few; {policy.minimum_clusters} are needed"
        )
    design = float(each.detail.get("design_effect") or 1.0)
    n, m = (math.floor(size / design) for size in (each.n_reference, each.n_current))
    judged = accuracy_drop(
        (reference * n, n),
        (each.statistic * m, m),
        threshold=policy.accuracy_drop,
        level=level,
        minimum=policy.minimum_labels,
    )
    statuses: Mapping[str, Status] = {"dropped": "alarm", "held": "ok"}
    worth = f" ({each.n_current:,} rows in clusters are worth {m:,})" if design > 1 else ""
    return statuses.get(judged.outcome, "inconclusive"), judged.reason + worth
