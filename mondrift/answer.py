"""Does the model still work? The answer in a sentence: since when not, where, why, what to do.

An answer reads one verdict; it measures and judges nothing. It is about performance alone: what
moved without doing harm turns no answer into a no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from mondrift import phrases, wording
from mondrift.comparison import Comparison
from mondrift.diagnosis import FLAGGED, Diagnosis, Performance, measurement
from mondrift.finding import Finding
from mondrift.playbook import entry, recommend
from mondrift.policy import Status
from mondrift.verdict import Verdict
from mondrift.why import Since

if TYPE_CHECKING:
    from mondrift.page.sections import Banner


@dataclass(frozen=True)
class Answer:
    """`status` of the performance alone, one sentence, what it rests on, and facts one by one."""

    status: Status
    title: str
    text: str = ""
    reasons: tuple[str, ...] = ()

    def banner(self) -> Banner:
        """The answer as the first section of a page."""
        from mondrift.page.sections import Banner

        return Banner(self.status, self.title, self.text, self.reasons)


def leading(comparison: Comparison) -> str:
    """The metric that decides about this model: "mae" for numbers, else "accuracy"."""
    numbers = any(measurement(comparison, name) for name in ("mae", "estimated_mae"))
    return "mae" if numbers else "accuracy"


def answer(verdict: Verdict, diagnosis: Diagnosis, trend: pd.DataFrame) -> Answer:
    """The answer to "does the model still work?".

    `trend` is the history of the leading metric up to the verdict's window: columns `window_start`
    (of the report's zone), `status`.
    """
    metric, judged = leading(verdict.comparison), diagnosis.performance
    doubts = [*_segments(verdict, metric), *_others(verdict, metric)]
    told = (
        _when(diagnosis, trend),
        _where(verdict),
        _why(diagnosis),
        _what_to_do(verdict, diagnosis, doubts),
    )
    facts = tuple(each for each in told if each)
    if judged is None or judged.status in ("inconclusive", "skipped"):
        return _unknown(verdict, metric, judged, facts)
    if judged.status in FLAGGED:
        word = "No" if judged.status == "alarm" else "Less well"
        now = phrases.reading(metric, judged.now)
        title = f"{word}: {wording.worse(judged)}, to {now}."
        return Answer(judged.status, title, _harm(judged), facts)
    if doubts:
        where = [each.segment for each in doubts if each.segment]
        but = f"not in {phrases.listed(where, limit=3)}" if where else doubts[0].reason
        title = f"Yes on the whole, but {but}."
        return Answer("warning", title, wording.held(judged), facts)
    return Answer("ok", f"Yes: {_stands(judged)}.", _seen(judged), facts)


def _unknown(
    verdict: Verdict, metric: str, judged: Performance | None, facts: tuple[str, ...]
) -> Answer:
    """No label says it: the estimate, if there is one, else why it is not known."""
    why = judged.reason if judged else "this model has no labels to measure it by"
    estimate = measurement(verdict.comparison, f"estimated_{metric}")
    if estimate is None or math.isnan(estimate.statistic):
        return Answer("inconclusive", f"Not known: {why}.", "", facts)
    expected = _finding(verdict, f"estimated_{metric}")
    if expected is not None and expected.status == "inconclusive":
        return Answer("inconclusive", f"Not known: {why}.", _sentence(expected.reason), facts)
    guess = phrases.reading(metric, estimate.statistic)
    before = estimate.detail.get("reference")
    beside = "" if before is None else f", {phrases.reading(metric, before)} in the reference"
    title = f"{phrases.metric(metric)} is estimated at {guess}{beside}."
    text = f"Labels cannot tell yet: {why}. The estimate does not see a change of the outcomes."
    if expected is not None and expected.status in FLAGGED:
        return Answer("warning", f"Probably not: {title}", text, facts)
    return Answer("inconclusive", f"Probably, but not known yet: {title}", text, facts)


def _stands(judged: Performance) -> str:
    """Where it stands: "accuracy is 79.1 %, 79.4 % in the reference"."""
    now, before = (phrases.reading(judged.metric, each) for each in (judged.now, judged.before))
    return f"{phrases.metric(judged.metric)} is {now}, {before} in the reference"


def _harm(judged: Performance) -> str:
    """What it was, and what the change means: predictions that were wrong on top of the usual."""
    before = phrases.reading(judged.metric, judged.before)
    told = f"It was {before} in the reference"
    if judged.metric != "accuracy":
        return f"{told}. This rests on {judged.n:,} labels."
    many = round(judged.change * judged.n)
    return f"{told}: of {judged.n:,} labelled predictions about {many:,} more were wrong than then."


def _seen(judged: Performance) -> str:
    """How much worse it would have to be to be seen."""
    if math.isnan(judged.smallest):
        return ""
    size = phrases.amount(judged.metric, judged.smallest)
    return f"With {judged.n:,} labels, a change for the worse of {size} would be seen."


def _when(diagnosis: Diagnosis, trend: pd.DataFrame) -> str:
    if not _is_worse(diagnosis):
        return ""
    if diagnosis.why is not None and diagnosis.why.since is not None:
        return f"Since when: {_dated(diagnosis.why.since)}."
    worse = [status in FLAGGED for status in trend["status"]]
    run = worse[::-1].index(False) if False in worse else len(worse)
    if run < 2:
        return "Since when: this window is the first one that shows it."
    began = pd.Timestamp(trend["window_start"].iloc[-run])
    return f"Since when: the window of {began.day} {began:%B %Y}; by now {run} windows in a row."


def _dated(since: Since) -> str:
    """The day on which errors became more, its 95 % range, and the day on which that was over.

    >>> from datetime import datetime
    >>> days = [datetime(2013, 4, day) for day in (21, 19, 23, 26)]
    >>> _dated(Since(*days, before=0.2, after=0.35, labelled=1200, hourly=False))
    'about 21 April 2013 (between 19 and 23 April), over since 26 April 2013'
    """
    at, first, last = since.at, since.first, since.last
    day = f"{at.day} {at:%B %Y}"
    over = f", over since {since.until.day} {since.until:%B %Y}" if since.until else ""
    if first.date() == last.date():
        return day + over
    near = (first.year, first.month) == (last.year, last.month)
    start = f"{first.day}" if near else f"{first.day} {first:%B}"
    return f"about {day} (between {start} and {last.day} {last:%B}){over}"


def _where(verdict: Verdict) -> str:
    told = " ".join(filter(None, (wording.segments(verdict), wording.slices(verdict))))
    return f"Where: {_decapital(told)}" if told else ""


def _why(diagnosis: Diagnosis) -> str:
    if not _is_worse(diagnosis):
        return ""
    found = diagnosis.why
    if found is None or found.inputs is None or found.relation is None:
        told = {
            "concept drift": "no input is seen to explain it, which points to concept drift",
            "drift with harm": "it is asked about inputs that the reference hardly holds",
        }.get(diagnosis.story, "")
        return f"Why: {told}." if told else ""
    if not found.blamed:
        return "Why: it is not clear whether other inputs or other outcomes did it."
    blamed = found.relation if found.blamed == "relation" else found.inputs
    told = {
        "relation": "like inputs have other outcomes than before (the concept changed)",
        "inputs": "other inputs than before, of a kind that the model answers less well",
    }[found.blamed]
    share = blamed.harm / (found.inputs.harm + found.relation.harm)
    part = f"; that is about {100 * share:.0f} % of the change" if share <= 1 else ""
    return f"Why: {told}{part}."


def _is_worse(diagnosis: Diagnosis) -> bool:
    """Whether labels show that the model became worse on the whole."""
    judged = diagnosis.performance
    return judged is not None and judged.status in FLAGGED


def _what_to_do(verdict: Verdict, diagnosis: Diagnosis, doubts: Sequence[Finding]) -> str:
    judged = diagnosis.performance
    if _is_worse(diagnosis):
        advice = entry(diagnosis.story if diagnosis.story in _HARM else "concept drift")
        return f"What to do: {_decapital(advice.steps[0])} {recommend(verdict, diagnosis).text}"
    if judged is None or judged.status != "ok":
        return "What to do: wait for labels, or label a sample of the rows."
    if doubts:
        return "What to do: look at what is marked below; no reason to retrain yet."
    return "What to do: nothing."


_HARM = ("concept drift", "drift with harm")


def _finding(verdict: Verdict, check: str) -> Finding | None:
    return next((f for f in verdict.findings if f.check == check and not f.segment), None)


def _segments(verdict: Verdict, metric: str) -> list[Finding]:
    """Findings of segments in which the metric became worse."""
    found = (f for f in verdict.findings if f.check == metric and f.segment)
    return [each for each in found if each.status in FLAGGED]


def _others(verdict: Verdict, metric: str) -> list[Finding]:
    """Other findings about performance that are flagged, over the whole window."""
    return [
        each
        for each in verdict.findings
        if each.family == "performance"
        and not each.segment
        and each.check != metric
        and each.status in FLAGGED
    ]


def _sentence(text: str) -> str:
    return f"{phrases.capital(text).rstrip('.')}." if text else ""


def _decapital(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
