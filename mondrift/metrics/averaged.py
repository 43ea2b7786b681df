"""Precision, recall and F1 averaged over the classes of a multiclass task.

Macro: every class that occurs (as target or prediction) counts alike; weighted: by its number of
targets. A class never predicted has precision 0, a class never seen recall 0, as in scikit-learn
with `zero_division=0`; `reason` names them.

Interval: delta method on the multinomial cells of the confusion matrix, on the logit scale (after
Takahashi et al., Applied Intelligence 52 (2022) 4961). With fewer than 30 rows of some class or 30
errors the cells are resampled (bootstrap, 999 times, seeded) and the wider limits are taken; with
fewer than 10 there is none. Measured coverage with 3 and 5 classes (2000 replicates): 94-97 % from
30 of the rarest class and 30 errors, up to 98 % below.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mondrift.metrics.classification import NO_ROWS, accuracy
from mondrift.metrics.intervals import FEWEST, TRUSTED, on_logit, too_few
from mondrift.metrics.metric import Value
from mondrift.metrics.outcomes import Outcomes

Floats = NDArray[np.float64]
Of = Literal["precision", "recall", "f1"]
RESAMPLES = 999


class Margins(NamedTuple):
    """Per class: rows predicted right, rows of the class, rows predicted as the class."""

    right: Floats
    support: Floats
    predicted: Floats


def precision_macro(outcomes: Outcomes) -> Value:
    """Mean of the classes' precisions, in [0, 1].

    >>> target, prediction = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 1])
    >>> value = precision_macro(Outcomes("multiclass", target, prediction))
    >>> print(f"{value.value:.4f}; {value.reason}")
    0.3889; class 2 was never predicted: precision 0; too few rows of class 2 (1): no interval
    below 10
    """
    return _average(outcomes, "precision", weighted=False)


def recall_macro(outcomes: Outcomes) -> Value:
    """Mean of the classes' recalls ("balanced accuracy" when every class was seen), in [0, 1]."""
    return _average(outcomes, "recall", weighted=False)


def f1_macro(outcomes: Outcomes) -> Value:
    """Mean of the classes' F1, in [0, 1]. Small classes weigh as much as large ones."""
    return _average(outcomes, "f1", weighted=False)


def precision_weighted(outcomes: Outcomes) -> Value:
    """Mean of the classes' precisions weighted by their number of targets, in [0, 1]."""
    return _average(outcomes, "precision", weighted=True)


def recall_weighted(outcomes: Outcomes) -> Value:
    """Mean of the classes' recalls weighted by their number of targets: it is the accuracy."""
    return accuracy(outcomes)


def f1_weighted(outcomes: Outcomes) -> Value:
    """Mean of the classes' F1 weighted by their number of targets, in [0, 1]."""
    return _average(outcomes, "f1", weighted=True)


def _average(outcomes: Outcomes, of: Of, *, weighted: bool) -> Value:
    n, excluded = outcomes.predicted.n, outcomes.predicted.excluded
    if n == 0:
        return Value.undefined(NO_ROWS, n, excluded)
    counts = outcomes.confusion
    present = np.flatnonzero((counts.sum(axis=0) + counts.sum(axis=1)) > 0)
    counts = counts[np.ix_(present, present)]
    margins = _margins(counts)
    value = float(_score(margins, of, weighted=weighted))
    reasons = [_zeros(outcomes, present, margins, of)]

    rarest = int(margins.support.argmin())
    rows, errors = int(margins.support[rarest]), int(n - margins.right.sum())
    if rows < FEWEST or errors < FEWEST:
        of_class = f"rows of class {outcomes.label(int(present[rarest]))}"
        reasons.append(too_few(of_class, rows) if rows < FEWEST else too_few("errors", errors))
        return Value(value, None, None, n, excluded, "; ".join(filter(None, reasons)))
    error = float(np.sqrt((counts * _gradient(counts, margins, of, weighted=weighted) ** 2).sum()))
    if not 0 < value < 1 or error == 0:
        reasons.append("no interval: the value does not vary")
        return Value(value, None, None, n, excluded, "; ".join(filter(None, reasons)))
    low, high = on_logit(value, error, df=min(rows, errors) - 1)
    method = "delta method, logit"
    if min(rows, errors) < TRUSTED:
        drawn = _bootstrap(counts, of, weighted=weighted, seed=outcomes.seed)
        low, high = min(low, float(drawn[0])), max(high, float(drawn[1]))
        method = f"wider of delta method and bootstrap ({RESAMPLES}, seed {outcomes.seed})"
    return Value(value, low, high, n, excluded, "; ".join(filter(None, reasons)), method)


def _margins(counts: NDArray[np.int64]) -> Margins:
    return Margins(
        counts.diagonal().astype(float),
        counts.sum(axis=1).astype(float),
        counts.sum(axis=0).astype(float),
    )


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _per_class(margins: Margins, of: Of) -> Floats:
    right, support, predicted = margins
    if of == "precision":
        return _ratio(right, predicted)
    if of == "recall":
        return _ratio(right, support)
    return _ratio(2 * right, support + predicted)


def _score(margins: Margins, of: Of, *, weighted: bool) -> Floats:
    """The average over the last axis; leading axes are resamples."""
    each = _per_class(margins, of)
    present = (margins.support + margins.predicted > 0).astype(float)
    weights = margins.support if weighted else present
    return np.asarray((each * weights).sum(axis=-1) / weights.sum(axis=-1))


def _gradient(counts: NDArray[np.int64], margins: Margins, of: Of, *, weighted: bool) -> Floats:
    """Derivative of the average by each cell; the variance is the sum of count × gradient².

    The averages do not change when all cells grow alike, so the gradient's mean over rows is zero
    and no further term is needed.
    """
    k, (_, support, predicted) = len(counts), margins
    each = _per_class(margins, of)
    weight = support / support.sum() if weighted else np.full(k, 1 / k)
    diagonal = np.eye(k)
    if of == "precision":
        slope = (diagonal - each) * _ratio(weight, predicted)
    elif of == "recall":
        slope = (diagonal - each[:, None]) * _ratio(weight, support)[:, None]
    else:
        per = _ratio(weight, support + predicted)
        slope = 2 * diagonal * per - (each * per)[:, None] - each * per
    if weighted:
        slope = slope + ((each - weight @ each) / support.sum())[:, None]
    return np.asarray(slope)


def _bootstrap(counts: NDArray[np.int64], of: Of, *, weighted: bool, seed: int) -> Floats:
    """The 2.5 % and 97.5 % points of the average over resampled rows (only cells matter)."""
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(counts)
    k, n = len(counts), int(counts.sum())
    cells = rng.multinomial(n, counts[row, column] / n, size=RESAMPLES).astype(float)
    # one 0/1 matrix per margin turns the cells of all resamples into sums at once
    by_row, by_column = np.eye(k)[row], np.eye(k)[column]
    margins = Margins(
        cells @ (by_row * (row == column)[:, None]), cells @ by_row, cells @ by_column
    )
    return np.quantile(_score(margins, of, weighted=weighted), [0.025, 0.975])


def _zeros(outcomes: Outcomes, present: NDArray[np.intp], margins: Margins, of: Of) -> str:
    """Names the classes whose precision or recall is 0 by convention."""
    if of == "f1":
        return ""
    bottom = margins.predicted if of == "precision" else margins.support
    names = [outcomes.label(int(code)) for code in present[bottom == 0]]
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    kind = "class" if len(names) == 1 else "classes"
    verb = "was" if len(names) == 1 else "were"
    never = "predicted" if of == "precision" else "seen"
    return f"{kind} {', '.join(names[:3])}{more} {verb} never {never}: {of} 0"
