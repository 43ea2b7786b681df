"""An alert is one message about one verdict: what changed, how sure, how much it matters.

Its severity comes from `AlertRules`, its words from the facts of a `Diagnosis`; nothing here knows
a threshold or a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, cast

from mondrift import phrases, wording
from mondrift.diagnosis import FEATURES, FLAGGED, Diagnosis, Moved, diagnose
from mondrift.expected import STAND_INS
from mondrift.finding import Finding
from mondrift.performance import DECISIVE
from mondrift.playbook import recommend
from mondrift.severity import SEVERITIES, AlertRules, Severity
from mondrift.verdict import Verdict
from mondrift.window import Window

Kind = Literal[
    "performance_degradation",
    "estimated_degradation",
    "data_drift",
    "output_drift",
    "target_drift",
    "data_quality",
]


@dataclass(frozen=True)
class Alert:
    """One message about one verdict.

    `title` is one line; `text` is for people: the message in a sentence or two, then the facts,
    each on a line that begins with a bullet (•). `evidence` holds the findings behind them,
    JSON-valid; `playbook` names the entry of `mondrift.playbook` that says what to do. `columns`
    moved, `groups` are those of them that are told as one.
    """

    kind: str
    severity: Severity
    title: str
    text: str
    model_id: str
    monitor: str
    window: Window
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    playbook: str = ""
    report_url: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Alert.from_dict` reads it back."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return plain | {
            "window": self.window.to_dict(),
            "columns": list(self.columns),
            "groups": list(self.groups),
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Alert:
        """The alert that `to_dict` wrote."""
        changed = {
            "window": Window.from_dict(data["window"]),
            "columns": tuple(data["columns"]),
            "groups": tuple(data["groups"]),
        }
        return cls(**{**data, **changed})


def alerts_for(
    verdict: Verdict,
    *,
    rules: AlertRules | None = None,
    model_id: str = "",
    monitor: str = "",
    since: Mapping[str, datetime] | None = None,
    report_url: str = "",
) -> tuple[Alert, ...]:
    """The alerts of a verdict, worst first, at most one per kind.

    `since` is what `mondrift.diagnosis.moving_since` reads from a history: since when each name
    has moved.
    """
    rules = rules or AlertRules()
    diagnosis = diagnose(verdict, since=since)
    retraining = recommend(verdict, diagnosis).to_dict()
    alerts = []
    for kind, make in _KINDS.items():
        draft = make(verdict, diagnosis, rules)
        severity = rules.severities[draft.rule] if draft else None
        if draft is None or severity is None:
            continue
        alerts.append(
            Alert(
                kind=kind,
                severity=severity,
                title=f"{model_id}: {draft.title}" if model_id else draft.title,
                text=draft.text,
                model_id=model_id,
                monitor=monitor,
                window=verdict.comparison.current,
                columns=tuple(dict.fromkeys(f.column for f in draft.findings)),
                groups=tuple(dict.fromkeys(f.group for f in draft.findings if f.group)),
                evidence={
                    "story": diagnosis.story,
                    "retraining": retraining,
                    "findings": [finding.to_dict() for finding in draft.findings],
                },
                playbook=draft.playbook,
                report_url=report_url,
            )
        )
    return tuple(sorted(alerts, key=lambda a: SEVERITIES.index(a.severity), reverse=True))


def judged_kinds(verdict: Verdict) -> frozenset[str]:
    """Kinds of alert that the verdict can say yes or no to; not those without enough data.

    A window without labels says nothing about performance: it neither opens nor closes anything.
    """
    decided = [
        f for f in verdict.findings if not f.segment and f.status in ("ok", "warning", "alarm")
    ]
    return frozenset(kind for kind in (_kind_of(f) for f in decided) if kind)


def _kind_of(finding: Finding) -> str:
    if finding.family == "drift":
        return (
            "data_drift"
            if finding.role in FEATURES
            else ("target_drift" if finding.role == "target" else "output_drift")
        )
    if finding.check in STAND_INS:
        return "estimated_degradation"
    if finding.family == "performance":
        return "performance_degradation" if finding.check in DECISIVE else ""
    return "data_quality" if finding.family == "quality" else ""


@dataclass(frozen=True)
class _Draft:
    """An alert before its rule gave it a severity."""

    rule: str
    title: str
    sentences: tuple[str, ...]
    findings: tuple[Finding, ...]
    playbook: str
    facts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentences in one line, then each fact in a line of its own."""
        message = " ".join(sentence for sentence in self.sentences if sentence)
        return "\n".join((message, *(f"• {fact}" for fact in self.facts)))


_Maker = Callable[[Verdict, Diagnosis, AlertRules], _Draft | None]


def _performance(verdict: Verdict, diagnosis: Diagnosis, _: AlertRules) -> _Draft | None:
    found = tuple(f for f in verdict.flagged("performance") if f.check in DECISIVE)
    performance = diagnosis.performance
    if not found:
        return _ranking(verdict, diagnosis)
    if performance is None or performance.status not in FLAGGED:
        metric = phrases.metric(found[0].check)
        verb = "rose" if found[0].check == "mae" else "fell"
        return _Draft(
            rule="performance_degradation",
            title=f"{metric} {verb} in {phrases.listed(f.segment for f in found)}",
            sentences=(wording.segments(verdict), "Over all rows together it held."),
            findings=found,
            playbook="concept drift",
        )
    return _Draft(
        rule="performance_degradation",
        title=wording.worse(performance),
        sentences=(wording.harmed(performance), wording.story(diagnosis)),
        findings=found,
        playbook=diagnosis.story,
        facts=wording.facts(verdict, diagnosis),
    )


def _ranking(verdict: Verdict, diagnosis: Diagnosis) -> _Draft | None:
    """The model ranks worse, and is not shown to be wrong more often."""
    found = tuple(f for f in verdict.flagged("performance") if f.check == "roc_auc")
    if not found:
        return None
    performance, reason = diagnosis.performance, found[0].reason
    known = performance is not None and performance.status == "ok"
    return _Draft(
        rule="ranking_degradation",
        title=reason.partition(" (")[0],
        sentences=(f"{reason}.", wording.held(performance) if performance and known else ""),
        findings=found,
        playbook="concept drift",
    )


def _estimated(verdict: Verdict, diagnosis: Diagnosis, _: AlertRules) -> _Draft | None:
    """Before the labels come: no page, for only they can confirm it."""
    found = tuple(f for f in verdict.flagged("performance") if f.check in STAND_INS)
    if not found:
        return None
    reason = found[0].reason
    return _Draft(
        rule="estimated_degradation",
        title=reason.partition(" (")[0],
        sentences=(
            f"{reason}.",
            "Only labels can confirm it.",
            *(wording.moved(verdict, each) for each in diagnosis.outputs),
        ),
        findings=found,
        playbook="drift, harm unknown",
    )


def _features(verdict: Verdict, diagnosis: Diagnosis, rules: AlertRules) -> _Draft | None:
    moved = diagnosis.features
    wide = len(moved) >= rules.many
    return _drift(
        "wide_data_drift" if wide else "data_drift", "{} drifted", verdict, diagnosis, moved
    )


def _outputs(verdict: Verdict, diagnosis: Diagnosis, _: AlertRules) -> _Draft | None:
    return _drift("output_drift", "output drifted: {}", verdict, diagnosis, diagnosis.outputs)


def _drift(
    rule: str, title: str, verdict: Verdict, diagnosis: Diagnosis, moved: tuple[Moved, ...]
) -> _Draft | None:
    if not moved:
        return None
    told = tuple(wording.moved(verdict, each) for each in moved)
    meaning = (wording.harm(diagnosis), wording.estimated(verdict))
    return _Draft(
        rule=rule,
        title=title.format(phrases.listed(wording.name(each) for each in moved)),
        sentences=meaning if len(told) > 1 else (*told, *meaning),
        findings=_findings(verdict, moved),
        playbook=diagnosis.story,
        facts=told if len(told) > 1 else (),
    )


def _targets(verdict: Verdict, diagnosis: Diagnosis, _: AlertRules) -> _Draft | None:
    if not diagnosis.targets:
        return None
    fell = diagnosis.performance is not None and diagnosis.performance.status in FLAGGED
    return _Draft(
        rule="target_drift",
        title=f"outcomes changed: {phrases.listed(each.name for each in diagnosis.targets)}",
        sentences=(
            wording.outcomes(verdict.comparison, diagnosis),
            "The model got worse with it: see that alert." if fell else wording.harm(diagnosis),
        ),
        findings=_findings(verdict, diagnosis.targets),
        playbook="target drift",
    )


def _quality(verdict: Verdict, _: Diagnosis, __: AlertRules) -> _Draft | None:
    """Findings of quality; that a column which drifted leaves its range is no news of its own."""
    drifted = {f.column for f in verdict.flagged("drift") if not f.segment}
    found = tuple(
        f
        for f in verdict.flagged("quality")
        if not f.segment
        and not (
            f.check == "out_of_range"
            and (f.column in drifted or verdict.policy.why_expected(f.column))
        )
    )
    if not found:
        return None
    names = tuple(dict.fromkeys(f.group or f.column for f in found))
    told = tuple(f"{each.column}: {each.reason}." for each in found[:10])
    more = (f"{len(found) - 10} more stand in the report.",) if len(found) > 10 else ()
    return _Draft(
        rule="data_quality",
        title=f"data quality changed: {phrases.listed(names)}",
        sentences=told if len(found) == 1 else (f"{len(found)} findings about the values.",),
        findings=found,
        playbook="data quality",
        facts=() if len(found) == 1 else (*told, *more),
    )


def _findings(verdict: Verdict, moved: Iterable[Moved]) -> tuple[Finding, ...]:
    columns = {column for each in moved for column in each.columns}
    return tuple(f for f in verdict.flagged("drift") if f.column in columns and not f.segment)


_KINDS: Mapping[Kind, _Maker] = cast(
    Mapping[Kind, _Maker],
    {
        "performance_degradation": _performance,
        "estimated_degradation": _estimated,
        "output_drift": _outputs,
        "data_quality": _quality,
        "data_drift": _features,
        "target_drift": _targets,
    },
)
