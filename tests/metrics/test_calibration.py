"""Calibration error beside its noise, and recalibration that repairs what is repairable."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit

from mondrift.metrics import Outcomes
from mondrift.metrics.calibration import calibration_curve, calibration_error
from mondrift.metrics.recalibration import recalibrate


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Chances and what came of them."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(2, 3, n)
    return chance, (rng.random(n) < chance).astype(int)


@pytest.mark.known
def test_the_error_of_a_constant_score_is_its_distance_from_the_base_rate() -> None:
    target = np.repeat([0, 1], [70, 30])
    error = calibration_error(Outcomes("binary", target, probability=np.full(100, 0.9)))
    assert error.value == pytest.approx(0.6)
    assert error.shown
    # one bin of n rows: the mean of |N(0, p(1 - p) / n)|
    assert error.floor == pytest.approx(math.sqrt(2 / math.pi * 0.09 / 100), rel=0.2)


@pytest.mark.known
def test_the_error_of_a_squared_score_is_its_integral() -> None:
    rng = np.random.default_rng(1)
    score = (np.arange(200_000) + 0.5) / 200_000
    target = (rng.random(len(score)) < score**2).astype(int)
    error = calibration_error(Outcomes("binary", target, probability=score))
    assert error.value == pytest.approx(1 / 6, abs=0.003)  # ∫ (s - s²) ds


def test_a_calibrated_score_has_an_error_that_is_only_noise() -> None:
    errors = []
    for seed in range(60):
        chance, target = drawn(1000, seed)
        errors.append(calibration_error(Outcomes("binary", target, probability=chance)))
    assert sum(error.shown for error in errors) <= 8  # 3 expected; P(more than 8) < 0.3 %
    means = np.mean([error.value for error in errors]), np.mean([error.floor for error in errors])
    assert means[0] == pytest.approx(means[1], rel=0.1)
    assert means[0] > 0.02


def test_the_curve_has_a_point_per_bin_with_limits() -> None:
    chance, target = drawn(5000)
    points = calibration_curve(Outcomes("binary", target, probability=chance))
    assert [point.n for point in points] == [500] * 10
    for point in points:
        assert point.low <= point.share <= point.high
        assert point.share == pytest.approx(point.score, abs=0.08)
    assert calibration_curve(Outcomes("binary", target, probability=chance + 3)) == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda chance: expit(2.5 * logit(chance) + 0.5),  # overconfident, as on a training set
        lambda chance: chance**3,
        lambda chance: 0.4 + 0.2 * chance,
        lambda chance: np.round(chance, 1),
    ],
)
def test_miscalibrated_scores_are_repaired(spoil) -> None:
    chance, target = drawn(8000)
    learned = recalibrate(Outcomes("binary", target, probability=spoil(chance)))
    assert not learned.error.shown, learned.error
    grid = np.array([0.15, 0.35, 0.6, 0.8])
    repaired = learned(spoil(grid)[:, None])[0, :, 1]
    assert repaired == pytest.approx(grid, abs=0.06)


def test_several_classes_are_repaired_together() -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(size=(6000, 3)) * 1.5
    chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    target = (rng.random(6000)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    sharp = chance**2.5 / (chance**2.5).sum(axis=1, keepdims=True)
    learned = recalibrate(Outcomes("multiclass", target, probability=sharp))
    assert learned.raw.value > 3 * learned.error.value
    repaired = learned(sharp)[0]
    assert repaired.sum(axis=1) == pytest.approx(1)
    assert float(np.abs(repaired - chance).mean()) < 0.03


@pytest.mark.parametrize(
    ("target", "probability", "reason"),
    [
        ([], [], "no rows with target and probability"),
        ([-1, -1], [0.5, 0.4], "no rows with target and probability"),
        ([1, 1], [0.5, np.nan], "only one class in the reference's 1 labelled rows"),
        ([1, 0], [0.5, 1.4], "probabilities are outside [0, 1]"),
        (
            [0] * 50 + [1] * 9,
            [0.3] * 59,
            "too few positives in the reference (9): nothing is learned below 10",
        ),
    ],
)
def test_what_cannot_be_learned_has_a_reason(
    target: list[int], probability: list[float], reason: str
) -> None:
    learned = recalibrate(
        Outcomes("binary", np.array(target, int), probability=np.array(probability))
    )
    assert learned.reason == learned.error.reason == reason
    assert math.isnan(learned.error.value)
    assert learned.curves == ()


def test_a_score_that_separates_the_classes_stays_finite() -> None:
    target = np.repeat([0, 1], 200)
    learned = recalibrate(Outcomes("binary", target, probability=target.astype(float)))
    low, high = learned(np.array([[0.0], [1.0]]))[0, :, 1]
    assert low < 0.01 and high > 0.99
    assert np.isfinite(learned.curves[0].weights).all()


def test_scores_that_are_all_equal_are_worth_the_base_rate() -> None:
    target = np.repeat([0, 1], [300, 100])
    learned = recalibrate(Outcomes("binary", target, probability=np.full(400, 0.9)))
    assert learned(np.array([[0.9]]))[0, 0, 1] == pytest.approx(0.25, abs=1e-3)


def test_the_same_reference_gives_the_same_curves() -> None:
    chance, target = drawn(500)
    once, again, other = (
        recalibrate(Outcomes("binary", target, probability=chance, seed=seed)) for seed in (1, 1, 2)
    )
    assert (once.curves[0].weights == again.curves[0].weights).all()
    assert once.error == again.error
    assert (once.curves[0].weights[1:] != other.curves[0].weights[1:]).any()
