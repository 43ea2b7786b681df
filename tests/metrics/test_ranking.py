"""AUC and average precision: closed forms, and their errors against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mondrift.metrics import evaluate
from mondrift.metrics.ranking import Ranking


def scored(seed: int, digits: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.uniform(size=n) < 0.4
    return (rng.normal(size=n) + positive).round(digits), positive


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_the_error_of_auc_is_delongs(digits: int) -> None:
    scores, positive = scored(3, digits)
    x, y = scores[positive], scores[~positive]
    # DeLong 1988: the mean over the other class of ψ = 1, ½, 0, for each row
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    v10, v01 = kernel.mean(axis=1), kernel.mean(axis=0)
    ranking = Ranking.of(scores, positive)
    assert ranking.auc.value == pytest.approx(kernel.mean())
    expected = v10.var() / len(x) + v01.var() / len(y)
    assert ranking.variance(ranking.auc) == pytest.approx(expected)


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_the_influences_of_average_precision_are_its_derivatives(digits: int) -> None:
    scores, positive = scored(4, digits)
    ranking = Ranking.of(scores, positive)
    influences = ranking.by_row(ranking.average_precision, positive)
    weight, step = np.ones(len(scores)), 1e-6
    for row in range(len(scores)):
        heavier = weight.copy()
        heavier[row] += step
        # the derivative by the weight of one row, from scikit-learn's weighted version
        slope = (
            average_precision_score(positive, scores, sample_weight=heavier)
            - average_precision_score(positive, scores)
        ) / step
        assert influences[row] == pytest.approx(slope, abs=1e-5)
    assert influences.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("digits", [0, 8])
def test_the_influences_of_auc_are_its_derivatives(digits: int) -> None:
    scores, positive = scored(5, digits)
    ranking = Ranking.of(scores, positive)
    influences = ranking.by_row(ranking.auc, positive)
    for row in range(len(scores)):
        heavier = np.ones(len(scores))
        heavier[row] += 1e-6
        slope = (roc_auc_score(positive, scores, sample_weight=heavier) - ranking.auc.value) / 1e-6
        assert influences[row] == pytest.approx(slope, abs=1e-5)


@pytest.mark.known
def test_auc_of_all_ties_is_one_half_and_ap_the_share_of_positives() -> None:
    target = np.repeat([0, 1], [60, 40])
    values = evaluate(target, probability=np.full(100, 0.3), task="binary")
    assert values["roc_auc"].value == 0.5
    assert values["pr_auc"].value == pytest.approx(0.4)


@pytest.mark.known
def test_auc_of_four_rows_by_hand() -> None:
    # pairs (positive, negative): .35 > .1, .35 < .4, .8 > .1, .8 > .4
    values = evaluate(
        np.array([0, 0, 1, 1]), probability=np.array([0.1, 0.4, 0.35, 0.8]), task="binary"
    )
    assert values["roc_auc"].value == 0.75
    # precision 1 at .8, then 2 of 3 at .35
    assert values["pr_auc"].value == pytest.approx((1 + 2 / 3) / 2)


def test_turning_the_score_round_mirrors_auc_and_its_interval() -> None:
    scores, positive = scored(6, 1, n=200)
    up = evaluate(positive.astype(int), probability=scores, task="binary", metrics=["roc_auc"])
    down = evaluate(positive.astype(int), probability=-scores, task="binary", metrics=["roc_auc"])
    one, other = up["roc_auc"], down["roc_auc"]
    assert other.value == pytest.approx(1 - one.value)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low))


def test_an_increasing_change_of_the_score_leaves_the_ranking_alone() -> None:
    scores, positive = scored(7, 1, n=200)
    target = positive.astype(int)
    names = ["roc_auc", "pr_auc"]
    before = evaluate(target, probability=scores, task="binary", metrics=names)
    after = evaluate(target, probability=np.exp(scores), task="binary", metrics=names)
    assert before == after


def test_the_order_of_rows_is_irrelevant() -> None:
    scores, positive = scored(8, 1, n=200)
    shuffled = np.random.default_rng(0).permutation(200)
    one = evaluate(positive.astype(int), probability=scores, task="binary", metrics=["roc_auc"])
    other = evaluate(
        positive[shuffled].astype(int),
        probability=scores[shuffled],
        task="binary",
        metrics=["roc_auc"],
    )
    assert one["roc_auc"].low == pytest.approx(other["roc_auc"].low, rel=1e-12)


def test_two_classes_one_against_the_rest_are_the_binary_auc() -> None:
    scores, positive = scored(9, 8, n=200)
    p = 1 / (1 + np.exp(-scores))
    many = evaluate(
        positive.astype(int), probability=np.column_stack((1 - p, p)), task="multiclass"
    )["roc_auc"]
    one = evaluate(positive.astype(int), probability=p, task="binary")["roc_auc"]
    assert many.value == pytest.approx(one.value)
    # both classes' errors are the same error: averaging them does not shrink it
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.03)
