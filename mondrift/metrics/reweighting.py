"""Why a metric changed: other inputs, or another relation of target and inputs.

A logistic regression learns to tell rows of the reference from rows of the current window by their
inputs alone, out of fold. Its probabilities weigh both windows to the inputs that they have alike:
a reference row by P(current | x), a current row by P(reference | x). Where inputs are alike, what
is left of the change is another relation (concept drift); the rest is other inputs (covariate
shift), and both add up to the change. These weights never exceed 1, unlike P(current | x) /
P(reference | x), which a few rows carry as soon as the windows hardly overlap.

Source: overlap weights of Li, Morgan and Zaslavsky, JASA 113 (2018) 390; the split over shared
inputs of Cai, Namkoong and Yadlowsky, arXiv 2303.02011.

Blind spots: a cause that is not among the inputs counts as another relation; what matters only in
combination is balanced only as far as it shows in single columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from mondrift.metrics.ranking import Ranking

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
Bools = NDArray[np.bool_]

FOLDS = 5
RIDGE = 1.0  # of each coefficient, in log odds
ALIKE = 0.25
"""Below this share of inputs that both windows have alike, no split is told."""
FEWEST, FEWEST_CLUSTERS = 30, 20
"""Below so many rows, or clusters, in either window, no split is told.

Outside the 95 % limits (150 windows, rows that share much of their fate): 5 % with 20 clusters or
more, 7 % with 10, 15 % with 5.
"""
_STEPS, _FURTHER = 15, 2  # Newton's steps: from nothing, and from the fit to all rows
_Z = float(ndtri(0.975))
_UNTHREADED = 250_000  # products of one matrix product


@dataclass(frozen=True, eq=False)
class Alike:
    """How rows of both windows weigh so that their inputs are alike.

    `reference` and `current` hold a weight in [0, 1] per row. `auc` says how well the windows are
    told apart, out of fold: 0.5 not at all. `share` in [0, 1] is how much of their inputs is
    alike: 1 for the same distribution, 0 where no row of one could be of the other. `terms`,
    `surprise` (of rows) and `curvature` of the regression serve the limits of a split.
    """

    reference: Floats
    current: Floats
    auc: float
    share: float
    terms: Floats
    surprise: Floats
    curvature: Floats

    @property
    def reason(self) -> str:
        """Why there is nothing to split; "" when there is."""
        if self.share >= ALIKE:
            return ""
        return (
            f"the inputs are too different ({100 * self.share:.0f} % of them are alike, "
            f"{100 * ALIKE:.0f} % are needed)"
        )


@dataclass(frozen=True)
class Losses:
    """The loss of each row of both windows: 0 or 1 where a class is right or wrong, or an error.

    NaN where the label is missing. `clusters` numbers the clusters of the rows, in both windows
    alike; None for rows that are independent.
    """

    reference: Floats
    current: Floats
    clusters: tuple[Integers, Integers] | None = None


@dataclass(frozen=True)
class Part:
    """A part of a change of the mean loss, with its 95 % limits; NaN with the `reason`."""

    value: float
    low: float = math.nan
    high: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Split:
    """A change of the mean loss = `covariate` (other inputs) + `concept` (another relation).

    `rows` is Kish's effective number of rows of the reference and the current window that the
    comparison of alike inputs rests on.
    """

    change: float
    covariate: Part
    concept: Part
    rows: tuple[float, float]


def alike(
    reference: Floats,
    current: Floats,
    *,
    seed: int,
    clusters: tuple[Integers, Integers] | None = None,
) -> Alike:
    """Weigh the rows of both windows, given as numbers of shape (rows, terms), none missing.

    Terms are best centred and of a size of about 1: one ridge holds all of them. Rows of one
    cluster are in one fold. Both windows need rows.

    >>> rng = np.random.default_rng(0)
    >>> here, there = rng.normal(size=(500, 1)), rng.normal(1.0, size=(500, 1))
    >>> found = alike(here, there, seed=0)
    >>> print(f"AUC {found.auc:.2f}, alike {found.share:.2f}")
    AUC 0.75, alike 0.80
    """
    n = len(reference)
    terms = np.column_stack([np.ones(n + len(current)), np.vstack([reference, current])])
    is_current = np.arange(len(terms)) >= n
    fold = _folds(len(terms), clusters, np.random.default_rng(seed))
    start = _regress(terms, is_current, np.zeros(terms.shape[1]), _STEPS)
    log_odds = np.empty(len(terms))
    for number in range(FOLDS):
        held = fold == number
        fitted = _regress(terms[~held], is_current[~held], start, _FURTHER)
        log_odds[held] = np.einsum("ij,j->i", terms[held], fitted)
    probability = expit(log_odds + math.log(n / len(current)))  # as if windows were equally long
    one, other = probability[:n], 1 - probability[n:]
    auc = float(Ranking.of(log_odds, is_current).auc.value)
    share = min(float(one.mean() + other.mean()), 1.0)
    return Alike(one, other, auc, share, terms, *_state(terms, is_current, start))


def split(losses: Losses, weights: Alike, where: tuple[Bools, Bools] | None = None) -> Split:
    """Split the change of the mean loss between two windows, or of the rows `where` in both.

    Limits by the linearised variance of the weighted means, rows of one cluster summed first. That
    the weights are estimated is part of the limits of `covariate`, which alone it widens; those of
    `concept` take them as given, which out of fold was right in simulations (docs/why.md).

    >>> rng = np.random.default_rng(0)
    >>> here, there = rng.uniform(size=2000) < 0.2, rng.uniform(size=2000) < 0.3
    >>> same = rng.normal(size=(2, 2000, 1))
    >>> found = split(Losses(here * 1.0, there * 1.0), alike(*same, seed=0))
    >>> print(f"{found.concept.value:.2f}, {found.concept.low:.2f} to {found.concept.high:.2f}")
    0.09, 0.06 to 0.11
    """
    given = (losses.reference, losses.current)
    held = [np.isfinite(each) for each in given]
    if where is not None:
        held = [one & other for one, other in zip(held, where, strict=True)]
    values = [np.where(*each, 0.0) for each in zip(held, given, strict=True)]
    both = (weights.reference, weights.current)
    alike_rows = [np.where(*each, 0.0) for each in zip(held, both, strict=True)]
    rows = _effective(alike_rows[0]), _effective(alike_rows[1])
    before, after = (_Mean.of(*each) for each in zip(values, held, strict=True))
    change = after.value - before.value
    reason = weights.reason or _too_few(alike_rows, losses.clusters)
    if reason:
        nothing = Part(math.nan, reason=reason)
        return Split(change, nothing, nothing, rows)
    one, other = (_Mean.of(*each) for each in zip(values, alike_rows, strict=True))
    concept = other.value - one.value
    of_concept = np.concatenate([-one.influence, other.influence])
    # what P(current) adds to the weight of a reference row, it takes from that of a current row
    slopes = np.concatenate([one.influence * (1 - both[0]), other.influence * (1 - both[1])])
    terms = weights.terms
    moved = np.linalg.solve(weights.curvature, np.einsum("ij,i->j", terms, slopes))
    of_fit = -weights.surprise * np.einsum("ij,j->i", terms, moved)
    of_change = np.concatenate([-before.influence, after.influence])
    return Split(
        change,
        _part(change - concept, of_change - of_concept - of_fit, losses.clusters),
        _part(concept, of_concept, losses.clusters),
        rows,
    )


@dataclass(frozen=True, eq=False)
class _Mean:
    """A weighted mean, and how far each row moves it."""

    value: float
    influence: Floats

    @classmethod
    def of(cls, values: Floats, weights: NDArray[Any]) -> _Mean:
        total = float(weights.sum())
        if total == 0:
            return cls(math.nan, np.zeros(len(values)))
        mean = float(weights @ values) / total
        return cls(mean, weights * (values - mean) / total)


def _part(value: float, influence: Floats, clusters: tuple[Integers, Integers] | None) -> Part:
    numbers = np.arange(len(influence)) if clusters is None else np.concatenate(clusters)
    sums = np.bincount(numbers, weights=influence)
    half = _Z * math.sqrt(float(sums @ sums))
    return Part(value, value - half, value + half)


def _too_few(weights: list[Floats], clusters: tuple[Integers, Integers] | None) -> str:
    """Why the rows of both windows, which weigh so much, bear no limits; "" when they do."""
    units = [("rows", FEWEST, weights)]
    if clusters is not None:
        pairs = zip(clusters, weights, strict=True)
        sums = [np.asarray(np.bincount(*each), np.float64) for each in pairs]
        units.append(("clusters", FEWEST_CLUSTERS, sums))
    for name, needed, heavy in units:
        n = min(_effective(each) for each in heavy)
        if n < needed:
            return f"{n:.0f} {name} with alike inputs are too few; {needed} are needed"
    return ""


def _effective(weights: Floats) -> float:
    """Kish's number of rows that would tell as much with equal weights."""
    square = float(weights @ weights)
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0


def _folds(
    n: int, clusters: tuple[Integers, Integers] | None, rng: np.random.Generator
) -> Integers:
    if clusters is None:
        return rng.permutation(n) % FOLDS
    numbers = np.concatenate(clusters)
    return np.asarray((rng.permutation(int(numbers.max()) + 1) % FOLDS)[numbers])


def _regress(terms: Floats, hits: Bools, start: Floats, steps: int) -> Floats:
    """Ridge logistic regression by Newton's steps; the first term is not held back."""
    weights = start.copy()
    for _ in range(steps):
        surprise, curvature = _state(terms, hits, weights)
        gradient = np.einsum("ij,i->j", terms, surprise) - _ridge(terms) * weights
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if float(np.abs(step).max()) < 1e-4:
            break
    return weights


def _state(terms: Floats, hits: Bools, weights: Floats) -> tuple[Floats, Floats]:
    """How far each row is from its probability, and the curvature of the likelihood."""
    probability = expit(np.einsum("ij,j->i", terms, weights))
    root = np.sqrt(probability * (1 - probability))
    curvature = np.diag(_ridge(terms))
    # rows by the few: BLAS would wake threads for more at once, which cost more than they do
    # wherever other processes run as well (8 s in place of 1)
    many = max(_UNTHREADED // terms.shape[1] ** 2, 1)
    for first in range(0, len(terms), many):
        some = terms[first : first + many] * root[first : first + many, None]
        curvature += some.T @ some
    return hits - probability, curvature


def _ridge(terms: Floats) -> Floats:
    return np.concatenate([[1e-6], np.full(terms.shape[1] - 1, RIDGE)])
