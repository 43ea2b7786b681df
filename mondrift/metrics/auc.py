"""ROC AUC and average precision: how well a score puts positives above negatives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mondrift.metrics.intervals import FEWEST, on_logit, too_few
from mondrift.metrics.metric import Value
from mondrift.metrics.outcomes import Outcomes
from mondrift.metrics.ranking import Influence, Ranking, satterthwaite

NO_SCORES = "no rows with target and probability"


def roc_auc(outcomes: Outcomes) -> Value:
    """Area under the ROC curve, in [0, 1]; .5 = no better than chance. Multiclass: the mean over
    classes of one against the rest, as far as the class was seen.

    Undefined with one class only. Blind to calibration: any increasing change of the score leaves
    it alone. Interval: DeLong on the logit scale; none below 10 of either class. Measured coverage
    with 30 of the rarer class: 94-97 % up to AUC .95, 92 % at .98 and 91 % at .99 when the other
    class is a hundred times larger, up to 99 % when it is no larger; with 10 positives 95-97 % up
    to .95 where plain DeLong has 84-79 %.

    >>> target = np.repeat([0, 1], 50)
    >>> score = np.concatenate((np.arange(50), np.arange(50) + 25)) / 100
    >>> value = roc_auc(Outcomes("binary", target, probability=score))
    >>> print(f"{value.value:.4f} ({value.low:.3f} to {value.high:.3f})")
    0.8750 (0.793 to 0.927)
    """
    if outcomes.task == "multiclass":
        return _one_against_rest(outcomes)
    target, _, excluded = outcomes.scored
    reason = _one_class(outcomes)
    if reason:
        return Value.undefined(reason, len(target), excluded)
    ranking = outcomes.ranking
    return _interval(outcomes, ranking, ranking.auc)


def pr_auc(outcomes: Outcomes) -> Value:
    """Average precision: the area under the precision-recall curve by steps, in [0, 1].

    Its chance level is the share of positives, so windows with another share of positives do not
    compare. Undefined with one class only. Interval: influences of rows on the logit scale; none
    below 10 of either class. Measured coverage 93-96 % from 30 positives.

    >>> target, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> value = pr_auc(Outcomes("binary", target, probability=score))
    >>> print(f"{value.value:.4f}; {value.reason}")
    0.8333; too few positives (2): no interval below 10
    """
    target, _, excluded = outcomes.scored
    reason = _one_class(outcomes)
    if reason:
        return Value.undefined(reason, len(target), excluded)
    ranking = outcomes.ranking
    return _interval(outcomes, ranking, ranking.average_precision)


def _one_class(outcomes: Outcomes) -> str:
    """Why there is nothing to rank, if so."""
    n = outcomes.scored.n
    positives = int(np.count_nonzero(outcomes.scored.target == outcomes.positive))
    if n == 0:
        return NO_SCORES
    if positives == 0:
        return f"only one class: none of {n:,} rows is positive"
    return f"only one class: all {n:,} rows are positive" if positives == n else ""


def _interval(outcomes: Outcomes, ranking: Ranking, influence: Influence) -> Value:
    counts = (int(ranking.positives.sum()), int(ranking.negatives.sum()))
    variance = ranking.variance(influence)
    if min(counts) < FEWEST:
        reason = too_few("positives" if counts[0] <= counts[1] else "negatives", min(counts))
    else:
        reason = ""
    return _value(outcomes, influence.value, variance, influence.df, reason)


def _value(outcomes: Outcomes, value: float, variance: float, df: float, reason: str) -> Value:
    n, excluded = outcomes.scored.n, outcomes.scored.excluded
    value = min(max(value, 0.0), 1.0)
    if not reason and (variance <= 0 or not 0 < value < 1):
        reason = "no interval: no row is ranked against the others' order"
    if reason:
        return Value(value, None, None, n, excluded, reason)
    low, high = on_logit(value, math.sqrt(variance), df)
    return Value(value, low, high, n, excluded, method="influence of rows, logit, Student's t")


def _one_against_rest(outcomes: Outcomes) -> Value:
    """The mean over the classes seen, with the covariance between classes, row by row."""
    target, scores, excluded = outcomes.scored
    sizes = np.bincount(target, minlength=outcomes.classes) if len(target) else np.zeros(0, int)
    seen = np.flatnonzero(sizes)
    if len(seen) == 0:
        return Value.undefined(NO_SCORES, 0, excluded)
    if len(seen) == 1:
        only = f"only one class: all {len(target):,} rows are {outcomes.label(int(seen[0]))}"
        return Value.undefined(only, len(target), excluded)
    parts, dfs, values = [], [], []
    rows = np.zeros(len(target))
    for code in seen:
        positive = target == code
        ranking = Ranking.of(scores[:, code], positive)
        influence = ranking.auc
        rows += ranking.by_row(influence, positive) / len(seen)
        values.append(influence.value)
        parts.append(ranking.variance(influence))
        dfs.append(influence.df)
    rarest = int(seen[sizes[seen].argmin()])
    rows_of = f"rows of class {outcomes.label(rarest)}"
    reason = too_few(rows_of, int(sizes[rarest])) if sizes[rarest] < FEWEST else ""
    df = satterthwaite(parts, dfs)
    value = _value(outcomes, float(np.mean(values)), float(rows @ rows), df, reason)
    absent = [outcomes.label(int(code)) for code in np.flatnonzero(sizes == 0)]
    if not absent:
        return value
    more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
    noted = f"left out, for no row has it: {', '.join(absent[:3])}{more}"
    return replace(value, reason="; ".join(filter(None, (noted, value.reason))))
