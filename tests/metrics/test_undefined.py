"""Cases without an answer are values with reasons; wrong input is an error that helps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mondrift.errors import InputError
from mondrift.metrics import METRICS, evaluate, evaluate_latency

ONES, ZEROS = np.ones(50, int), np.zeros(50, int)
SCORE = np.linspace(0, 1, 50)


def check(values: dict) -> None:
    """Every value or interval that is missing has a reason."""
    for name, value in values.items():
        assert not math.isinf(value.value), name
        if math.isnan(value.value) or value.low is None:
            assert value.reason, name
            assert value.low is None and value.high is None, name
        else:
            assert value.low <= value.value <= value.high, name
            low, high = METRICS[name].bounds
            assert low <= value.low and value.high <= high, name


def test_one_class_only_has_no_ranking() -> None:
    values = evaluate(ONES, ONES, SCORE, task="binary")
    check(values)
    assert values["roc_auc"].reason == "only one class: all 50 rows are positive"
    values = evaluate(ZEROS, ONES, SCORE, task="binary")
    check(values)
    assert values["pr_auc"].reason == "only one class: none of 50 rows is positive"
    assert values["recall"].reason == "no row is positive"
    assert values["precision"].value == 0


def test_no_predicted_positives_leave_precision_undefined() -> None:
    values = evaluate(ONES, ZEROS, task="binary")
    check(values)
    assert math.isnan(values["precision"].value)
    assert values["precision"].reason == "no row was predicted positive"
    assert values["f1"].value == 0


def test_no_labels_leave_everything_undefined() -> None:
    for task in ("binary", "multiclass"):
        probability = SCORE if task == "binary" else np.column_stack((SCORE, 1 - SCORE))
        values = evaluate(-ONES, ONES, probability, task=task)
        check(values)
        for value in values.values():
            assert math.isnan(value.value)
            assert (value.n, value.excluded) == (0, 50)
            assert value.reason in (
                "no rows with target and prediction",
                "no rows with target and probability",
            )
    values = evaluate(np.full(9, np.nan), np.ones(9), task="regression")
    check(values)
    assert {value.reason for value in values.values()} == {
        "no rows with finite target and prediction"
    }


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_at_all_are_no_crash(task: str) -> None:
    none = np.zeros(0, float if task == "regression" else int)
    probability = np.zeros((0, 2)) if task == "multiclass" else np.zeros(0)
    check(evaluate(none, none, probability, task=task))
    check(evaluate_latency(np.zeros(0)))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_perfect_model_is_no_crash(task: str, n: int) -> None:
    target = np.arange(n) % 2
    if task == "regression":
        check(evaluate(target.astype(float), target.astype(float), task=task))
        return
    probability = target.astype(float)
    if task == "multiclass":
        probability = np.column_stack((1 - probability, probability))
    values = evaluate(target, target, probability, task=task)
    check(values)
    assert values["accuracy"].value == 1
    assert values["log_loss"].value == pytest.approx(0, abs=1e-12)


def test_scores_that_are_no_probabilities_rank_but_have_no_loss() -> None:
    target = np.arange(50) % 2
    values = evaluate(target, probability=SCORE * 3, task="binary")
    check(values)
    assert values["roc_auc"].low is not None
    assert values["brier"].reason == "33 probabilities are outside [0, 1]"
    values = evaluate(target, probability=np.full((50, 2), 0.4), task="multiclass")
    check(values)
    assert values["log_loss"].reason == "probabilities of 50 rows do not add to 1"


def test_infinite_values_are_excluded_and_counted() -> None:
    target = np.arange(50.0)
    prediction = target + np.tile([1.0, 2.0], 25)
    prediction[0], target[1], prediction[2] = np.inf, -np.inf, np.nan
    values = evaluate(target, prediction, task="regression")
    check(values)
    assert (values["mae"].n, values["mae"].excluded) == (47, 3)
    score = SCORE.copy()
    score[0] = np.inf
    assert evaluate(np.arange(50) % 2, probability=score, task="binary")["brier"].excluded == 1


def test_huge_and_tiny_numbers_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    for scale in (1e-300, 1e-160, 1e160, 1e300):
        target = rng.normal(size=60) * scale
        values = evaluate(target, target + rng.normal(size=60) * scale, task="regression")
        assert values["rmse"].value == pytest.approx(scale, rel=0.5)
        assert values["r2"].value == pytest.approx(0, abs=0.8)
        check(values)
    biggest = np.full(40, 1.7e308)
    values = evaluate(-biggest, biggest, task="regression")
    check({name: value for name, value in values.items() if name != "mape"})
    assert values["rmse"].reason == "the errors are too large for a float"


def test_zero_targets_are_left_out_of_mape_and_told() -> None:
    target = np.concatenate((np.zeros(3), np.linspace(1, 2, 40)))
    prediction = np.concatenate((np.ones(3), np.linspace(1, 2, 40) * np.tile([1.1, 1.2], 20)))
    value = evaluate(target, prediction, task="regression")["mape"]
    assert value.value == pytest.approx(15)
    assert (value.n, value.excluded) == (40, 3)
    assert value.reason == "3 rows with target 0 left out"
    assert value.low is not None
    value = evaluate(np.zeros(40), np.ones(40), task="regression")["mape"]
    assert value.reason == "every target is 0"


def test_r2_of_equal_targets_is_undefined() -> None:
    value = evaluate(np.full(40, 0.1), SCORE[:40], task="regression")["r2"]
    assert math.isnan(value.value)
    assert value.reason == "all targets are equal"


def test_heavy_tails_get_no_interval() -> None:
    target = np.zeros(1000) + 1
    prediction = target + np.random.default_rng(0).normal(size=1000)
    prediction[0] = 1e6
    value = evaluate(target, prediction, task="regression")["rmse"]
    assert value.low is None
    assert value.reason == "no interval: heavy tails, about 1 of 1,000 rows carry the value"


def test_a_metric_without_its_input_says_so_when_asked_for() -> None:
    assert "roc_auc" not in evaluate(ONES, ONES, task="binary")
    value = evaluate(ONES, ONES, task="binary", metrics=["roc_auc"])["roc_auc"]
    assert value.reason == "needs a probability, none was given"


def test_inputs_are_left_alone() -> None:
    target, prediction, score = ONES.copy(), ZEROS.copy(), SCORE.copy()
    target[0], score[1] = -1, np.nan
    before = target.copy(), prediction.copy(), score.copy()
    evaluate(target, prediction, score, task="binary")
    for one, other in zip(before, (target, prediction, score), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64])
def test_integer_types_agree(kind: type) -> None:
    target, prediction = np.arange(200) % 100, np.arange(200)[::-1] % 100
    wide = evaluate(target, prediction, task="multiclass")
    assert evaluate(target.astype(kind), prediction.astype(kind), task="multiclass") == wide


def test_booleans_and_float32_are_taken() -> None:
    target, score = np.arange(50) % 2, np.linspace(0, 1, 50).round(3)
    wide = evaluate(target, target, score, task="binary")
    narrow = evaluate(target == 1, target == 1, score.astype(np.float32), task="binary")
    assert narrow["accuracy"] == wide["accuracy"]
    assert narrow["roc_auc"].value == wide["roc_auc"].value
    assert narrow["brier"].value == pytest.approx(wide["brier"].value, rel=1e-6)


def test_a_class_not_seen_is_left_out_of_the_auc() -> None:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(3), size=100)
    value = evaluate(
        np.arange(100) % 2, probability=probability, task="multiclass", labels=("a", "b", "c")
    )["roc_auc"]
    assert value.reason == "left out, for no row has it: 'c'"
    assert value.low is not None


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((ONES, ONES[:3]), {}, "prediction has 3 rows and target 50; pass the same rows"),
        ((ONES, SCORE), {}, "prediction is float64; a binary task takes integer codes"),
        ((ONES, ONES), {"labels": ("a",)}, "target has code 1, but labels has only 1: ['a']"),
        (
            (ONES, ONES),
            {"labels": ("late", "early"), "positive": "lat"},
            "positive='lat' is not among labels ['late', 'early']. Did you mean 'late'?",
        ),
        ((ONES, ONES), {"labels": ("a", "b"), "positive": 2}, "positive=2 is not a code"),
        ((ONES, ONES), {"metrics": ["roc_aux"]}, "Did you mean 'roc_auc'?"),
        ((ONES, ONES), {"task": "binry"}, "task='binry' is none of"),
        ((ONES[:, None], ONES), {}, "target has shape (50, 1); metrics take one dimension"),
        (
            (ONES, ONES, np.ones((50, 1))),
            {"task": "multiclass"},
            "takes one column per code: (n, 2)",
        ),
        ((ONES, ONES, np.ones((50, 1))), {}, "of which the positive's is 1"),
    ],
)
def test_inputs_that_do_not_fit_are_errors(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*arguments, **({"task": "binary"} | options))
    assert message in str(caught.value)


def test_a_window_with_one_level_only_is_no_error() -> None:
    value = evaluate(ZEROS, ZEROS, task="binary", labels=("no",))["recall"]
    assert value.reason == "no row is positive"


def test_a_two_column_probability_serves_a_binary_task() -> None:
    target = np.arange(50) % 2
    one = evaluate(target, probability=SCORE, task="binary")
    assert evaluate(target, probability=np.column_stack((1 - SCORE, SCORE)), task="binary") == one


def test_the_registry_is_in_display_order_and_complete() -> None:
    assert [name for name, metric in METRICS.items() if name != metric.name] == []
    assert list(evaluate(ONES, ONES, SCORE, task="binary")) == [
        "accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier", "log_loss",
    ]  # fmt: skip
    assert list(evaluate_latency(SCORE)) == ["latency_p50", "latency_p95", "latency_p99"]
