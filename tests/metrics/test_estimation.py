"""Performance without labels: right where its assumption holds, blind where it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from mondrift.errors import InputError
from mondrift.metrics import METRICS, Outcomes, evaluate
from mondrift.metrics.estimation import ASSUMES, estimate, promised
from mondrift.metrics.intervals import clopper_pearson
from mondrift.metrics.recalibration import recalibrate


def rows(rng: np.random.Generator, n: int, a: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Chances and what came of them."""
    chance = rng.beta(a, 3, n)
    return chance, (rng.random(n) < chance).astype(int)


def sharpened(chance: np.ndarray) -> np.ndarray:
    """Overconfident, as the scores of a training set are."""
    return expit(2.5 * logit(chance) + 0.5)


def three(
    rng: np.random.Generator, n: int, shares: tuple[float, ...] = (0.5, 0.3, 0.2)
) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident scores of three classes and the class seen; `shares` shift the inputs."""
    centre = rng.choice(3, size=n, p=shares)
    odds = np.log([0.5, 0.3, 0.2]) + 1.3 * (rng.normal(size=(n, 3)) + 1.3 * np.eye(3)[centre])
    chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    target = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return chance**2 / (chance**2).sum(axis=1, keepdims=True), target


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(0)
    chance, target = rows(rng, 100_000)
    return recalibrate(Outcomes("binary", target, probability=chance))


@pytest.mark.known
@pytest.mark.parametrize(("a", "b"), [(2.0, 3.0), (4.0, 3.0), (1.0, 1.0)])
def test_calibrated_beta_scores_give_the_closed_forms(calibrated, a: float, b: float) -> None:
    score = stats.beta(a, b).ppf((np.arange(20_000) + 0.5) / 20_000)
    values = estimate(calibrated, (score > 0.5).astype(int), score).values
    # E max(p, 1 - p); positives are Beta(a + 1, b), negatives Beta(a, b + 1)
    mean, above = a / (a + b), stats.beta(a + 1, b).sf(0.5)
    positive = stats.beta(a, b).sf(0.5)
    true_positive = mean * above
    accuracy = true_positive + stats.beta(a, b).cdf(0.5) - mean * (1 - above)
    area = integrate.quad(
        lambda s: stats.beta(a + 1, b).pdf(s) * stats.beta(a, b + 1).cdf(s), 0, 1
    )[0]
    expected = {
        "accuracy": accuracy,
        "precision": true_positive / positive,
        "recall": above,
        "f1": 2 * true_positive / (positive + mean),
        "roc_auc": area,
    }
    assert {name: each.value for name, each in values.items()} == pytest.approx(expected, abs=0.006)
    if a == b == 1:
        assert (accuracy, area) == pytest.approx((3 / 4, 5 / 6))


def test_of_its_own_rows_the_reference_is_promised_what_it_realised() -> None:
    chance, target = rows(np.random.default_rng(11), 5000)
    score = sharpened(chance)
    learned = recalibrate(Outcomes("binary", target, probability=score))
    told = (score > 0.5).astype(int)
    own = promised(learned, told, score)
    realised = evaluate(target, told, score, task="binary", metrics=list(own))
    assert own == pytest.approx({name: v.value for name, v in realised.items()}, abs=0.01)
    assert promised(learned, told, np.full(5000, np.nan)) == {}


@pytest.mark.known
def test_the_pairs_are_of_two_different_rows(calibrated) -> None:
    score = np.array([0.2, 0.5, 0.5, 0.9])
    (p,) = calibrated(score[:, None])[:, :, 1]
    right = pairs = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                pairs += p[i] * (1 - p[j])
                order = np.sign(score[i] - score[j])
                right += p[i] * (1 - p[j]) * (1 + order) / 2
    value = estimate(calibrated, None, score).values["roc_auc"].value
    assert value == pytest.approx(right / pairs, abs=1e-12)


@pytest.mark.calibration
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_realised_value_falls_into_its_band_under_covariate_shift(task: str) -> None:
    # the long version (1000 windows each) stands in the docstring of `estimation`
    rng, windows = np.random.default_rng(5), 100 if task == "binary" else 40
    hits: dict[str, int] = {}
    for seed in range(windows):
        if task == "binary":
            chance, target = rows(rng, 600)
            learned = recalibrate(
                Outcomes("binary", target, probability=sharpened(chance), seed=seed)
            )
            chance, target = rows(rng, 300, a=4)
            score = sharpened(chance)
            prediction = (score > 0.5).astype(int)
        else:
            score, target = three(rng, 600)
            learned = recalibrate(Outcomes("multiclass", target, probability=score, seed=seed))
            score, target = three(rng, 300, (0.3, 0.3, 0.4))
            prediction = score.argmax(axis=1)
        values = estimate(learned, prediction, score, seed=seed).values
        realised = evaluate(target, prediction, score, task=task, metrics=list(values))
        for name, value in values.items():
            hits[name] = hits.get(name, 0) + (value.low <= realised[name].value <= value.high)
    assert len(hits) == 5
    for name, count in hits.items():
        assert clopper_pearson(count, windows, 0.99)[1] >= 0.93, (name, count)
    # a band that hardly ever misses says nothing
    assert clopper_pearson(sum(hits.values()), 5 * windows, 0.99)[0] <= 0.98


def test_covariate_shift_with_a_repaired_score_stays_right() -> None:
    rng = np.random.default_rng(6)
    chance, target = rows(rng, 20_000)
    learned = recalibrate(Outcomes("binary", target, probability=sharpened(chance)))
    for a in (1.0, 4.0, 8.0):
        chance, target = rows(rng, 20_000, a)
        score = sharpened(chance)
        prediction = (score > 0.5).astype(int)
        values = estimate(learned, prediction, score).values
        realised = evaluate(target, prediction, score, task="binary", metrics=list(values))
        for name, value in values.items():
            assert value.value == pytest.approx(realised[name].value, abs=0.02), (a, name)


def test_unrepaired_scores_would_promise_too_much() -> None:
    rng = np.random.default_rng(7)
    chance, target = rows(rng, 10_000)
    score = sharpened(chance)
    prediction = (score > 0.5).astype(int)
    learned = recalibrate(Outcomes("binary", target, probability=score))
    realised = evaluate(target, prediction, task="binary")["accuracy"].value
    promised = float(np.where(prediction == 1, score, 1 - score).mean())
    repaired = estimate(learned, prediction, score).values["accuracy"].value
    assert promised - realised > 0.08
    assert abs(repaired - realised) < 0.005


def test_it_is_blind_to_concept_drift_and_says_so() -> None:
    rng = np.random.default_rng(8)
    chance, target = rows(rng, 10_000)
    learned = recalibrate(Outcomes("binary", target, probability=chance))
    chance, _ = rows(rng, 5000)
    prediction = (chance > 0.5).astype(int)
    target = (rng.random(5000) < 1 - chance).astype(int)  # the world turned round
    found = estimate(learned, prediction, chance)
    realised = evaluate(target, prediction, task="binary")["accuracy"].value
    assert found.values["accuracy"].low > 0.65 > 0.35 > realised
    assert not found.calibration.shown
    assert found.assumes == ASSUMES
    assert "blind to concept drift" in ASSUMES


def test_it_is_blind_to_a_shift_into_a_group_whose_score_is_miscalibrated() -> None:
    rng = np.random.default_rng(9)

    def window(n: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        score, group = rng.uniform(size=n), rng.random(n) < share
        chance = np.where(group, 0.5 + 0.2 * (score - 0.5), score)  # hardly known in the group
        return score, (rng.random(n) < chance).astype(int)

    score, target = window(20_000, 0.05)
    learned = recalibrate(Outcomes("binary", target, probability=score))
    assert learned.error.value < 0.02  # the whole looks calibrated
    score, target = window(20_000, 0.8)
    prediction = (score > 0.5).astype(int)
    value = estimate(learned, prediction, score).values["accuracy"]
    assert value.low > evaluate(target, prediction, task="binary")["accuracy"].value + 0.1


def test_names_and_order_are_those_of_the_realised_metrics() -> None:
    rng = np.random.default_rng(10)
    score, target = three(rng, 600)
    learned = recalibrate(Outcomes("multiclass", target, probability=score))
    values = estimate(learned, score.argmax(axis=1), score).values
    assert list(values) == [name for name in METRICS if name in values]
    assert list(values) == ["accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc"]
    for name, value in values.items():
        assert 0 <= value.low <= value.value <= value.high <= 1, name


def test_classes_are_matched_by_label() -> None:
    rng = np.random.default_rng(11)
    score, target = three(rng, 800)
    names = ("cat", "dog", "eel")
    learned = recalibrate(Outcomes("multiclass", target, None, score, names))
    score, _ = three(rng, 300)
    prediction = score.argmax(axis=1)
    prediction[:5] = -1
    turned = np.array([1, 2, 0, -1])  # their codes among ("eel", "cat", "dog")
    one = estimate(learned, prediction, score)
    other = estimate(learned, turned[prediction], score[:, [2, 0, 1]], labels=("eel", "cat", "dog"))
    assert one.values == other.values
    assert one.values["accuracy"].excluded == 5


def test_the_positive_class_is_matched_by_label() -> None:
    rng = np.random.default_rng(12)
    chance, target = rows(rng, 800)
    learned = recalibrate(Outcomes("binary", target, None, chance, ("no", "yes"), positive=1))
    prediction = (chance > 0.5).astype(int)
    one = estimate(learned, prediction, chance)
    other = estimate(learned, 1 - prediction, chance, labels=("yes", "no"))
    assert one.values == other.values
    both = np.column_stack((chance, 1 - chance))
    assert estimate(learned, 1 - prediction, both, labels=("yes", "no")).values == one.values


def test_wrong_labels_and_shapes_are_errors_that_help(calibrated) -> None:
    rng = np.random.default_rng(13)
    score, target = three(rng, 300)
    learned = recalibrate(Outcomes("multiclass", target, None, score, ("a", "b", "c")))
    with pytest.raises(InputError, match=r"labels \['a', 'b', 'x'\] are not the reference's"):
        estimate(learned, target, score, labels=("a", "b", "x"))
    with pytest.raises(InputError, match="one column per code"):
        estimate(learned, target, score[:, :2])
    with pytest.raises(InputError, match="pass the same rows"):
        estimate(calibrated, np.ones(3, int), np.full(4, 0.5))


def test_missing_scores_and_predictions_are_counted_out(calibrated) -> None:
    score = np.array([0.2, np.nan, 0.7, 0.9, np.inf])
    values = estimate(calibrated, np.array([0, 0, 1, -1, 1]), score).values
    assert {(value.n, value.excluded) for value in values.values()} == {(2, 3)}
    alone = estimate(calibrated, None, score).values
    assert list(alone) == ["roc_auc"]
    assert (alone["roc_auc"].n, alone["roc_auc"].excluded) == (3, 2)


def undefined(learned, prediction, score) -> dict[str, str]:
    found = estimate(learned, prediction, score).values
    return {name: value.reason for name, value in found.items() if math.isnan(value.value)}


def test_undefined_cases_are_values_with_reasons(calibrated) -> None:
    score = np.linspace(0.1, 0.9, 50)
    one_class = recalibrate(Outcomes("binary", np.ones(50, int), probability=score))
    reasons = undefined(one_class, (score > 0.5).astype(int), score)
    assert set(reasons.values()) == {
        "reference: only one class in the reference's 50 labelled rows"
    }
    assert len(reasons) == 5
    no_labels = recalibrate(Outcomes("binary", np.full(50, -1), probability=score))
    reasons = undefined(no_labels, None, score)
    assert reasons == {"roc_auc": "reference: no rows with target and probability"}
    assert undefined(calibrated, None, np.zeros(0)) == {"roc_auc": "no rows with a probability"}
    assert undefined(calibrated, None, score + 1) == {"roc_auc": "probabilities are outside [0, 1]"}
    assert undefined(calibrated, np.zeros(50, int), score) == {
        "precision": "no row was predicted positive"
    }


def test_scores_that_are_all_equal_rank_nothing(calibrated) -> None:
    value = estimate(calibrated, None, np.full(50, 0.3)).values["roc_auc"]
    assert (value.value, value.low) == (0.5, None)
    assert value.reason == "no band: the realised value does not vary"


def test_few_positives_in_the_reference_give_no_band() -> None:
    rng = np.random.default_rng(14)
    target = np.repeat([0, 1], [400, 20])
    learned = recalibrate(
        Outcomes("binary", target, probability=rng.beta(1 + target, 3 - 2 * target + 1))
    )
    value = estimate(learned, None, np.linspace(0.2, 0.5, 100)).values["roc_auc"]
    assert 0 < value.value < 1
    assert value.low is None
    assert value.reason == (
        "reference: too few rows of the rarest class (20): no interval below 30"
    )


def test_scores_beyond_those_of_the_reference_are_said() -> None:
    rng = np.random.default_rng(15)
    score = rng.uniform(0.2, 0.8, 1000)
    target = (rng.random(1000) < score).astype(int)
    learned = recalibrate(Outcomes("binary", target, probability=score))
    found = estimate(learned, None, np.concatenate((score[:300], np.full(100, 0.95))))
    assert found.outside == 0.25
    assert found.values["roc_auc"].reason == (
        "25.0 % of rows have a score outside those of the reference"
    )


def test_a_class_that_the_reference_lacks_is_expected_nowhere() -> None:
    rng = np.random.default_rng(16)
    score, target = three(rng, 900)
    wide = np.column_stack((score, np.zeros(900)))
    names = ("a", "b", "c", "new")
    learned = recalibrate(Outcomes("multiclass", target, None, wide, names))
    prediction = score.argmax(axis=1)
    value = estimate(learned, prediction, wide).values["accuracy"]
    assert value.reason == "expected nowhere, for the reference has no row of it: 'new'"
    prediction[:90] = 3
    worse = estimate(learned, prediction, wide).values["accuracy"]
    assert worse.value < value.value - 0.04


def test_a_large_window_is_as_sure_as_its_rows_make_it(calibrated) -> None:
    rng = np.random.default_rng(17)
    width = []
    for n in (4000, 64_000):
        value = estimate(calibrated, None, rng.beta(2, 3, n)).values["roc_auc"]
        width.append(value.high - value.low)
    assert width[0] / width[1] == pytest.approx(4, rel=0.35)  # less what the curves leave open


def test_the_same_seed_gives_the_same_band_and_the_input_is_left_alone(calibrated) -> None:
    score = np.linspace(0.05, 0.95, 400)
    prediction = (score > 0.5).astype(int)
    before = score.copy(), prediction.copy()
    once, again, other = (
        estimate(calibrated, prediction, score, seed=seed).values for seed in (1, 1, 2)
    )
    assert once == again != other
    assert (score == before[0]).all() and (prediction == before[1]).all()
    order = np.random.default_rng(0).permutation(400)
    turned = estimate(calibrated, prediction[order], score[order]).values
    assert turned["roc_auc"].value == pytest.approx(once["roc_auc"].value, abs=1e-12)
