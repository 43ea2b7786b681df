"""Findings about the state of the values: missing, unseen, out of range, columns that are gone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mondrift.comparison import Comparison
from mondrift.finding import (
    UNDECIDED,
    Finding,
    about_column,
    against_the_past,
    found,
    too_small,
)
from mondrift.measurement import Measurement
from mondrift.measures.correction import benjamini_hochberg
from mondrift.phrases import listed, percent
from mondrift.policy import Policy, Status

#: Checks of quality, each a family with a correction of its own, in words.
QUALITY: Mapping[str, str] = {
    "missing": "missing values",
    "infinite": "infinite values",
    "unseen": "rows in unseen categories",
    "vanished": "rows in vanished categories",
    "out_of_range": "values outside the reference's range",
    "type_change": "values that cannot be read as the column's kind",
}

_NOW: Mapping[str, str] = {
    "missing": "of rows have no value",
    "infinite": "of rows are infinite",
    "unseen": "of rows are in categories that the reference does not have",
    "vanished": "of the reference's rows were in categories that are gone",
    "out_of_range": "of values are outside the reference's range",
    "type_change": "of rows cannot be read as the column's kind",
}
_ONE_SIDED = ("unseen", "vanished", "type_change")


def quality(comparison: Comparison, check: str, policy: Policy) -> list[Finding]:
    """One check over all columns: a family of findings with a correction of its own."""
    about = [e for e in comparison.measurements if e.family == "quality" and e.measure == check]
    findings = _family(comparison, check, about, policy)
    if not any("at_most" in each.detail for each in about):
        return findings
    most = _family(comparison, check, [_at_most(each) for each in about], policy)
    return [
        least if least.status == other.status else _undecided(least, other, policy)
        for least, other in zip(findings, most, strict=True)
    ]


def _family(
    comparison: Comparison, check: str, about: Sequence[Measurement], policy: Policy
) -> list[Finding]:
    raw = [math.nan if each.pvalue is None else each.pvalue for each in about]
    adjusted = [float(p) for p in benjamini_hochberg(raw)]
    findings = []
    for each, pvalue, corrected in zip(about, raw, adjusted, strict=True):
        sure, judged = _judge(comparison, each, corrected, policy)
        findings.append(
            found(check, each, policy, judged, statistic=each.statistic, pvalues=(pvalue, sure))
        )
    return findings


def _at_most(each: Measurement) -> Measurement:
    """The measurement as it would be if every row that counts do not place lay outside."""
    if "at_most" not in each.detail:
        return each
    detail = {**each.detail, "change": each.detail["at_most"]}
    pvalue = each.detail["at_most_pvalue"]
    return replace(each, statistic=each.detail["at_most"], pvalue=pvalue, detail=detail)


def _undecided(least: Finding, most: Finding, policy: Policy) -> Finding:
    """What is said where the status depends on where in its cells the rows lie."""
    threshold = policy.effects[most.measure]
    status = threshold.status(most.statistic)
    between = (
        f"between {100 * least.statistic:.2g} and {100 * most.statistic:.2g} points "
        f"{QUALITY[most.check]} ({status} from {100 * threshold.limit(status):g})"
    )
    reason = f"{UNDECIDED}: {between}; check from rows"
    return replace(least, status="inconclusive", reason=reason)


def _judge(
    comparison: Comparison, each: Measurement, adjusted: float, policy: Policy
) -> tuple[float, tuple[Status, str]]:
    """The p-value that counts, status and reason. What has no test cannot come by chance."""
    status = policy.effects[each.measure].status(abs(each.statistic))
    told, few = _told(each), too_small(each, policy)
    if math.isnan(each.statistic):
        return adjusted, ("skipped", each.reason)
    if few:
        return adjusted, ("inconclusive", few)
    if each.measure == "missing" and each.detail.get("reference_share") == 1:
        return adjusted, ("skipped", "the reference has no value of this column")  # it is new
    if policy.learned and each.pvalue is not None:
        size = abs(each.statistic)
        return against_the_past(comparison, each, each.measure, size, told, policy)
    if status == "ok":
        return adjusted, ("ok", f"{told}: no material change")
    if each.pvalue is not None and not adjusted < policy.level:
        chance = f"within what chance explains (adjusted p = {adjusted:.2g})"
        return adjusted, ("ok", f"{told}: {chance}")
    return adjusted, (status, told)


def _told(each: Measurement) -> str:
    """What was found, in words: the share now, that of the reference, the levels' names.

    >>> from mondrift.measurement import Measurement
    >>> def seen(check, share, **detail):
    ...     return _told(Measurement("quality", "x", "feature", "", check, share, None, 9, 9,
    ...                              detail=detail))
    >>> seen("unseen", 0.009, levels=["ABQ", "ACK"])
    '0.9 % of rows are in categories that the reference does not have (ABQ and ACK)'
    >>> seen("missing", 0.1, change=0.1, reference_share=0.02, current_share=0.12)
    '12.0 % of rows have no value, 2.0 % in the reference'
    """
    detail = each.detail
    share, before = detail.get("current_share"), float(detail.get("reference_share") or 0.0)
    if each.measure in _ONE_SIDED:
        share = each.statistic
    elif share is None:
        change = 100 * detail.get("change", each.statistic)
        return f"{QUALITY[each.measure]}: {change:+.1f} points"
    levels = detail.get("levels")
    named = f" ({listed(map(str, levels))})" if levels else ""
    beside = f", {percent(before)} in the reference" if before or each.measure == "missing" else ""
    least = "at least " if detail.get("at_most", 0.0) > each.statistic else ""  # counts cannot tell
    return f"{least}{percent(share)} {_NOW[each.measure]}{named}{beside}"


def structure(comparison: Comparison, policy: Policy) -> list[Finding]:
    """Columns that only one of the windows has."""
    gone: tuple[Status, str] = ("alarm", "the column is not in the current window")
    late: tuple[Status, str] = (
        "inconclusive",
        "no labels yet: the current window has no such column",
    )
    new: tuple[Status, str] = ("skipped", "the column is not in the reference window")
    target = comparison.schema.target
    return [
        about_column(comparison, column, "structure", late if column == target else judged, policy)
        for judged, columns in ((gone, comparison.absent), (new, comparison.extra))
        for column in columns
    ]
