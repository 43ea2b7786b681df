"""One `judge()` gives a `Verdict`: a status per column and one for the whole window.

A column drifts when the evidence (one adjusted p-value per column) *and* the effect (a material
one) both say so. p-values are shown, not obeyed; an effect that chance alone explains is no drift;
and where so few rows could not have shown an alarm, the answer is `inconclusive`, not `ok`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mondrift.comparison import Comparison
from mondrift.degradation import degradation
from mondrift.drift import drift
from mondrift.errors import VerdictError, shown
from mondrift.expected import expected
from mondrift.finding import Finding
from mondrift.labelling import label_bias, with_caveats
from mondrift.performance import DECISIVE
from mondrift.policy import STATUSES, Policy, Status
from mondrift.quality import QUALITY, quality, structure

if TYPE_CHECKING:
    from mondrift.page.sections import Section

_RANKS = {status: rank for rank, status in enumerate(STATUSES)}
_ROLE_COLUMNS = ("prediction", "probability", "target")


@dataclass(frozen=True)
class Verdict:
    """What `judge` found: one status for the window, and the findings it rests on.

    `judge` alone decides. A verdict that was stored keeps the status and the reason it was stored
    with, whatever later versions of mondrift would say.
    """

    comparison: Comparison
    policy: Policy
    findings: tuple[Finding, ...]
    status: Status
    reason: str

    def columns(self) -> dict[str, Finding]:
        """{column: the finding that gives it its status}: the worst of the whole window's.

        Where nothing is wrong, what became of its distribution is told: `ok`, or why `skipped`.
        """
        worst: dict[str, Finding] = {}
        calm = _RANKS["ok"]
        for finding in self.findings:  # drift comes first
            known = worst.get(finding.column)
            if finding.segment:
                continue
            if known is None or _rank(finding) > max(_rank(known), calm):
                worst[finding.column] = finding
        return worst

    def flagged(self, family: str | None = None) -> tuple[Finding, ...]:
        """Findings with `warning` or `alarm`, worst first; among those, what matters most."""
        flagged = [
            each
            for each in self.findings
            if each.status in ("warning", "alarm") and family in (None, each.family)
        ]
        return tuple(sorted(flagged, key=self._weight, reverse=True))

    def _weight(self, finding: Finding) -> tuple[int, float]:
        return _rank(finding), self.comparison.schema.importance(finding.column)

    def to_frame(self) -> pd.DataFrame:
        """One row per segment × column × measurement, with the status of its column and family."""
        frame = self.comparison.to_frame()
        found = {(f.segment, f.column, f.check): f for f in self.findings}
        rows = zip(
            frame["segment"], frame["column"], frame["family"], frame["measure"], strict=True
        )
        judged = [
            found.get((segment, column, "drift" if family == "drift" else measure))
            for segment, column, family, measure in rows
        ]
        return frame.assign(
            adjusted=[each.adjusted if each else math.nan for each in judged],
            status=[each.status if each else "" for each in judged],
            reason=[
                each.reason if each else reason
                for each, reason in zip(judged, frame["reason"], strict=True)
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
        policy = Policy.from_mapping(data["policy"])
        return cls(comparison, policy, findings, data["status"], data["reason"])

    def __repr__(self) -> str:
        return f"<Verdict {self.status}: {self.reason}>"

    def _report_sections_(self) -> tuple[Section, ...]:
        """The banner with its reasons, and a table: one row per column, the worst first."""
        from mondrift.page.sections import Banner, Spark, Status, Table

        sketches = {each.column: each for each in self.comparison.histograms if not each.segment}
        rows = []
        for finding in sorted(self.columns().values(), key=self._weight, reverse=True):
            picture = sketches.get(finding.column)
            rows.append(
                (
                    Status(finding.status),
                    finding.column,
                    finding.reason,
                    finding.statistic,
                    finding.pvalue,
                    finding.n_reference,
                    finding.n_current,
                    Spark(picture.shares("current"), picture.shares("reference"))
                    if picture
                    else None,
                )
            )
        columns = (
            "status",
            "column",
            "reason",
            "statistic",
            "p-value",
            "n reference",
            "n current",
            "distribution",
        )
        titles = {
            "ok": "Nothing that matters has changed",
            "alarm": "Something important changed",
            "warning": "Something changed",
            "inconclusive": "There is not enough to say",
        }
        return (
            Banner(self.status, titles[self.status], self.reason),
            Table(columns, tuple(rows), "What was found, column by column, the worst first"),
        )

    def _repr_html_(self) -> str:
        from mondrift.page.page import fragment

        return fragment(self._report_sections_())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002  IPython passes them
        from mondrift.page.sections import mimebundle

        return mimebundle(self._report_sections_(), html=self._repr_html_(), text=repr(self))


def judge(comparison: Comparison, policy: Policy | None = None) -> Verdict:
    """Judge every column and metric of `comparison` by `policy` (default: `Policy()`).

    Drift, missing values, unseen levels and so on are families of findings of their own: each is
    corrected by Benjamini-Hochberg over its segment × column pairs at `policy.level`, so that
    without drift any column of a window is flagged, per family, with at most that probability.
    That holds for rows that do not depend on each other, or whose clusters the schema declares;
    for others there are policies with thresholds learned from past windows (`learn_thresholds`).

    Examples
    --------
    >>> import pandas as pd
    >>> from mondrift import compare
    >>> reference = pd.DataFrame({"income": [20.5, 31.0, 44.5, 52.0] * 25})
    >>> judge(compare(reference, reference + 10)).status
    'alarm'
    """
    policy = policy or Policy()
    findings = drift(comparison, policy)
    for check in QUALITY:
        findings += quality(comparison, check, policy)
    findings += structure(comparison, policy)
    findings += degradation(comparison, policy)
    findings += expected(comparison, policy)
    findings = with_caveats([*findings, *label_bias(comparison, policy)])
    status = _whole(findings, policy)
    return Verdict(comparison, policy, tuple(findings), status, _summary(findings, status, policy))


# The whole


def _rank(finding: Finding) -> int:
    return _RANKS[finding.status]


def _whole(findings: Sequence[Finding], policy: Policy) -> Status:
    """The worst status, but for movements that are expected.

    Inconclusive only if a role column or over 20 % of the columns are; or any, where thresholds
    were learned from too few windows: those decide about the window, and cannot.
    """
    flagged = [
        f
        for f in findings
        if f.status in ("warning", "alarm")
        and not (f.check in ("drift", "out_of_range") and policy.why_expected(f.column))
    ]
    if flagged:
        return max(flagged, key=_rank).status
    whole = [f for f in findings if not f.segment and f.status != "skipped"]
    unsure = [f for f in whole if f.status == "inconclusive" and _decides(f)]
    compared = any(f.family == "drift" for f in whole)
    if not compared or any(f.role in _ROLE_COLUMNS for f in unsure):
        return "inconclusive"
    short = policy.learned is not None and policy.learned.short(policy.level)
    if short and any(f.status == "inconclusive" and _decides(f) for f in findings):
        return "inconclusive"
    columns = {f.column for f in whole}
    return "inconclusive" if len({f.column for f in unsure}) > 0.2 * len(columns) else "ok"


def _decides(finding: Finding) -> bool:
    """Whether not knowing leaves the window open: of metrics only the one that decides."""
    return finding.family != "performance" or finding.check in DECISIVE


def _summary(findings: Sequence[Finding], status: Status, policy: Policy) -> str:
    """One sentence for people: the model first, then drift, then what else is wrong."""
    flagged = [f for f in findings if f.status in ("warning", "alarm")]
    whole = [f for f in flagged if not f.segment]
    told = [f.reason for f in whole if f.family == "performance"]
    drifted = {f.column: f for f in whole if f.family == "drift"}
    if drifted:
        judged = {f.column for f in findings if f.family == "drift" and f.status != "skipped"}
        names = _told(drifted.values(), policy)
        told.append(f"{len(drifted)} of {len(judged)} columns drifted: {names}")
    told += [
        f"{f.column}: {f.reason}"
        for f in whole
        if f.family == "quality" and f.column not in drifted
    ]
    if told:
        return "; ".join(told)
    if flagged:
        return f"only in segments {shown(sorted({f.segment for f in flagged}))}"
    left_open = (f for f in findings if f.status == "inconclusive" and _decides(f))
    unsure = sorted(left_open, key=lambda f: f.segment)
    if status == "inconclusive":
        skipped = [f"{f.column}: {f.reason}" for f in findings if f.status == "skipped"]
        nothing = ["no column could be compared", *skipped[:3]]
        return unsure[0].reason if unsure else "; ".join(nothing)
    left = dict.fromkeys(f.column for f in unsure if f.column and not f.segment)
    note = f"; inconclusive: {shown(left)}" if left else ""
    return f"no material change was found{note}"


def _told(findings: Iterable[Finding], policy: Policy) -> str:
    """Columns by name, groups as one: "score, weather (5 columns, expected with the season)"."""
    names = Counter(f.group or f.column for f in findings)
    grouped = {f.group for f in findings if f.group}
    told = []
    for name, count in names.items():
        facts = [f"{count} columns"] if name in grouped else []
        facts += [f"expected {policy.expected[name]}"] if name in policy.expected else []
        told.append(f"{name} ({', '.join(facts)})" if facts else name)
    return ", ".join(told)
