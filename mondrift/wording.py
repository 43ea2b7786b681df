"""Sentences about a diagnosis, in plain words for people; each function is pure and small.

What these words never do: name a cause that the data cannot know, call a far-away input harmful
when the model is as right as before, or blame for a drop what moved in the same way without one.
"""

from __future__ import annotations

from datetime import datetime

from mondrift import why
from mondrift.comparison import Comparison
from mondrift.degradation import worsening
from mondrift.diagnosis import FLAGGED, Diagnosis, Moved, Performance, measurement
from mondrift.expected import STAND_INS, estimate_of, spoken
from mondrift.finding import Finding
from mondrift.histogram import Histogram
from mondrift.performance import DECISIVE
from mondrift.phrases import amount, capital, listed, metric, percent, reading, since
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


def harmed(performance: Performance) -> str:
    """What became worse, how sure that is, and how much it matters.

    >>> print(harmed(Performance("alarm", "", 0.794, 0.634, 1349, 0.16, 0.127)))
    Accuracy fell by 16.0 points, from 79.4 % to 63.4 % (1,349 labels), and surely by more than
    12.7 (99 % confidence): about 216 more wrong answers than at the reference's accuracy.
    >>> print(harmed(Performance("alarm", "", 10.0, 12.0, 500, 0.2, 0.09, "mae")))
    MAE rose by 20.0 %, from 10 to 12 (500 labels), and surely by more than 9.0 % (99 % confidence).
    """
    before, now = (reading(performance.metric, v) for v in (performance.before, performance.now))
    unit = " %" if performance.metric == "mae" else ""
    told = capital(
        f"{worse(performance)}, from {before} to {now} ({performance.n:,} labels), and surely by "
        f"more than {100 * performance.lower:.1f}{unit} (99 % confidence)"
    )
    if performance.metric == "mae":
        return f"{told}."
    many = round(performance.change * performance.n)
    return f"{told}: about {many:,} more wrong answers than at the reference's accuracy."


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
    return f"Of all columns, the worst: {listed(told)}."


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


def story(diagnosis: Diagnosis) -> str:
    """What a drop means, in a sentence, for those who read no further.

    Only where the drop was split and the relation is to blame, concept drift is said to be shown.
    """
    blamed = diagnosis.why.blamed if diagnosis.why is not None else ""
    if diagnosis.story == "concept drift" and blamed == "relation":
        return "What the model learned does not hold in this window: concept drift."
    if diagnosis.story == "concept drift":
        return (
            "No input is seen to explain it, which points to concept drift: what the model learned "
            "may not hold in this window."
        )
    if blamed == "inputs":
        return (
            "The model is asked about harder cases than in the reference, and answers them as well "
            "as it ever did: drift with harm."
        )
    return (
        "The model is asked about conditions that the reference hardly holds, and is wrong more "
        "often: drift with harm. Whether one is the cause of the other, a single window cannot "
        "tell."
    )


def facts(verdict: Verdict, diagnosis: Diagnosis) -> tuple[str, ...]:
    """What is known about a drop, one line each: where, since when, why, and what moved with it."""
    comparison, now = verdict.comparison, verdict.comparison.current.start
    told = (
        segments(verdict),
        slices(verdict),
        *(why.sentences(diagnosis.why, now) if diagnosis.why is not None else ()),
        *_inputs(diagnosis, now),
        " ".join(filter(None, (outcomes(comparison, diagnosis), _scores(verdict, diagnosis)))),
        ranking(comparison),
    )
    return tuple(each for each in told if each)


def _inputs(diagnosis: Diagnosis, now: datetime | None) -> list[str]:
    """What moved among the features, and how much of the drop it may explain; many as one."""
    together: dict[str, list[Moved]] = {}
    for each in diagnosis.features:
        together.setdefault(explains(each, diagnosis), []).append(each)
    told = []
    for words, moved in together.items():
        if len(moved) <= 2:
            told += [f"{_what(each, now)}; it {words} {_the_change(diagnosis)}." for each in moved]
            continue
        plural = words.replace("does not explain", "do not explain").replace("explains", "explain")
        names = listed((name(each) for each in moved), limit=5)
        told.append(f"{capital(names)} moved; they {plural} {_the_change(diagnosis)}.")
    return told


def _the_change(diagnosis: Diagnosis) -> str:
    performance = diagnosis.performance
    return "the rise" if performance is not None and performance.metric == "mae" else "the drop"


def explains(each: Moved, diagnosis: Diagnosis) -> str:
    """How much of a drop a moved feature may explain."""
    if diagnosis.story != "concept drift":
        return "may be part of"
    if inputs_add(diagnosis):
        return "explains no more than a part of"
    if each.older or diagnosis.scores not in FLAGGED:
        return "does not explain"
    return "explains little of"


def inputs_add(diagnosis: Diagnosis) -> bool:
    """Whether other inputs surely did a part of a change that is blamed on the relation."""
    found = diagnosis.why
    if found is None or found.inputs is None:
        return False
    return found.blamed == "relation" and found.inputs.low > 0


def _scores(verdict: Verdict, diagnosis: Diagnosis) -> str:
    """How far the model's own output followed, and whether against the outcomes."""
    if diagnosis.scores not in FLAGGED:
        return "The model's output is distributed as in the reference: only labels show this."
    worst = diagnosis.outputs[0]
    far = "far" if worst.status == "alarm" else "a little"
    against = ", against the outcomes" if _is_against(verdict.comparison, diagnosis) else ""
    where = direction(verdict.comparison.histogram(worst.columns[0]))
    return f"The model's {worst.name} moved {far}, {where}{against}."


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
    tale = f"{metric(performance.metric)} {verb} to {now}, from {before} in the reference"
    if diagnosis.story != "concept drift":
        return capital(f"{tale}: see that alert.")
    reason = "not the whole" if inputs_add(diagnosis) else "not the"
    return capital(f"{tale}, but this is {reason} reason: see that alert.")


def held(performance: Performance) -> str:
    """That the model did not get worse.

    >>> held(Performance("ok", "", 0.794, 0.876, 1246, -0.082, -0.106))
    'Accuracy rose: 87.6 %, 79.4 % in the reference (1,246 labels).'
    """
    better = "fell" if performance.metric == "mae" else "rose"
    word = better if performance.change < 0 else "held"
    before, now = (reading(performance.metric, v) for v in (performance.before, performance.now))
    told = f"{metric(performance.metric)} {word}: {now}, {before} in the reference"
    return capital(f"{told} ({performance.n:,} labels).")


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


def name(each: Moved) -> str:
    """A group with the number of its columns that moved, else the column's name."""
    many = len(each.columns)
    return f"{each.name} ({many} column{'s' * (many > 1)})" if each.worst.group else each.name


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
    return f"{capital(text)}."
