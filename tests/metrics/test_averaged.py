"""Macro and weighted averages: the error against a numerical derivative, the bootstrap's seed."""

from __future__ import annotations

import numpy as np
import pytest

from mondrift.metrics import evaluate
from mondrift.metrics.averaged import Of, _gradient, _margins, _score

COUNTS = np.array([[50, 7, 3], [9, 30, 1], [4, 6, 20]])


def rows(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    return cells // len(counts), cells % len(counts)


@pytest.mark.parametrize("of", ["precision", "recall", "f1"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_the_derivative(of: Of, weighted: bool) -> None:
    gradient = _gradient(COUNTS, _margins(COUNTS), of, weighted=weighted)
    for i, j in np.ndindex(COUNTS.shape):
        up, down = COUNTS.astype(float), COUNTS.astype(float)
        up[i, j] += 1e-5
        down[i, j] -= 1e-5
        scores = [_score(_margins(each), of, weighted=weighted) for each in (up, down)]
        assert gradient[i, j] == pytest.approx((scores[0] - scores[1]) / 2e-5, abs=1e-8)
    assert (COUNTS * gradient).sum() == pytest.approx(0, abs=1e-12)


def test_weighted_recall_is_the_accuracy() -> None:
    values = evaluate(*rows(COUNTS), task="multiclass")
    assert values["recall_weighted"] == values["accuracy"]


def test_a_small_class_resamples_with_the_seed() -> None:
    counts = COUNTS // 2
    names = ["f1_macro"]
    one, same, other = (
        evaluate(*rows(counts), task="multiclass", metrics=names, seed=seed)["f1_macro"]
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one.method == "wider of delta method and bootstrap (999, seed 0)"
    assert other.method.endswith("seed 1)")
    assert one.low < one.value < one.high


def test_a_tiny_class_gets_no_interval() -> None:
    counts = COUNTS.copy()
    counts[2] = [1, 1, 2]
    value = evaluate(*rows(counts), task="multiclass", labels=("a", "b", "c"))["f1_macro"]
    assert (value.low, value.high) == (None, None)
    assert value.reason == "too few rows of class 'c' (4): no interval below 10"


def test_too_few_errors_get_no_interval() -> None:
    counts = np.diag([50, 40, 30])
    counts[0, 1] = 4
    value = evaluate(*rows(counts), task="multiclass")["f1_macro"]
    assert value.low is None
    assert value.reason == "too few errors (4): no interval below 10"


def test_renaming_the_classes_changes_nothing() -> None:
    target, prediction = rows(COUNTS)
    swap = np.array([2, 0, 1])
    one = evaluate(target, prediction, task="multiclass")
    other = evaluate(swap[target], swap[prediction], task="multiclass")
    for name, value in one.items():
        assert other[name].value == pytest.approx(value.value)
        assert other[name].low == pytest.approx(value.low)
