"""One `judge()` gives a `Verdict`: a status per column and one for the whole window.

A column drifts when the evidence (one adjusted p-value per column) *and* the effect (a material
one) both say so. p-values are shown, not obeyed; an effect that chance alone explains is no drift;
and where so few rows could not have shown an alarm, the answer is `inconclusive`, not `ok`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mondrift.comparison import Comparison
from mondrift.errors import VerdictError, shown
from mondrift.finding import (
    QUALITY,
    Finding,
    accuracy,
    classic_drift,
    default_drift,
    quality,
    structure,
)
from mondrift.policy import STATUSES, Policy, Status

_ROLE_COLUMNS = ("prediction", "probability", "target")


@dataclass(frozen=True)
class Verdict:
    """What `judge` found: one status for the window, and the findings it rests on."""

    comparison: Comparison
    policy: Policy
    findings: tuple[Finding, ...]
    status: Status = field(init=False)
    reason: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", _whole(self.findings))
        object.__setattr__(self, "reason", _summary(self.findings, self.status))

    def columns(self) -> dict[str, Finding]:
        """{column: its worst finding over the whole window}, in the schema's order."""
        worst: dict[str, Finding] = {}
        for finding in self.findings:
            if finding.segment:
                continue
            known = worst.get(finding.column)
            if known is None or _rank(finding) > _rank(known):
                worst[finding.column] = finding
        return worst

    def flagged(self, family: str | None = None) -> tuple[Finding, ...]:
        """Findings with `warning` or `alarm`, worst first."""
        flagged = [
            each
            for each in self.findings
            if each.status in ("warning", "alarm") and family in (None, each.family)
        ]
        return tuple(sorted(flagged, key=_rank, reverse=True))

    def to_frame(self) -> pd.DataFrame:
        """One row per segment × column × measurement, with the status of its column and family."""
        frame = self.comparison.to_frame()
        status = {(f.segment, f.column, f.check): f for f in self.findings}
        keys = list(zip(frame["segment"], frame["column"], frame["measure"], strict=True))
        found = [
            status.get((segment, column, measure)) or status.get((segment, column, "drift"))
            if family != "performance" or (segment, column, measure) in status
            else None
            for (segment, column, measure), family in zip(keys, frame["family"], strict=True)
        ]
        return frame.assign(
            adjusted=[f.adjusted if f else math.nan for f in found],
            status=[f.status if f else "" for f in found],
            reason=[
                f.reason if f else reason for f, reason in zip(found, frame["reason"], strict=True)
            ],
        )

    def raise_for_status(self) -> Verdict:
        """This verdict, or VerdictError when its status is `alarm`: for CI."""
        if self.status == "alarm":
            raise VerdictError(self.reason)
        return self

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid, without the comparison; `Verdict.from_dict` reads it back."""
        return {
            "status": self.status,
            "reason": self.reason,
            "policy": self.policy.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], comparison: Comparison) -> Verdict:
        """The verdict that `to_dict` wrote, on the comparison it was made on."""
        findings = tuple(Finding.from_dict(each) for each in data["findings"])
        return cls(comparison, Policy.from_mapping(data["policy"]), findings)

    def __repr__(self) -> str:
        return f"<Verdict {self.status}: {self.reason}>"

    def _repr_html_(self) -> str:
        from mondrift.page.table import verdict_html

        return verdict_html(self)


def judge(comparison: Comparison, policy: Policy | None = None) -> Verdict:
    """Judge every column and metric of `comparison` by `policy` (default: `Policy()`).

    Drift, missing values, unseen levels and so on are families of findings of their own: each is
    corrected by Benjamini-Hochberg over its segment × column pairs at `policy.level`, so that
    without drift any column of a window is flagged, per family, with at most that probability.

    Examples
    --------
    >>> import pandas as pd
    >>> from mondrift import compare
    >>> reference = pd.DataFrame({"x": range(1000)})
    >>> judge(compare(reference, reference + 400)).status
    'alarm'
    """
    policy = policy or Policy()
    drift = classic_drift if policy.name == "classic" else default_drift
    findings = drift(comparison, policy)
    for check in QUALITY:
        findings += quality(comparison, check, policy)
    findings += structure(comparison, policy)
    findings += accuracy(comparison, policy)
    return Verdict(comparison, policy, tuple(findings))


# The whole


def _rank(finding: Finding) -> int:
    return STATUSES.index(finding.status)


def _whole(findings: Sequence[Finding]) -> Status:
    """The worst status; inconclusive only if a role column or over 20 % of the columns are."""
    flagged = [f for f in findings if f.status in ("warning", "alarm")]
    if flagged:
        return max(flagged, key=_rank).status
    whole = [f for f in findings if not f.segment and f.status != "skipped"]
    unsure = [f for f in whole if f.status == "inconclusive"]
    if not whole or any(f.role in _ROLE_COLUMNS for f in unsure):
        return "inconclusive"
    columns = {f.column for f in whole}
    return "inconclusive" if len({f.column for f in unsure}) > 0.2 * len(columns) else "ok"


def _summary(findings: Sequence[Finding], status: Status) -> str:
    """One sentence for people: performance first, then drift, then quality."""
    whole = [f for f in findings if f.status in ("warning", "alarm") and not f.segment]
    apart = [f for f in findings if f.status in ("warning", "alarm") and f.segment]
    told = [f.reason for f in whole if f.family == "performance"]
    drifted = _told([f for f in whole if f.family == "drift"])
    if drifted:
        judged = {f.column for f in findings if f.family == "drift" and f.status != "skipped"}
        many = sum(1 for f in whole if f.family == "drift")
        told.append(f"{many} of {len(judged)} columns drifted: {drifted}")
    told += [f"{f.column}: {f.reason}" for f in whole if f.family == "quality"]
    hidden = sorted({f.segment for f in apart} - ({""} if not whole else set()))
    if apart and not whole:
        told.append(f"only in segments {shown(hidden)}")
    if told:
        return "; ".join(told)
    if status == "inconclusive":
        unsure = [f for f in findings if f.status == "inconclusive" and not f.segment]
        return unsure[0].reason if unsure else "nothing could be compared"
    return "no material change was found"


def _told(findings: Iterable[Finding]) -> str:
    """Columns by name, groups as one: "score, weather (5 columns)"."""
    names = Counter(f.group or f.column for f in findings)
    grouped = {f.group for f in findings if f.group}
    return ", ".join(
        f"{name} ({count} columns)" if name in grouped else name for name, count in names.items()
    )
