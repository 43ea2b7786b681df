"""What to do: a short entry per story and kind of alert, and whether to retrain, with evidence.

`recommend` never says to retrain for drift alone, on rows that are wrong, for what is over, or on
an estimate. Blind spots: it does not know what a retraining costs, nor why the world changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mondrift import phrases, wording
from mondrift.diagnosis import FLAGGED, Diagnosis, Performance, diagnose
from mondrift.errors import InputError, nearest, shown
from mondrift.expected import STAND_INS
from mondrift.verdict import Verdict
from mondrift.why import moment_told, since_told

Answer = Literal["retrain", "wait", "do not retrain"]

_WORLDS_OWN = ("unseen", "vanished", "out_of_range")
ENOUGH = 10
"""So many times the labels that a verdict needs are enough to learn from."""


@dataclass(frozen=True)
class Recommendation:
    """Whether to retrain, and why, in sentences with numbers."""

    answer: Answer
    text: str

    def to_dict(self) -> dict[str, str]:
        """JSON-valid."""
        return {"answer": self.answer, "text": self.text}


@dataclass(frozen=True)
class Entry:
    """Steps in the order in which they pay off, and a sentence about retraining."""

    name: str
    steps: tuple[str, ...]
    retraining: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid."""
        return {"name": self.name, "steps": list(self.steps), "retraining": self.retraining}


_ENTRIES = (
    Entry(
        "concept drift",
        (
            "Look at the segments in the report: where it got worse most, the cause is near.",
            "Ask the people who know that segment what changed in the world on that day.",
            "Until it is known, treat the model's answers there as a guess.",
        ),
        "Retrain only when the change is there to stay and enough labels were made after it; "
        "what ends by itself in days is waited out.",
    ),
    Entry(
        "drift with harm",
        (
            "Open the report and see which columns moved and since when.",
            "Check that the data are right: a unit, a source, a default value.",
            "If the data are right, the model is asked about what it did not learn.",
        ),
        "Retrain with rows from the new conditions; measure it on a window that it has not seen.",
    ),
    Entry(
        "drift without harm",
        (
            "Nothing to repair: the model is as right as before.",
            "If the change is one that comes every year, name it under policy: expected: in the "
            "monitor's file.",
        ),
        "Do not retrain for this.",
    ),
    Entry(
        "drift, harm unknown",
        (
            "See in the report which columns moved and how far.",
            "Check that the data are right: a unit, a source, a default value.",
            "Wait for labels, or label a sample of the rows; the check runs again when they come.",
        ),
        "Too early to tell: drift alone is no reason to retrain.",
    ),
    Entry(
        "target drift",
        (
            "See in the report whether the model is still right.",
            "If outcomes are more or less frequent for a known reason, tell those who act on the "
            "predictions.",
        ),
        "Retrain if the model became worse and the change is there to stay.",
    ),
    Entry(
        "data quality",
        (
            "Look at the column where it is made: a source, a join, a default value, a release.",
            "Repair the source; then log the rows again, or leave the window marked.",
        ),
        "Do not retrain on rows that are wrong.",
    ),
    Entry("recovered", ("Nothing to do.",), "No reason to retrain."),
)

PLAYBOOK: Mapping[str, Entry] = {each.name: each for each in _ENTRIES}


def entry(name: str) -> Entry:
    """The entry that an alert's `playbook` names.

    >>> entry("drift without harm").retraining
    'Do not retrain for this.'
    """
    if name not in PLAYBOOK:
        raise InputError(
            f"The playbook has no entry {name!r}, only {shown(PLAYBOOK)}.{nearest(name, PLAYBOOK)}"
        )
    return PLAYBOOK[name]


def recommend(verdict: Verdict, diagnosis: Diagnosis | None = None) -> Recommendation:
    """Whether to retrain the model, from one verdict.

    `diagnosis` is made when it is not given; one made with a history knows more. Rows that are
    wrong come first, then whether labels show any harm, whether it lasts, and whether enough
    labelled rows came since.

    >>> import pandas as pd
    >>> from mondrift import compare, judge
    >>> reference = pd.DataFrame({"income": [20.5, 31.0, 44.5, 52.0] * 250})
    >>> print(recommend(judge(compare(reference, reference + 50))).text)
    Wait: income drifted, but whether it does harm is not known (no labels were judged).
    Drift alone is no reason to retrain.
    """
    told = diagnosis or diagnose(verdict)
    performance = told.performance
    worse = performance is not None and performance.status in FLAGGED
    broken = _broken(verdict)
    if broken:
        harm = ""
        if worse and performance:
            harm = f" {phrases.capital(wording.worse(performance))}, but"
        tail = "a model that learns from wrong rows is wrong as well."
        tail = tail if harm else phrases.capital(tail)
        text = f"Do not retrain: repair {broken} first.{harm} {tail}"
        return Recommendation("do not retrain", text)
    if performance is None or performance.status == "inconclusive":
        return _unknown(verdict, told)
    if not worse:
        moved = phrases.listed((wording.name(each) for each in told.features), limit=3)
        why = f"{moved} drifted, and no harm is shown. " if moved else ""
        return Recommendation("do not retrain", f"Do not retrain: {why}{wording.held(performance)}")
    return _harmed(verdict, told, performance)


def _broken(verdict: Verdict) -> str:
    """Columns whose values are missing or not what they should be; "" if none.

    New levels and values out of range may be the world's own, as new destinations in summer are.
    """
    found = [
        each.column
        for each in verdict.flagged("quality")
        if not each.segment and each.check not in _WORLDS_OWN
    ]
    return phrases.listed(dict.fromkeys(found), limit=3)


def _unknown(verdict: Verdict, diagnosis: Diagnosis) -> Recommendation:
    """No metric, or too few labels: drift and estimates are no reason to retrain."""
    estimated = [each for each in verdict.flagged("performance") if each.check in STAND_INS]
    if estimated:
        text = f"Wait for labels: {estimated[0].reason}. An estimate alone is no reason to retrain."
        return Recommendation("wait", text)
    performance = diagnosis.performance
    why = performance.reason if performance is not None else "no labels were judged"
    moved = (*diagnosis.features, *diagnosis.outputs)
    if not moved:
        return Recommendation("wait", f"Nothing to retrain for yet: {why}.")
    names = phrases.listed((wording.name(each) for each in moved), limit=3)
    text = f"Wait: {names} drifted, but whether it does harm is not known ({why}). "
    return Recommendation("wait", f"{text}Drift alone is no reason to retrain.")


def _harmed(verdict: Verdict, diagnosis: Diagnosis, performance: Performance) -> Recommendation:
    """The model got worse: retrain if it lasts and there is enough to learn from."""
    found = diagnosis.why
    since = found.since if found else None
    now = verdict.comparison.current.start
    before, after = (
        phrases.reading(performance.metric, value)
        for value in (performance.before, performance.now)
    )
    what = f"{wording.worse(performance)} ({before} to {after})"
    if since is not None and since.until is not None and found is not None:
        text = f"Do not retrain for this: {what}, but it is over. {since_told(found, now)}"
        return Recommendation("do not retrain", text)
    rows = since.labelled if since is not None else performance.n
    needed = ENOUGH * verdict.policy.minimum_labels
    began = f"since {moment_told(since, now)}" if since is not None else "in this window"
    if rows < needed:
        text = (
            f"Wait: {what}, but only {rows:,} labelled rows came {began}; {needed:,} are a "
            "beginning. Retrain when they are there and the change has stayed."
        )
        return Recommendation("wait", text)
    learn = {
        "concept drift": "Rows from before teach what no longer holds.",
        "drift with harm": "Rows from before may be kept beside them.",
    }.get(diagnosis.story, "")
    unsure = "" if since is not None else " Since when it is so is not clear: look further back."
    text = (
        f"Retrain if the change is there to stay: {what}, and {rows:,} labelled rows came {began}. "
        f"{learn} Measure the new model on rows that it has not seen.{unsure}"
    )
    return Recommendation("retrain", text)
