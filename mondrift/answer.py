"""Does the model still work? The answer in a sentence: since when not, where, why, what to do.

An answer reads one verdict; it measures and judges nothing. It is about performance alone: what
moved without doing harm turns no answer into a no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from mondrift import wording
from mondrift.comparison import Comparison
from mondrift.diagnosis import FLAGGED, Diagnosis, Performance, measurement
from mondrift.finding import Finding
from mondrift.measurement import Measurement
from mondrift.particulars import PARTS
from mondrift.playbook import entry, recommend
from mondrift.policy import Status
from mondrift.verdict import Verdict

if TYPE_CHECKING:
    from mondrift.page.sections import Banner

SURE = 0.01
"""A change point is told from this p-value on."""


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


@dataclass(frozen=True)
class Change:
    """When the errors changed: the moment, and its 95 % range, in the zone of the report.

    >>> print(Change(datetime(2013, 4, 21, 9), datetime(2013, 4, 19), datetime(2013, 4, 23)))
    about 21 April 2013 (between 19 and 23 April)
    """

    at: datetime
    start: datetime
    end: datetime

    def __str__(self) -> str:
        near = (self.start.year, self.start.month) == (self.end.year, self.end.month)
        first = f"{self.start.day}" if near else f"{self.start.day} {self.start:%B}"
        said = f"{self.at.day} {self.at:%B %Y}"
        if self.start.date() == self.end.date():
            return said
        return f"about {said} (between {first} and {self.end.day} {self.end:%B})"


def leading(comparison: Comparison) -> str:
    """The metric that decides about this model: "mae" for numbers, else "accuracy"."""
    numbers = any(measurement(comparison, name) for name in ("mae", "estimated_mae"))
    return "mae" if numbers else "accuracy"


def changed(comparison: Comparison, zone: str = "UTC") -> Change | None:
    """When the errors changed; None when no change point is shown."""
    found = measurement(comparison, "changed_since")
    if found is None or math.isnan(found.statistic) or (found.pvalue or 0.0) > SURE:
        return None
    days = str(found.detail.get("zone") or zone)  # in which the errors were cut into days
    at, start, end = (_local(found.detail[name], days) for name in ("at", "from", "to"))
    return Change(at, start, end)


def answer(verdict: Verdict, diagnosis: Diagnosis, trend: pd.DataFrame, zone: str) -> Answer:
    """The answer to "does the model still work?".

    `trend` is the history of the leading metric up to the verdict's window: columns `window_start`
    (of `zone`), `status`.
    """
    metric, judged = leading(verdict.comparison), diagnosis.performance
    doubts = [*_segments(verdict, metric), *_others(verdict, metric)]
    told = (
        _when(verdict, judged, trend, zone),
        _where(verdict),
        _why(verdict, diagnosis),
        _what_to_do(verdict, diagnosis, doubts),
    )
    facts = tuple(each for each in told if each)
    if judged is None or judged.status in ("inconclusive", "skipped"):
        return _unknown(verdict, metric, judged, facts)
    if judged.status in FLAGGED:
        word = "No" if judged.status == "alarm" else "Less well"
        now = wording.reading(metric, judged.now)
        title = f"{word}: {wording.worse(judged)}, to {now}."
        return Answer(judged.status, title, _harm(judged), facts)
    if doubts:
        where = [each.segment for each in doubts if each.segment]
        but = f"not in {wording.listed(where, limit=3)}" if where else doubts[0].reason
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
    guess = wording.reading(metric, estimate.statistic)
    before = estimate.detail.get("reference")
    beside = "" if before is None else f", {wording.reading(metric, before)} in the reference"
    title = f"{wording.metric(metric)} is estimated at {guess}{beside}."
    text = f"Labels cannot tell yet: {why}. The estimate does not see a change of the outcomes."
    if expected is not None and expected.status in FLAGGED:
        return Answer("warning", f"Probably not: {title}", text, facts)
    return Answer("inconclusive", f"Probably, but not known yet: {title}", text, facts)


def _stands(judged: Performance) -> str:
    """Where it stands: "accuracy is 79.1 %, 79.4 % in the reference"."""
    now, before = (wording.reading(judged.metric, each) for each in (judged.now, judged.before))
    return f"{wording.metric(judged.metric)} is {now}, {before} in the reference"


def _harm(judged: Performance) -> str:
    """What it was, and what the change means: predictions that were wrong on top of the usual."""
    before = wording.reading(judged.metric, judged.before)
    told = f"It was {before} in the reference"
    if judged.metric != "accuracy":
        return f"{told}. This rests on {judged.n:,} labels."
    many = round(judged.change * judged.n)
    return f"{told}: of {judged.n:,} labelled predictions about {many:,} more were wrong than then."


def _seen(judged: Performance) -> str:
    """How much worse it would have to be to be seen."""
    if math.isnan(judged.smallest):
        return ""
    size = wording.amount(judged.metric, judged.smallest)
    return f"With {judged.n:,} labels, a change for the worse of {size} would be seen."


def _when(verdict: Verdict, judged: Performance | None, trend: pd.DataFrame, zone: str) -> str:
    if judged is None or judged.status not in FLAGGED:
        return ""
    change = changed(verdict.comparison, zone)
    if change is not None:
        return f"Since when: {change}."
    worse = [status in FLAGGED for status in trend["status"]]
    run = worse[::-1].index(False) if False in worse else len(worse)
    if run < 2:
        return "Since when: this window is the first one that shows it."
    began = pd.Timestamp(trend["window_start"].iloc[-run])
    return f"Since when: the window of {began.day} {began:%B %Y}; by now {run} windows in a row."


def _where(verdict: Verdict) -> str:
    told = " ".join(filter(None, (wording.segments(verdict), wording.slices(verdict))))
    return f"Where: {_decapital(told)}" if told else ""


def _why(verdict: Verdict, diagnosis: Diagnosis) -> str:
    inputs, concept = (_part(verdict.comparison, name) for name in PARTS)
    if inputs is None or concept is None:
        told = {
            "concept drift": "the inputs do not explain it: what the model learned no longer holds",
            "drift with harm": "it is asked about inputs that the reference hardly holds",
        }.get(diagnosis.story, "")
        return f"Why: {told}." if told else ""
    whole = inputs.statistic + concept.statistic
    if not _harms(concept) and not _harms(inputs):
        return ""
    first, name = (concept, "outcomes") if _harms(concept) else (inputs, "inputs")
    if _harms(concept) and _harms(inputs) and abs(inputs.statistic) > abs(concept.statistic):
        first, name = inputs, "inputs"
    told = {
        "outcomes": "like inputs have other outcomes than before (the concept changed)",
        "inputs": "other inputs than before, of a kind that the model answers less well",
    }[name]
    share = first.statistic / whole if whole else math.nan
    part = f"; that is about {share:.0%} of the change" if 0 < share <= 1 else ""
    return f"Why: {told}{part}."


def _part(comparison: Comparison, name: str) -> Measurement | None:
    found = measurement(comparison, name)
    return None if found is None or math.isnan(found.statistic) else found


def _harms(part: Measurement) -> bool:
    """Whether a part surely makes the metric worse."""
    if part.low is None or part.high is None:
        return False
    error = part.detail.get("metric", "accuracy") in ("mae", "rmse")
    return part.low > 0 if error else part.high < 0


def _what_to_do(verdict: Verdict, diagnosis: Diagnosis, doubts: Sequence[Finding]) -> str:
    judged = diagnosis.performance
    if judged is not None and judged.status in FLAGGED:
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


def _local(moment: str, zone: str) -> datetime:
    at: datetime = pd.Timestamp(moment).tz_convert(zone).tz_localize(None).to_pydatetime()
    return at


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _decapital(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
