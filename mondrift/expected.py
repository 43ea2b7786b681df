"""Findings about performance that is only estimated: a warning at most, and none once labels came.

A fall is told when it is larger than what is tolerated of the realised metric and the whole band
of the estimate is worse than the whole interval of the reference. Where half of the window's rows
are labelled, the realised metric decides and the estimate is only shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mondrift.comparison import Comparison
from mondrift.finding import Finding, found
from mondrift.measurement import Measurement
from mondrift.policy import Policy, Status

#: Estimates that are judged → the realised metric that takes over when labels come.
STAND_INS = {"estimated_accuracy": "accuracy", "estimated_mae": "mae"}
ENOUGH = 0.5
"""Share of labelled rows from which on the realised metric decides."""


def expected(comparison: Comparison, policy: Policy) -> list[Finding]:
    """One finding per judged estimate: `warning`, `ok`, or `inconclusive` with the reason.

    An estimate that cannot be made leaves the window's status alone; so does one that is fine:
    what only labels show is not known without them.
    """
    return [
        found(
            each.measure, each, policy, _judge(comparison, each, policy), statistic=each.statistic
        )
        for each in comparison.measurements
        if each.measure in STAND_INS
    ]


def labelled(comparison: Comparison, least: int) -> float | None:
    """The share of labelled rows where they are enough to decide, else None."""
    for each in comparison.measurements:
        if each.measure == "label_coverage" and not each.segment:
            enough = each.statistic >= ENOUGH and each.detail["labelled"] >= least
            return each.statistic if enough else None
    return None


def estimate_of(comparison: Comparison, policy: Policy) -> Measurement | None:
    """The estimate that stands in for the metric; None without one and once labels are enough."""
    if labelled(comparison, policy.minimum_labels) is not None:
        return None
    for each in comparison.measurements:
        if each.measure in STAND_INS and not math.isnan(each.statistic):
            return each
    return None


class Spoken(NamedTuple):
    """An estimate for people: `band` is "" without one, `before` is the reference's value or ""."""

    name: str
    value: str
    band: str
    before: str

    @property
    def whole(self) -> str:
        """The value and its band."""
        return f"{self.value} {self.band}".strip()


def spoken(found: Measurement) -> Spoken:
    """A judged estimate in words."""
    name, shown = _FORMS[found.measure]
    band = ""
    if found.low is not None and found.high is not None:
        band = f"[{shown(found.low)} to {shown(found.high)}]"
    before = found.detail.get("reference")
    return Spoken(name, shown(found.statistic), band, "" if before is None else shown(before))


def _judge(comparison: Comparison, each: Measurement, policy: Policy) -> tuple[Status, str]:
    share, said = labelled(comparison, policy.minimum_labels), spoken(each)
    if share is not None:
        return "ok", f"{_percent(share)} of rows are labelled: {said.name} itself is judged"
    accuracy = each.measure == "estimated_accuracy"
    tolerated = policy.accuracy_drop if accuracy else policy.error_rise
    unsure = _unsure(each, tolerated, policy)
    if unsure:
        return "inconclusive", f"{said.name} cannot be estimated: {unsure}"
    assert each.low is not None and each.high is not None  # `_unsure` has looked
    before, now = each.detail["reference"], each.statistic
    if accuracy:
        worse, certain = before - now, each.high < each.detail["reference_low"]
        verb, by = "fallen", f"{100 * worse:.1f} points"
    else:
        worse, certain = now / before - 1, each.low > each.detail["reference_high"]
        verb, by = "risen", _percent(worse)
    moved = f"{said.before} to {said.whole}"
    if worse > tolerated + 1e-12 and certain:
        return "warning", (
            f"{said.name} is estimated to have {verb} by {by} ({moved}); {each.detail['assumes']}"
        )
    why = "what chance explains" if worse > tolerated else "what is tolerated"
    return "ok", f"{said.name} is estimated within {why}: {moved}"


def _unsure(each: Measurement, tolerated: float, policy: Policy) -> str:
    """Why an estimate says nothing, "" when it does.

    Scores that are still wrong, or unknown, by more than what is tolerated could make or hide a
    fall by themselves.
    """
    detail = each.detail
    if math.isnan(each.statistic):
        return each.reason
    if detail.get("reference") is None or detail.get("reference_low") is None:
        return "the reference has no interval"
    if each.n_reference < policy.minimum_labels:
        return f"too few labels in the reference ({each.n_reference})"
    if each.n_current < policy.minimum_rows:
        return f"too few rows ({each.n_current})"
    if each.low is None:
        return each.reason
    own = detail.get("reference_estimate")
    if own is not None and abs(own - detail["reference"]) > tolerated:
        return (
            f"predictions are not made from these scores alone: of the reference they promise "
            f"{_percent(own)}, and labels show {_percent(detail['reference'])}"
        )
    error, chance = detail.get("calibration_error"), detail.get("calibration_chance")
    if error is not None and chance is not None and error > max(chance, tolerated):
        return f"a calibration error of {error:.3f} remains in the reference"
    outside = detail.get("outside")
    if outside is not None and outside > tolerated:
        beyond = "predictions" if detail.get("calibration_error") is None else "scores"
        return f"{_percent(outside)} of rows have {beyond} outside those of the reference"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


_FORMS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "estimated_accuracy": ("accuracy", _percent),
    "estimated_mae": ("MAE", "{:.4g}".format),
}
