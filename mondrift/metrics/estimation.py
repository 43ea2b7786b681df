"""Performance before the labels come: what the recalibrated scores promise (CBPE).

If P(label | score) is what it was in the reference, a row of recalibrated probability p that was
predicted positive is right with chance p. Summed over the window that gives the expected confusion
matrix and the expected share of rightly ranked pairs (of two different rows), and from them every
metric. Confidence-based performance estimation: Kivimäki et al., arXiv 2407.08649 (accuracy) and
2505.05295 (any metric of the confusion matrix).

The band is where 95 % of the *realised* values fall: each of 200 reweightings of the reference
gives other curves (calibration error), and each draws other labels for the window (sampling). Of a
larger window 2500 rows are drawn, and the second part shrinks with the square root of the rows.

Blind spot, by construction: a changed P(label | score). Concept drift leaves the estimate where it
was; so does covariate shift where the score is miscalibrated inside the shifted group.

Measured, realised value inside the band, 1000 windows of 500 rows, overconfident scores repaired on
1000 rows: accuracy .946, precision .958, recall .944, F1 .956, AUC .937; with shifted inputs .947,
.942, .953, .951, .946; three classes and shifted inputs .939, .937, .943, .943 (macro), .939. Other
shapes, shifted or not (300 windows each): .93-.97, 6 % positives .92-.96; .92-.96 on a wavy
calibration curve that the bends only half follow, which the calibration error then shows. The table
of docs/estimation.md is of references of 2000 rows, through the whole path.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError, shown
from mondrift.metrics.calibration import CalibrationError
from mondrift.metrics.intervals import TRUSTED, too_few
from mondrift.metrics.metric import Value
from mondrift.metrics.outcomes import Outcomes
from mondrift.metrics.recalibration import Recalibration

Floats = NDArray[np.float64]

ASSUMES = (
    "assumes P(label | score) unchanged: blind to concept drift and to covariate shift where the "
    "score is miscalibrated"
)
SAMPLE = 2500
NOTED = 0.01  # share of rows outside the reference's scores that is worth a word
BLOCK = 4_000_000  # numbers held at once
BINARY = ("accuracy", "precision", "recall", "f1")
MULTICLASS = ("accuracy", "precision_macro", "recall_macro", "f1_macro")


@dataclass(frozen=True)
class Estimate:
    """Expected metrics of one window without its labels, under the names of the realised ones.

    `values`: low and high are limits of the realised value (prediction limits), not of its mean.
    `calibration`: the reference's, out of fold. `outside`: share of rows with a score lower or
    higher than any in the reference. `assumes`: show it beside every number.
    """

    values: dict[str, Value]
    calibration: CalibrationError
    outside: float
    assumes: str = ASSUMES


@dataclass(frozen=True)
class _Window:
    """Rows that can be used: predictions (or None) and scores, one column per curve."""

    prediction: NDArray[np.intp] | None
    scores: Floats
    excluded: int

    @property
    def n(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray[np.intp]) -> _Window:
        kept = None if self.prediction is None else self.prediction[rows]
        return _Window(kept, self.scores[rows], self.excluded)


def estimate(
    learned: Recalibration,
    prediction: NDArray[Any] | None,
    probability: NDArray[Any],
    *,
    labels: tuple[str, ...] | None = None,
    seed: int = 0,
) -> Estimate:
    """Expected accuracy, precision, recall, F1 (macro for several classes) and ROC AUC.

    `prediction` and `probability` are coded as in `Outcomes`; `labels` names their codes when they
    are not in the order of the reference's: classes are matched by label. Without predictions
    there is only ROC AUC. Rows without a finite score or a prediction are counted out.

    Raises `InputError` for labels that the reference does not have, and for unfitting shapes.

    >>> from mondrift.metrics.recalibration import recalibrate
    >>> rng = np.random.default_rng(0)
    >>> score = rng.uniform(size=4000)
    >>> target = (rng.uniform(size=4000) < score).astype(int)
    >>> learned = recalibrate(Outcomes("binary", target, probability=score))
    >>> june = rng.uniform(size=1000)
    >>> for name, value in estimate(learned, (june > 0.5).astype(int), june).values.items():
    ...     print(f"{name} {value.value:.3f} ({value.low:.3f} to {value.high:.3f})")
    accuracy 0.746 (0.715 to 0.775)
    precision 0.754 (0.706 to 0.798)
    recall 0.745 (0.714 to 0.777)
    f1 0.750 (0.717 to 0.777)
    roc_auc 0.827 (0.801 to 0.861)
    """
    reference = learned.reference
    window = _window(reference, prediction, probability, labels)
    names = (() if prediction is None else _names(reference)) + ("roc_auc",)
    reason = learned.reason and f"reference: {learned.reason}"
    if not reason and window.n == 0:
        reason = "no rows with a probability" + ("" if prediction is None else " and a prediction")
    if not reason and (window.scores.min() < 0 or window.scores.max() > 1):
        reason = "probabilities are outside [0, 1]"
    if reason:
        undefined = Value.undefined(reason, window.n, window.excluded)
        return Estimate(dict.fromkeys(names, undefined), learned.error, np.nan)
    outside = ((window.scores < learned.low) | (window.scores > learned.high)).any(axis=1)
    share = float(outside.mean())
    expected = _metrics(learned(window.scores), window)[0]
    drawn = _deviations(learned, window, np.random.default_rng(seed))
    values = {
        name: _value(learned, window, float(expected[at]), drawn[:, at], _note(learned, share))
        for at, name in enumerate(names)
    }
    return Estimate(values, learned.error, share)


def promised(
    learned: Recalibration, prediction: NDArray[Any] | None, probability: NDArray[Any]
) -> dict[str, float]:
    """The expected metrics alone, without limits; empty where there is nothing to expect.

    Of the reference's own rows they are what was realised there, unless predictions were made by
    more than the scores: then what scores promise says little about them.

    >>> from mondrift.metrics.recalibration import recalibrate
    >>> score = np.linspace(0, 1, 500)
    >>> learned = recalibrate(Outcomes("binary", (score > 0.4).astype(int), probability=score))
    >>> print(f"{promised(learned, (score > 0.5).astype(int), score)['accuracy']:.2f}")
    0.90
    """
    window = _window(learned.reference, prediction, probability, None)
    if learned.reason or window.n == 0 or window.scores.min() < 0 or window.scores.max() > 1:
        return {}
    names = (() if prediction is None else _names(learned.reference)) + ("roc_auc",)
    return dict(zip(names, _metrics(learned(window.scores), window)[0].tolist(), strict=True))


def _names(reference: Outcomes) -> tuple[str, ...]:
    return BINARY if reference.task == "binary" else MULTICLASS


def _window(
    reference: Outcomes,
    prediction: NDArray[Any] | None,
    probability: NDArray[Any],
    labels: tuple[str, ...] | None,
) -> _Window:
    """The usable rows, in the reference's codes, checked as `Outcomes` checks them."""
    task, known, positive = reference.task, reference.labels, reference.positive
    scores = np.asarray(probability, float)
    given = None if prediction is None else np.asarray(prediction)
    nothing = np.zeros(len(scores), int)
    Outcomes(task, nothing, given, scores, known if labels is None else labels, positive)
    if labels is not None:
        codes = _matched(known, labels)
        given = None if given is None else codes[given]
        scores = scores if scores.ndim == 1 else scores[:, np.argsort(codes[:-1])]
    if task == "binary":
        scores = (scores[:, positive] if scores.ndim == 2 else scores)[:, None]
    elif scores.shape[1] < reference.classes:
        raise InputError(
            f"probability has {scores.shape[1]} columns, but the reference has "
            f"{reference.classes} classes; pass one column per class."
        )
    kept = np.isfinite(scores).all(axis=1)
    if given is not None:
        kept &= given >= 0
        given = (given == positive if task == "binary" else given)[kept].astype(np.intp)
    return _Window(given, scores[kept], len(kept) - int(np.count_nonzero(kept)))


def _matched(known: tuple[str, ...], labels: tuple[str, ...]) -> NDArray[np.intp]:
    """The reference's code of each of the window's codes, then -1 for missing."""
    if sorted(labels) != sorted(known):
        raise InputError(
            f"labels {shown(labels)} are not the reference's {shown(known)}; recalibrate with the "
            "labels of both windows."
        )
    return np.array([*(known.index(label) for label in labels), -1])


def _deviations(learned: Recalibration, window: _Window, rng: np.random.Generator) -> Floats:
    """How far realised values fall from the expected ones: shape (replicates, metrics)."""
    n, shrink = window.n, 1.0
    if n > SAMPLE:
        window, shrink = window.take(rng.permutation(n)[:SAMPLE]), math.sqrt(SAMPLE / n)
    centre = _metrics(learned(window.scores), window)
    classes = learned.classes
    block = max(BLOCK // (window.n * classes), 1)
    found = []
    for start in range(1, learned.replicates + 1, block):
        chance = learned(window.scores, slice(start, start + block))
        expected = _metrics(chance, window)
        realised = _metrics(_drawn(chance, rng), window)
        found.append(expected - centre + shrink * (realised - expected))
    return np.concatenate(found)


def _drawn(chance: Floats, rng: np.random.Generator) -> Floats:
    """Labels drawn with these chances, as 0 and 1 per class."""
    limits = chance.cumsum(axis=2)
    drawn = (rng.random((*chance.shape[:2], 1)) * limits[:, :, -1:] > limits[:, :, :-1]).sum(axis=2)
    return np.asarray(drawn[:, :, None] == np.arange(chance.shape[2]), float)


def _metrics(share: Floats, window: _Window) -> Floats:
    """The metrics of rows that belong to each class by a share, shape (fits, n, k): (fits, m)."""
    area = _area(share, window.scores)[:, None]
    if window.prediction is None:
        return area
    k = share.shape[2]
    predicted = np.eye(k)[window.prediction]
    cells = share.transpose(0, 2, 1) @ predicted  # fits × class × predicted class
    right = np.diagonal(cells, axis1=1, axis2=2)
    support, named = cells.sum(axis=2), predicted.sum(axis=0)
    accuracy = right.sum(axis=1) / window.n
    with np.errstate(invalid="ignore"):
        precision, recall = right / named, right / support
        f1 = 2 * right / (support + named)
    if window.scores.shape[1] == 1:
        each = (precision[:, 1], recall[:, 1], f1[:, 1])
    else:  # 0 by convention, as in the realised metrics; classes that do not occur do not count
        occurs = support + named > 0
        each = tuple(
            np.nan_to_num(of).sum(axis=1) / occurs.sum(axis=1) for of in (precision, recall, f1)
        )
    return np.column_stack((accuracy, *each, area))


def _area(share: Floats, scores: Floats) -> Floats:
    """ROC AUC, one class against the rest, mean over the classes that occur: shape (fits,)."""
    classes = [1] if scores.shape[1] == 1 else range(share.shape[2])
    areas = [
        _ranked(share[:, :, code], scores[:, 0 if len(classes) == 1 else code]) for code in classes
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no class to rank: NaN is the answer
        return np.asarray(np.nanmean(areas, axis=0))


def _ranked(share: Floats, scores: Floats) -> Floats:
    """Expected share of (positive, negative) pairs of two different rows in the right order."""
    order = np.argsort(scores, kind="stable")
    ordered, share = scores[order], share[:, order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    positive = np.add.reduceat(share, first, axis=1)
    negative = np.diff(first, append=len(scores)) - positive
    below = negative.cumsum(axis=1) - negative
    itself = (share * (1 - share)).sum(axis=1)  # a row is no pair with itself
    right = (positive * (below + negative / 2)).sum(axis=1) - itself / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1) - itself
    none = np.full(len(pairs), np.nan)
    return np.asarray(np.divide(right, pairs, out=none, where=pairs > 1e-9))


def _value(
    learned: Recalibration, window: _Window, expected: float, drawn: Floats, note: str
) -> Value:
    n, excluded = window.n, window.excluded
    if math.isnan(expected):
        nothing = "fewer than two rows" if n < 2 else "no row was predicted positive"
        return Value.undefined(nothing, n, excluded)
    drawn = drawn[~np.isnan(drawn)]
    reasons = [note]
    if learned.rarest < TRUSTED:
        reasons.append("reference: " + too_few("rows of the rarest class", learned.rarest, TRUSTED))
    elif len(drawn) < 0.95 * learned.replicates:
        reasons.append("no band: the realised value may well be undefined")
    elif float(np.ptp(drawn)) < 1e-12:
        reasons.append("no band: the realised value does not vary")
    else:
        low, high = np.quantile(drawn, (0.025, 0.975), method="weibull")
        low, high = (min(max(expected + float(end), 0.0), 1.0) for end in (low, high))
        method = f"expected from recalibrated scores; {learned.replicates} drawn curves and labels"
        return Value(expected, min(low, expected), max(high, expected), n, excluded, note, method)
    return Value(expected, None, None, n, excluded, "; ".join(filter(None, reasons)))


def _note(learned: Recalibration, outside: float) -> str:
    """What weakens the estimate, in words."""
    noted = []
    if outside >= NOTED:
        share = f"{outside:.1%}".replace("%", " %")
        noted.append(f"{share} of rows have a score outside those of the reference")
    if learned.error.shown:
        error, chance = learned.error.value, learned.error.ceiling
        noted.append(f"calibration error {error:.3f} remains (by chance up to {chance:.3f})")
    unseen = [
        learned.reference.label(code) for code, curve in enumerate(learned.curves) if curve is None
    ]
    if unseen:
        more = f" and {len(unseen) - 3} more" if len(unseen) > 3 else ""
        names = ", ".join(unseen[:3]) + more
        noted.append(f"expected nowhere, for the reference has no row of it: {names}")
    return "; ".join(noted)
