"""Values agree with scikit-learn on random inputs, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from mondrift.metrics import evaluate

SEEDS = range(6)


def binary(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 400))
    # rounding to one or two digits makes ties, the full digits none
    probability = np.round(rng.uniform(0.01, 0.99, n), [1, 2, 15][seed % 3])
    target = (rng.uniform(size=n) < probability).astype(np.int8)
    return target, (probability >= 0.4).astype(np.int8), probability


@pytest.mark.parametrize("seed", SEEDS)
def test_binary_metrics_agree_with_scikit_learn(seed: int) -> None:
    target, prediction, probability = binary(seed)
    ours = evaluate(target, prediction, probability, task="binary")
    expected = {
        "accuracy": theirs.accuracy_score(target, prediction),
        "precision": theirs.precision_score(target, prediction),
        "recall": theirs.recall_score(target, prediction),
        "f1": theirs.f1_score(target, prediction),
        "roc_auc": theirs.roc_auc_score(target, probability),
        "pr_auc": theirs.average_precision_score(target, probability),
        "brier": theirs.brier_score_loss(target, probability),
        "log_loss": theirs.log_loss(target, probability),
    }
    assert {name: value.value for name, value in ours.items()} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_positive_class_agrees_with_scikit_learn(seed: int) -> None:
    target, prediction, probability = binary(seed)
    ours = evaluate(
        target, prediction, 1 - probability, task="binary", labels=("no", "yes"), positive="no"
    )
    assert ours["precision"].value == pytest.approx(
        theirs.precision_score(target, prediction, pos_label=0)
    )
    assert ours["pr_auc"].value == pytest.approx(
        theirs.average_precision_score(target, 1 - probability, pos_label=0)
    )
    assert ours["brier"].value == pytest.approx(theirs.brier_score_loss(target, probability))


@pytest.mark.parametrize("seed", SEEDS)
def test_multiclass_metrics_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k = 300, 3 + seed % 3
    probability = rng.multinomial(20, rng.dirichlet(np.ones(k)), size=n) / 20  # many ties
    target = (rng.uniform(size=n)[:, None] > probability.cumsum(axis=1)).sum(axis=1).clip(0, k - 1)
    prediction = np.where(rng.uniform(size=n) < 0.3, 0, probability.argmax(axis=1))
    ours = evaluate(target, prediction, probability, task="multiclass")
    expected = {"accuracy": theirs.accuracy_score(target, prediction)}
    for average in ("macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            score = getattr(theirs, f"{name}_score")
            expected[f"{name}_{average}"] = score(
                target, prediction, average=average, zero_division=0
            )
    expected["roc_auc"] = theirs.roc_auc_score(target, probability, multi_class="ovr")
    one_hot = np.eye(k)[target]
    expected["brier"] = float(((probability - one_hot) ** 2).sum(axis=1).mean() / 2)
    expected["log_loss"] = theirs.log_loss(target, probability, labels=range(k))
    assert {name: value.value for name, value in ours.items()} == pytest.approx(expected, abs=1e-12)


def test_classes_never_seen_or_never_predicted_count_as_in_scikit_learn() -> None:
    target, prediction = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 3, 0])
    ours = evaluate(target, prediction, task="multiclass", labels=tuple("abcde"))
    for name in ("precision", "recall", "f1"):
        score = getattr(theirs, f"{name}_score")
        for average in ("macro", "weighted"):
            expected = score(target, prediction, average=average, zero_division=0)
            assert ours[f"{name}_{average}"].value == pytest.approx(expected)
    assert ours["precision_macro"].reason.startswith("class 'c' was never predicted: precision 0")
    assert ours["recall_macro"].reason.startswith("class 'd' was never seen: recall 0")


@pytest.mark.parametrize("seed", SEEDS)
def test_regression_metrics_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(3, 1, size=200)
    prediction = target + rng.standard_t(4, size=200)
    ours = evaluate(target, prediction, task="regression")
    expected = {
        "mae": theirs.mean_absolute_error(target, prediction),
        "rmse": theirs.root_mean_squared_error(target, prediction),
        "mape": 100 * theirs.mean_absolute_percentage_error(target, prediction),
        "r2": theirs.r2_score(target, prediction),
        "bias": float(np.mean(prediction - target)),
    }
    assert {name: value.value for name, value in ours.items()} == pytest.approx(expected)


def test_missing_rows_are_excluded_and_counted() -> None:
    target, prediction, probability = (values.copy() for values in binary(0))
    whole = evaluate(target[7:], prediction[7:], probability[7:], task="binary")
    target[:3], prediction[3:5], probability[5:7] = -1, -1, np.nan
    holed = evaluate(target, prediction, probability, task="binary")
    assert (holed["accuracy"].excluded, holed["brier"].excluded) == (5, 5)
    assert holed["accuracy"].n == len(target) - 5

    target[:7] = -1
    holed = evaluate(target, prediction, probability, task="binary")
    for name, value in holed.items():
        assert value.excluded == 7
        assert (value.value, value.low, value.high) == (
            whole[name].value,
            whole[name].low,
            whole[name].high,
        )
