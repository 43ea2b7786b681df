"""Expected MAE and RMSE without targets: right where errors stay what they were, else blind."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mondrift.errors import InputError
from mondrift.metrics import Outcomes, evaluate
from mondrift.metrics.expected_error import ASSUMES, expected_errors, learn_errors
from mondrift.metrics.intervals import clopper_pearson


def rows(
    rng: np.random.Generator, n: int, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target, prediction and one feature; errors grow with both."""
    prediction, feature = rng.normal(shift, 1, n), rng.normal(shift, 1, n)
    scale = np.exp(0.3 * prediction + 0.4 * feature)
    return prediction + scale * rng.normal(size=n), prediction, feature[:, None]


def learned(target, prediction, features=None):
    return learn_errors(Outcomes("regression", target, prediction), features)


@pytest.mark.known
def test_errors_that_depend_on_the_prediction_follow_it() -> None:
    rng = np.random.default_rng(0)
    prediction = rng.uniform(1, 3, 60_000)
    target = prediction + prediction * rng.normal(size=60_000)
    values = expected_errors(learned(target, prediction), np.linspace(2.5, 3, 5000))
    # |error| has mean p √(2/π), error² mean p²
    mean, square = 2.75, (3**3 - 2.5**3) / 3 / 0.5
    assert values["mae"].value == pytest.approx(mean * math.sqrt(2 / math.pi), rel=0.01)
    assert values["rmse"].value == pytest.approx(math.sqrt(square), rel=0.01)


def test_the_reference_itself_is_expected_exactly() -> None:
    rng = np.random.default_rng(1)
    target, prediction, features = rows(rng, 3000)
    values = expected_errors(learned(target, prediction, features), prediction, features)
    realised = evaluate(target, prediction, task="regression")
    for name in ("mae", "rmse"):
        assert values[name].value == pytest.approx(realised[name].value, rel=0.01)


def test_a_feature_tells_what_the_prediction_does_not() -> None:
    rng = np.random.default_rng(2)
    target, prediction, features = rows(rng, 20_000)
    plain, full = learned(target, prediction), learned(target, prediction, features)
    prediction = rng.normal(size=20_000)
    features = rng.normal(0.8, 1, size=(20_000, 1))
    target = prediction + np.exp(0.3 * prediction + 0.4 * features[:, 0]) * rng.normal(size=20_000)
    realised = evaluate(target, prediction, task="regression")["mae"].value
    assert expected_errors(plain, prediction)["mae"].value < 0.8 * realised
    told = expected_errors(full, prediction, features)["mae"].value
    assert told == pytest.approx(realised, rel=0.05)


@pytest.mark.calibration
@pytest.mark.parametrize("with_feature", [False, True])
def test_the_realised_error_falls_into_its_band(with_feature: bool) -> None:
    rng, windows = np.random.default_rng(3), 200
    hits: dict[str, list[bool]] = {"mae": [], "rmse": []}
    for _ in range(windows):
        target, prediction, features = rows(rng, 1000)
        model = learned(target, prediction, features if with_feature else None)
        target, prediction, features = rows(rng, 300)
        values = expected_errors(model, prediction, features if with_feature else None)
        realised = evaluate(target, prediction, task="regression")
        for name, value in values.items():
            if value.low is not None:
                hits[name].append(value.low <= realised[name].value <= value.high)
    assert len(hits["mae"]) == windows
    # what the model does not see makes the tails heavier: then there is less often a band
    assert len(hits["rmse"]) > (0.95 if with_feature else 0.5) * windows
    for name, found in hits.items():
        low, high = clopper_pearson(sum(found), len(found), 0.99)
        assert high >= 0.93 and low <= 0.98, (name, sum(found), len(found))


def test_it_is_blind_to_concept_drift_and_says_so() -> None:
    rng = np.random.default_rng(4)
    target, prediction, _ = rows(rng, 5000)
    model = learned(target, prediction)
    value = expected_errors(model, prediction)["mae"]
    realised = evaluate(target + 3, prediction, task="regression")["mae"].value
    assert value.high < realised / 2
    assert "blind to concept drift" in ASSUMES


def test_what_was_read_is_told_with_the_assumption() -> None:
    target, prediction, features = rows(np.random.default_rng(4), 2000)
    plain, full = learned(target, prediction), learned(target, prediction, features)
    assert plain.assumes == ASSUMES.format("the prediction")
    assert full.assumes == ASSUMES.format("prediction and features")
    told = expected_errors(full, prediction, features)["mae"].method
    assert told.startswith("expected from bins of prediction and features;")


def test_predictions_beyond_those_learned_from_are_counted() -> None:
    target, prediction, _ = rows(np.random.default_rng(5), 2000)
    model = learned(target, prediction)
    window = np.array([prediction.min() - 1, prediction.max() + 1, 0.0, math.nan, prediction.max()])
    assert model.outside(window) == 0.5
    assert math.isnan(model.outside(np.array([math.nan])))
    assert math.isnan(learned(target[:3], prediction[:3]).outside(window))  # nothing was learned


def test_missing_features_are_a_bin_of_their_own() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    prediction, missing = rng.normal(size=n), rng.random(n) < 0.3
    features = np.where(missing, np.nan, rng.integers(0, 3, n))[:, None]
    target = prediction + np.where(missing, 5.0, 1.0) * rng.normal(size=n)
    model = learned(target, prediction, features)
    lost = expected_errors(model, prediction[:500], np.full((500, 1), np.nan))["mae"].value
    there = expected_errors(model, prediction[:500], np.ones((500, 1)))["mae"].value
    assert lost / there == pytest.approx(5, rel=0.15)
    assert len(model.borders[1]) == 2  # three codes


def test_rows_that_cannot_be_used_are_counted_out() -> None:
    rng = np.random.default_rng(6)
    target, prediction, _ = rows(rng, 500)
    target[:7], prediction[5:10] = np.nan, np.inf
    model = learned(target, prediction)
    assert (model.n, model.excluded) == (490, 10)
    value = expected_errors(model, np.array([0.1, np.nan, 0.3]))["mae"]
    assert (value.n, value.excluded) == (2, 1)


@pytest.mark.parametrize(
    ("target", "prediction", "reason"),
    [
        ([], [], "no rows with finite target and prediction"),
        ([np.nan] * 9, [1.0] * 9, "no rows with finite target and prediction"),
        ([1.0] * 29, [2.0] * 29, "too few rows (29): no estimate below 30"),
        ([1.0] * 300, [2.0] * 300, "the errors do not vary"),
        ([1e200, 0.0] * 200, [1.0, 0.0] * 200, "the errors are too large for a float"),
    ],
)
def test_what_cannot_be_learned_has_a_reason(target, prediction, reason: str) -> None:
    model = learned(np.array(target), np.array(prediction))
    assert model.reason == reason
    values = expected_errors(model, np.ones(10))
    assert {value.reason for value in values.values()} == {f"reference: {reason}"}
    assert all(math.isnan(value.value) for value in values.values())


def test_an_empty_window_has_a_reason() -> None:
    rng = np.random.default_rng(7)
    target, prediction, _ = rows(rng, 500)
    value = expected_errors(learned(target, prediction), np.array([np.nan]))["rmse"]
    assert (value.reason, value.n, value.excluded) == ("no rows with a finite prediction", 0, 1)


def test_heavy_tails_have_no_band() -> None:
    rng = np.random.default_rng(8)
    prediction = rng.normal(size=2000)
    target = prediction + rng.standard_t(1.5, size=2000)
    value = expected_errors(learned(target, prediction), prediction)["rmse"]
    assert value.value > 0
    assert value.low is None
    assert value.reason.startswith("no band: heavy tails")


def test_other_features_than_the_reference_s_are_an_error() -> None:
    rng = np.random.default_rng(9)
    target, prediction, features = rows(rng, 500)
    model = learned(target, prediction, features)
    with pytest.raises(InputError, match="features has 0 columns and the reference's 1"):
        expected_errors(model, prediction)
    with pytest.raises(InputError, match=r"features has shape \(9, 1\); 500 predictions need"):
        expected_errors(model, prediction, features[:9])


def test_the_unit_of_the_target_changes_nothing_else() -> None:
    rng = np.random.default_rng(10)
    target, prediction, features = rows(rng, 2000)
    one = expected_errors(learned(target, prediction, features), prediction, features)
    big = learned(1e6 * target, 1e6 * prediction, features)
    other = expected_errors(big, 1e6 * prediction, features)
    for name, value in one.items():
        assert other[name].value == pytest.approx(1e6 * value.value)
        assert other[name].low == pytest.approx(1e6 * value.low)
