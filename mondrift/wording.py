"""Sentences about a diagnosis, in plain words for people; each function is pure and small.

What these words never do: name a cause that the data cannot know, call a far-away input harmful
when the model is as right as before, or blame for a drop what moved in the same way without one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mondrift import why
from mondrift.comparison import Comparison
from mondrift.degradation import worsening
from mondrift.diagnosis import FLAGGED, Diagnosis, Moved, Performance, measurement
from mondrift.expected import STAND_INS, estimate_of, spoken
from mondrift.finding import Finding
from mondrift.histogram import Histogram
from mondrift.metrics import METRICS
from mondrift.performance import DECISIVE
from mondrift.policy import Policy
from mondrift.verdict import Verdict

_EFFECTS = {
    "psi": "PSI {:.2f}",
    "ks": "KS distance {:.2f}",
    "wasserstein": "by {:.2f} of the reference's standard deviations",
    "total_variation": "a share of {:.2f} changed category",
}


def worse(performance: Performance) -> str:
    """What became worse and by how much, in a few words.

    >>> worse(Performance("alarm", "", 0.794, 0.634, 1349, 0.16, 0.127))
    'accuracy fell by 16.0 points'
    >>> worse(Performance("alarm", "", 10.0, 12.0, 500, 0.2, 0.09, "mae"))
    'MAE rose by 20.0 %'
    """
    verb = "rose" if performance.metric == "mae" else "fell"
    return (
        f"{metric(performance.metric)} {verb} by {amount(performance.metric, performance.change)}"
    )


def harmed(performance: Performance) -> tuple[str, ...]:
    """What became worse, how sure that is, and how much it matters.

    >>> print(" ".join(harmed(Performance("alarm", "", 0.794, 0.634, 1349, 0.16, 0.127))))
    Accuracy fell by 16.0 points, from 79.4 % to 63.4 % (1,349 labels), and surely by more than
    12.7 (99 % confidence). About 216 more predictions were wrong than at the reference's accuracy.
    >>> print(*harmed(Performance("alarm", "", 10.0, 12.0, 500, 0.2, 0.09, "mae")))
    MAE rose by 20.0 %, from 10 to 12 (500 labels), and surely by more than 9.0 % (99 % confidence).
    """
    before, now = (reading(performance.metric, v) for v in (performance.before, performance.now))
    unit = " %" if performance.metric == "mae" else ""
    told = _capital(
        f"{worse(performance)}, from {before} to {now} ({performance.n:,} labels), and surely by "
        f"more than {100 * performance.lower:.1f}{unit} (99 % confidence)."
    )
    if performance.metric == "mae":
        return (told,)
    many = round(performance.change * performance.n)
    return told, f"About {many:,} more predictions were wrong than at the reference's accuracy."


def metric(name: str) -> str:
    """A metric's name inside a sentence.

    >>> metric("accuracy"), metric("mae"), metric("roc_auc")
    ('accuracy', 'MAE', 'ROC AUC')
    """
    label = METRICS[name].label
    return label.lower() if METRICS[name].unit == "share" else label


def reading(name: str, value: float) -> str:
    """A metric's value for people: a share in percent, else four digits.

    >>> reading("accuracy", 0.79376), reading("mae", 12.34567)
    ('79.4 %', '12.35')
    """
    return percent(value) if METRICS[name].unit == "share" else f"{value:.4g}"


def amount(name: str, change: float) -> str:
    """How far a metric moved, without its sign: points, or a share of the error."""
    return f"{100 * abs(change):.1f} {'%' if name == 'mae' else 'points'}"


def segments(verdict: Verdict) -> str:
    """Where the model got worse, worst first, and where nothing is shown; "" without segments."""
    found = [f for f in verdict.findings if f.check in DECISIVE and f.segment]
    known = {m.segment: m for m in verdict.comparison.measurements if m.measure in DECISIVE}
    fell = [known[f.segment] for f in found if f.status in FLAGGED]
    if not fell:
        return ""
    told = [
        f"{each.segment} ({reading(each.measure, each.detail['reference'])} to "
        f"{reading(each.measure, each.statistic)})"
        for each in sorted(fell, key=worsening, reverse=True)
    ]
    rose = fell[0].measure == "mae"
    held = listed((f.segment for f in found if f.status == "ok"), limit=5)
    rest = f"; no {'rise' if rose else 'drop'} is shown in {held}" if held else ""
    return f"It {'rose' if rose else 'fell'} in {listed(told, limit=5)}{rest}."


def slices(verdict: Verdict) -> str:
    """Which parts of the window a search found worst, beyond the declared segments; "" for none."""
    known = {m.segment for m in verdict.comparison.measurements if m.measure in DECISIVE}
    found = [
        m
        for m in verdict.comparison.measurements
        if m.measure.startswith("slice_") and m.segment not in known
    ]
    if not found:
        return ""
    told = [
        f"{each.segment} ({reading(name, each.detail['reference'])} to "
        f"{reading(name, each.statistic)})"
        for each in found[:3]
        for name in (each.measure.removeprefix("slice_"),)
    ]
    return f"Of all columns, it is worst where {listed(told)}."


def ranking(comparison: Comparison) -> str:
    """Whether the model still ranks as well, for accuracy alone follows the share of outcomes."""
    auc, brier = measurement(comparison, "roc_auc"), measurement(comparison, "brier")
    told = []
    if auc and auc.low is not None and auc.detail.get("reference_low") is not None:
        worse = auc.high is not None and auc.high < auc.detail["reference_low"]
        told.append(
            f"it ranks {'worse too' if worse else 'about as well as before'} "
            f"(ROC AUC {auc.detail['reference']:.2f} → {auc.statistic:.2f})"
        )
    if brier and brier.detail.get("reference") is not None:
        told.append(f"Brier score {brier.detail['reference']:.2f} → {brier.statistic:.2f}")
    return _sentence(", ".join(told)) if told else ""


def outcomes(comparison: Comparison, diagnosis: Diagnosis) -> str:
    """How the outcomes themselves moved, "" when they did not."""
    told = []
    for each in diagnosis.targets:
        for column in each.columns:
            where = direction(comparison.histogram(column))
            told.append(where if where.startswith("the share") else f"{column} moved {where}")
    return _sentence(", ".join(told)) if told else ""


def explanation(verdict: Verdict, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Whether what moved explains a drop; the last sentence names the story."""
    now = verdict.comparison.current.start
    told = [_about_scores(verdict, diagnosis)]
    told += [
        f"{_what(each, now)}; it {explains(each, diagnosis)} {_the_change(diagnosis)}."
        for each in diagnosis.features
    ]
    if diagnosis.why is not None:
        told += why.sentences(diagnosis.why, now)
    if diagnosis.story == "concept drift":
        told.append("What the model learned does not hold in this window: concept drift.")
    elif diagnosis.why is not None and diagnosis.why.blamed == "inputs":
        told.append(
            "The model is asked about harder cases than in the reference, and answers them as well "
            "as it ever did: drift with harm."
        )
    else:
        told.append(
            "The model is asked about conditions that the reference hardly holds, and is wrong "
            "more often: drift with harm. Whether one is the cause of the other, a single window "
            "cannot tell."
        )
    return tuple(told)


def _the_change(diagnosis: Diagnosis) -> str:
    performance = diagnosis.performance
    return "the rise" if performance is not None and performance.metric == "mae" else "the drop"


def explains(each: Moved, diagnosis: Diagnosis) -> str:
    """How much of a drop a moved feature may explain."""
    if diagnosis.story != "concept drift":
        return "may be part of"
    if each.older or diagnosis.scores not in FLAGGED:
        return "does not explain"
    return "explains little of"


def _about_scores(verdict: Verdict, diagnosis: Diagnosis) -> str:
    """How far the model's own output followed, and whether against the outcomes."""
    if diagnosis.scores not in FLAGGED:
        return "The model's output is distributed as in the reference: only labels show this."
    worst = diagnosis.outputs[0]
    far = "far" if worst.status == "alarm" else "a little"
    against = ", against the outcomes" if _is_against(verdict.comparison, diagnosis) else ""
    where = direction(verdict.comparison.histogram(worst.columns[0]))
    effect = _effect(worst.worst, verdict.policy)
    return f"The model's {worst.name} moved {far}, {where}{against} ({effect})."


def _is_against(comparison: Comparison, diagnosis: Diagnosis) -> bool:
    """Whether scores fell while the positive class became more frequent, or the other way round."""
    score = comparison.schema.probability
    targets = [column for each in diagnosis.targets for column in each.columns]
    if not isinstance(score, str) or not targets:
        return False
    if score not in {column for each in diagnosis.outputs for column in each.columns}:
        return False
    before, now = (comparison.histogram(targets[0]).shares(w) for w in ("reference", "current"))
    if len(now) != 2:
        return False
    where = direction(comparison.histogram(score))
    rose = now[1] > before[1]
    return (where == "to lower values" and rose) or (where == "to higher values" and not rose)


def moved(verdict: Verdict, each: Moved) -> str:
    """What moved, since when, where to, how far and how sure."""
    comparison = verdict.comparison
    what = _what(each, comparison.current.start)
    columns = f": {listed(each.columns)}" if each.worst.group else ""
    most = f"; most of all {each.columns[0]}" if len(each.columns) > 1 else ""
    where = direction(comparison.histogram(each.columns[0]))
    return f"{what}{columns}{most}, {where} ({_effect(each.worst, verdict.policy)})."


def harm(diagnosis: Diagnosis) -> str:
    """What the drift did to the model, in one or two sentences."""
    performance = diagnosis.performance
    if performance is None:
        return "Whether it does harm is not known: this model has no metric to judge."
    if performance.status == "inconclusive":
        return f"Whether it does harm is not known yet: {performance.reason}."
    if performance.status == "ok":
        return (
            f"{held(performance)} Drift without harm: nothing is broken, do not retrain for this."
        )
    before, now = (reading(performance.metric, v) for v in (performance.before, performance.now))
    verb = "rose" if performance.metric == "mae" else "fell"
    story = ", but this is not the reason" if diagnosis.story == "concept drift" else " with it"
    told = f"{metric(performance.metric)} {verb}{story}: {now}, {before} in the reference."
    return f"{_capital(told)} See that alert."


def held(performance: Performance) -> str:
    """That the model did not get worse.

    >>> held(Performance("ok", "", 0.794, 0.876, 1246, -0.082, -0.106))
    'Accuracy rose: 87.6 %, 79.4 % in the reference (1,246 labels).'
    """
    better = "fell" if performance.metric == "mae" else "rose"
    word = better if performance.change < 0 else "held"
    before, now = (reading(performance.metric, v) for v in (performance.before, performance.now))
    told = f"{metric(performance.metric)} {word}: {now}, {before} in the reference"
    return _capital(f"{told} ({performance.n:,} labels).")


def kept(performance: Performance) -> str:
    """The same in a few words.

    >>> kept(Performance("ok", "", 0.794, 0.876, 1246, -0.082, -0.106))
    'accuracy rose to 87.6 %'
    >>> kept(Performance("ok", "", 10.0, 10.02, 1246, 0.002, -0.05, "mae"))
    'MAE held at 10.02'
    """
    better = "fell to" if performance.metric == "mae" else "rose to"
    limit = -0.01 if performance.metric == "mae" else -0.005
    word = better if performance.change < limit else "held at"
    return f"{metric(performance.metric)} {word} {reading(performance.metric, performance.now)}"


def estimated(verdict: Verdict) -> str:
    """What is expected of the model until labels come, with what it assumes; "" once they are here.

    The assumption stands beside the number wherever it is told.
    """
    found = estimate_of(verdict.comparison, verdict.policy)
    if found is None:
        return ""
    said = spoken(found)
    reference = f", {said.before} in the reference" if said.before else ""
    told = f"Until labels come, {said.name} is estimated at {said.whole}{reference}"
    return f"{told}; {found.detail['assumes']}."


def instead(verdict: Verdict) -> str:
    """What the estimate says by now, or that labels are here and the metric itself is judged."""
    found = next((f for f in verdict.findings if f.check in STAND_INS), None)
    return "" if found is None else _sentence(found.reason)


def guess(verdict: Verdict) -> str:
    """The same for a headline: a few words that follow a sentence, or ""."""
    found = estimate_of(verdict.comparison, verdict.policy)
    if found is None:
        return ""
    said = spoken(found)
    return f"; {said.name} is estimated at {said.whole}, blind to concept drift"


def since(began: datetime, now: datetime) -> str:
    """A moment as people say it: a day when it is near, a month, a month and year.

    >>> from datetime import UTC
    >>> now = datetime(2013, 12, 16, tzinfo=UTC)
    >>> [since(datetime(2013, *day, tzinfo=UTC), now) for day in ((4, 1), (12, 2))]
    ['since April', 'since 2 December']
    >>> since(datetime(2012, 4, 1, tzinfo=UTC), now)
    'since April 2012'
    """
    if now - began < timedelta(days=28):
        return f"since {began.day} {began:%B}"
    return f"since {began:%B}" if began.year == now.year else f"since {began:%B %Y}"


def name(each: Moved) -> str:
    """A group with the number of its columns that moved, else the column's name."""
    many = len(each.columns)
    return f"{each.name} ({many} column{'s' * (many > 1)})" if each.worst.group else each.name


def listed(names: Iterable[str], limit: int = 10) -> str:
    """Names in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed("abcd", limit=2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    told = list(names)
    if len(told) > limit:
        return f"{', '.join(told[:limit])} and {len(told) - limit} more"
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))


def direction(histogram: Histogram) -> str:
    """Where a distribution went, in words, from the counts alone.

    For numbers: whether a current value is larger than a reference value more often than not
    (ties count half); for categories: the level whose share changed most (of equals, the last).

    >>> late = Histogram("late", "categorical", ("0", "1"), None, (78, 22), (63, 37), 0, 0)
    >>> direction(late)
    'the share of late = 1 rose from 22.0 % to 37.0 %'
    """
    before, now = histogram.shares("reference"), histogram.shares("current")
    if not any(before) or not any(now):
        return "one window has no values"
    if histogram.edges is None:
        changes = [round(abs(b - a), 9) for a, b in zip(before, now, strict=True)]
        _, i = max((change, i) for i, change in enumerate(changes))
        word = "rose" if now[i] > before[i] else "fell"
        level = f"{histogram.column} = {histogram.labels[i]}"
        return f"the share of {level} {word} from {percent(before[i])} to {percent(now[i])}"
    below, larger = 0.0, 0.0
    for a, b in zip(before, now, strict=True):
        larger += b * (below + a / 2)
        below += a
    if larger < 0.45:
        return "to lower values"
    return "to higher values" if larger > 0.55 else "in shape, not to one side"


def percent(share: float) -> str:
    """A share in [0, 1] for people.

    >>> percent(0.79376)
    '79.4 %'
    """
    return f"{100 * share:.1f} %"


def _effect(finding: Finding, policy: Policy) -> str:
    """How far and how sure, with the threshold that gives the number its meaning."""
    size = _EFFECTS.get(finding.measure, finding.measure + " {:.3g}").format(finding.statistic)
    limits = policy.effects.get(finding.measure)
    limit = f", {finding.status} from {getattr(limits, finding.status)}" if limits else ""
    sure = "surely not chance" if finding.adjusted < 1e-4 else f"adjusted p {finding.adjusted:.2g}"
    return f"{size}{limit}; {sure}"


def _what(each: Moved, now: datetime | None) -> str:
    """The subject: "The weather moved with the season, as it has since April"."""
    subject = f"The {each.name}" if each.worst.group else each.name
    why = f" {each.expected}" if each.expected else ""
    began = f", as it has {since(each.since, now)}" if each.since and now else ""
    return f"{subject} moved{why}{began}"


def _sentence(text: str) -> str:
    return f"{_capital(text)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
