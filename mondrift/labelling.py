"""Findings about labels: whether labelled rows speak for the window.

Labels that are missing at random make a metric less certain, and its interval says so. Labels that
are missing for a reason (positives come first, the easy cases are settled first) make it wrong,
and no interval shows that: so the model's scores of both kinds of rows are compared, and the share
of positives among labels that came early with that among later ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mondrift.comparison import Comparison
from mondrift.degradation import JUDGED
from mondrift.finding import Finding, effect, found
from mondrift.measurement import Measurement
from mondrift.measures.correction import benjamini_hochberg
from mondrift.policy import Policy, Status

CHECK = "label_bias"
MATERIAL = 0.1
"""A KS distance, a total variation or a difference of shares from here on matters."""
COMPLETE = 0.99
"""With this share of rows labelled, numbers' errors without a label can hardly matter."""

CAVEAT = "what is measured speaks for the labelled rows only"


def label_bias(comparison: Comparison, policy: Policy) -> list[Finding]:
    """`warning` where labelled rows differ from unlabelled ones, materially and beyond chance.

    p-values of all segments and of both questions are corrected together (Benjamini-Hochberg), so
    that a window whose labels are missing at random is flagged with at most `policy.level`. Never
    `inconclusive`: where it cannot be told it is `skipped`, and the window's status stays as it is.
    """
    about = [each for each in comparison.measurements if each.measure == CHECK]
    raw = [_pvalue(each.pvalue) for each in about]
    early = [_pvalue(each.detail.get("early_pvalue")) for each in about]
    adjusted = benjamini_hochberg([*raw, *early])
    findings = []
    for at, each in enumerate(about):
        sure, apart = float(adjusted[at]), float(adjusted[len(about) + at])
        judged = _complete(comparison, each, policy) or _judge(each, sure, apart, policy)
        pvalues = (raw[at], sure)
        findings.append(
            found(CHECK, each, policy, judged, statistic=each.statistic, pvalues=pvalues)
        )
    return findings


def with_caveats(findings: Sequence[Finding]) -> list[Finding]:
    """The same findings; with a label bias, metrics and target drift say which rows they are of."""
    biased = {each.segment for each in findings if each.check == CHECK and each.status == "warning"}
    return [
        replace(each, reason=f"{each.reason}; of labelled rows, which differ from the others")
        if each.segment in biased and _of_labelled(each)
        else each
        for each in findings
    ]


def _of_labelled(each: Finding) -> bool:
    drifted = each.check == "drift" and each.role == "target"
    return each.check in JUDGED or (drifted and each.status in ("warning", "alarm"))


def _pvalue(value: float | None) -> float:
    return math.nan if value is None else value


def _sizes(each: Measurement) -> tuple[int, int]:
    return int(each.detail.get("labelled", 0)), int(each.detail.get("unlabelled", 0))


def _complete(
    comparison: Comparison, each: Measurement, policy: Policy
) -> tuple[Status, str] | None:
    """What is said where so few labels are missing that they cannot matter; None elsewhere.

    A share u of rows without a label moves accuracy by at most u, whatever these rows are.
    """
    known, unknown = _sizes(each)
    if known and not unknown:
        return "ok", "every row is labelled"
    missing = unknown / max(known + unknown, 1)
    told = f"{100 * missing:.1f} % of the rows have no label"
    numbers = comparison.schema.kinds.get(each.column) == "numeric"
    if numbers and known and missing <= 1 - COMPLETE:
        return "ok", told
    if not numbers and known and missing <= policy.accuracy_drop:
        return "ok", f"{told}: they move accuracy by {100 * missing:.1f} points at most"
    return None


def _judge(each: Measurement, adjusted: float, early: float, policy: Policy) -> tuple[Status, str]:
    known, unknown = _sizes(each)
    if policy.learned is not None:
        return "skipped", "past windows do not say how labelled and unlabelled rows differ"
    if each.reason:
        return "skipped", each.reason
    if min(known, unknown) < policy.minimum_rows:
        fewer = f"{known} labelled" if known < unknown else f"{unknown} unlabelled"
        return "skipped", f"{fewer} rows are too few; {policy.minimum_rows} are needed"
    told = [*_apart(each, adjusted, policy), *_early(each, early, policy)]
    if told:
        return "warning", f"labelled rows differ from unlabelled ones ({'; '.join(told)}): {CAVEAT}"
    return "ok", f"{_difference(each)}: {_why_not(each, adjusted, policy)}"


def _apart(each: Measurement, adjusted: float, policy: Policy) -> list[str]:
    if effect(each) < MATERIAL or not adjusted < policy.level or _usual(each):
        return []
    return [_difference(each)]


def _early(each: Measurement, adjusted: float, policy: Policy) -> list[str]:
    early, late = each.detail.get("early"), each.detail.get("late")
    if early is None or late is None or not adjusted < policy.level:
        return []
    if abs(early - late) < MATERIAL:
        return []
    return [
        f"{_percent(early)} of the labels of the first day are positive, {_percent(late)} of the "
        "later ones"
    ]


def _usual(each: Measurement) -> bool:
    """Whether the reference's labels are missing in the same way: then like stands by like."""
    before = each.detail.get("reference")
    if before is None or each.detail.get("higher") != each.detail.get("reference_higher"):
        return False
    return bool(each.statistic - before < MATERIAL)


def _difference(each: Measurement) -> str:
    name = {"ks": "KS"}.get(each.detail["method"], each.detail["method"])
    higher = each.detail.get("higher")
    side = "" if higher is None else f", higher in {higher} rows"
    return f"{each.detail['by']}: {name} {effect(each):.2g}{side}"


def _why_not(each: Measurement, adjusted: float, policy: Policy) -> str:
    if effect(each) < MATERIAL:
        return "too little to matter"
    if not adjusted < policy.level:
        return f"within what chance explains (adjusted p = {adjusted:.2g})"
    return (
        f"as in the reference ({each.detail['reference']:.2g}), so both windows speak for the "
        "same kind of rows"
    )


def _percent(share: float) -> str:
    return f"{math.floor(1000 * share) / 10:g} %"
