"""Do the intervals hold their level? A short, seeded simulation of each family.

A cell fails when its measured coverage is more than three standard errors outside the stated
range, so that a wrong formula fails and chance does not. The longer tables stand in the docstrings.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from mondrift.metrics import Value, evaluate, evaluate_latency
from mondrift.metrics.intervals import newcombe, wilson

pytestmark = pytest.mark.calibration
Draw = Callable[[], dict[str, Value]]


def coverage(truth: dict[str, float], draw: Draw, replicates: int) -> dict[str, float]:
    hits = dict.fromkeys(truth, 0)
    for _ in range(replicates):
        values = draw()
        for name, true in truth.items():
            low, high = values[name].low, values[name].high
            assert low is not None and high is not None, values[name].reason
            hits[name] += low <= true <= high
    return {name: count / replicates for name, count in hits.items()}


def assert_within(
    measured: dict[str, float], replicates: int, low: float = 0.93, high: float = 0.97
) -> None:
    slack = 3 * math.sqrt(0.95 * 0.05 / replicates)
    outside = {
        name: share for name, share in measured.items() if not low - slack <= share <= high + slack
    }
    assert not outside


def binormal(
    rng: np.random.Generator, positives: int, negatives: int, distance: float
) -> tuple[np.ndarray, np.ndarray]:
    target = np.repeat([1, 0], [positives, negatives])
    return target, rng.normal(size=len(target)) + distance * target


@pytest.mark.parametrize(
    ("positives", "negatives", "auc"),
    [(30, 300, 0.6), (30, 300, 0.9), (30, 300, 0.95), (100, 1000, 0.98), (300, 300, 0.75)],
)
def test_auc_covers_from_thirty_of_the_rarer_class(
    positives: int, negatives: int, auc: float
) -> None:
    rng = np.random.default_rng(1)

    def draw() -> dict[str, Value]:
        target, score = binormal(rng, positives, negatives, float(ndtri(auc)) * math.sqrt(2))
        return evaluate(target, probability=score, task="binary", metrics=["roc_auc"])

    assert_within(coverage({"roc_auc": auc}, draw, 1000), 1000)


@pytest.mark.parametrize("auc", [0.9, 0.95, 0.98])
def test_auc_with_ten_positives_covers_where_delong_does_not(auc: float) -> None:
    rng = np.random.default_rng(2)
    hits = shown = 0
    for _ in range(1000):
        target, score = binormal(rng, 10, 300, float(ndtri(auc)) * math.sqrt(2))
        value = evaluate(target, probability=score, task="binary", metrics=["roc_auc"])["roc_auc"]
        if value.low is not None:  # None when the classes happen to be separated
            shown += 1
            hits += value.low <= auc <= value.high
    assert shown > 950
    assert hits / shown > 0.93  # plain DeLong: .84, .79, .68


@pytest.mark.parametrize(("share", "distance", "n"), [(0.3, 1.0, 300), (0.1, 1.5, 1000)])
def test_binary_metrics_cover(share: float, distance: float, n: int) -> None:
    rng = np.random.default_rng(3)
    names = ["accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier", "log_loss"]
    cut = math.log(share / (1 - share)) - distance**2 / 2

    def draw(rows: int = n) -> dict[str, Value]:
        target = (rng.uniform(size=rows) < share).astype(int)
        score = rng.normal(size=rows) + distance * target
        probability = 1 / (1 + np.exp(-(cut + distance * score)))  # calibrated by Bayes' rule
        prediction = (probability > 0.35).astype(int)
        return evaluate(target, prediction, probability, task="binary", metrics=names)

    truth = {name: value.value for name, value in draw(2_000_000).items()}
    truth["roc_auc"] = float(ndtr(distance / math.sqrt(2)))
    assert_within(coverage(truth, draw, 1000), 1000)


@pytest.mark.parametrize(
    ("n", "high"),
    [(1000, 0.97), (300, 0.99)],  # 50 and 15 rows of the rarest class; the latter resamples
)
def test_averages_over_classes_cover(n: int, high: float) -> None:
    rng = np.random.default_rng(4)
    joint = np.array([[0.56, 0.03, 0.01], [0.06, 0.22, 0.02], [0.03, 0.02, 0.05]])

    def rows(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cells = np.repeat(np.arange(9), counts)
        return cells // 3, cells % 3

    names = ["precision_macro", "recall_macro", "f1_macro", "precision_weighted", "f1_weighted"]
    exact = evaluate(*rows((joint.ravel() * 100).round().astype(int)), task="multiclass")
    truth = {name: exact[name].value for name in names}

    def draw() -> dict[str, Value]:
        counts = rng.multinomial(n, joint.ravel())
        return evaluate(*rows(counts), task="multiclass", metrics=names)

    assert_within(coverage(truth, draw, 400), 400, high=high)


def test_one_against_the_rest_covers() -> None:
    rng = np.random.default_rng(5)
    shares = np.array([0.5, 0.3, 0.2])

    def draw(n: int = 400) -> dict[str, Value]:
        target = rng.choice(3, size=n, p=shares)
        score = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[target]
        odds = shares * np.exp(1.2 * score)
        probability = odds / odds.sum(axis=1, keepdims=True)
        return evaluate(target, probability=probability, task="multiclass")

    truth = {name: value.value for name, value in draw(1_000_000).items()}
    assert_within(coverage(truth, draw, 600), 600)


@pytest.mark.parametrize("n", [30, 300])
def test_regression_metrics_cover_with_normal_errors(n: int) -> None:
    rng = np.random.default_rng(6)

    def draw() -> dict[str, Value]:
        target = rng.normal(10, 2, size=n)
        return evaluate(target, target + rng.normal(0.3, 1, size=n), task="regression")

    bias, second = 0.3, 1.09
    absolute = math.sqrt(2 / math.pi) * math.exp(-(bias**2) / 2) + bias * (1 - 2 * ndtr(-bias))
    truth = {"mae": absolute, "rmse": math.sqrt(second), "r2": 1 - second / 4, "bias": bias}
    assert_within(coverage(truth, draw, 1000), 1000)


def test_latency_quantiles_cover() -> None:
    rng = np.random.default_rng(7)

    def draw() -> dict[str, Value]:
        return evaluate_latency(rng.exponential(size=1000))

    truth = {"latency_p50": math.log(2), "latency_p95": math.log(20), "latency_p99": math.log(100)}
    assert_within(coverage(truth, draw, 1000), 1000, high=0.98)


@pytest.mark.parametrize("p", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("n", [100, 300])
def test_wilson_covers_where_both_outcomes_are_frequent(n: int, p: float) -> None:
    counts = np.random.default_rng(8).binomial(n, p, size=2000)
    limits = [wilson(int(count), n) for count in counts]
    covered = float(np.mean([low <= p <= high for low, high in limits]))
    assert_within({"wilson": covered}, 2000)


@pytest.mark.parametrize(("p", "q"), [(0.8, 0.8), (0.9, 0.8), (0.95, 0.7)])
def test_newcombe_covers_a_difference(p: float, q: float) -> None:
    rng = np.random.default_rng(9)
    pairs = zip(rng.binomial(300, p, size=2000), rng.binomial(100, q, size=2000), strict=True)
    limits = [newcombe(int(a), 300, int(b), 100) for a, b in pairs]
    covered = float(np.mean([low <= p - q <= high for low, high in limits]))
    assert_within({"newcombe": covered}, 2000)
