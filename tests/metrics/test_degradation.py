"""A rise of an error and a drop of a score: material, significant, and on enough rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mondrift.metrics import Value, evaluate
from mondrift.metrics.degradation import Degradation, error_rise, score_drop
from mondrift.metrics.intervals import clopper_pearson, widened

EXACT = Value(10.0, 9.99, 10.01, n=100_000)


def test_a_rise_of_exactly_the_tolerance_does_not_count() -> None:
    assert error_rise(EXACT, Value(11.0, 10.99, 11.01, n=9000)).outcome == "held"
    assert error_rise(EXACT, Value(11.001, 10.99, 11.01, n=9000)).outcome == "worse"
    june = Value(0.8, 0.799, 0.801, n=100_000)
    assert score_drop(june, Value(0.75, 0.749, 0.751, n=9000)).outcome == "held"
    assert score_drop(june, Value(0.7499, 0.749, 0.751, n=9000)).outcome == "worse"


def test_a_large_rise_with_a_wide_interval_is_chance() -> None:
    found = error_rise(EXACT, Value(13.0, 9.8, 17.2, n=150))
    assert found.change == pytest.approx(0.3)
    assert found.outcome == "held"
    assert found.lower < 0 < found.change < found.smallest


def test_better_is_not_worse() -> None:
    found = error_rise(EXACT, Value(8.0, 7.9, 8.1, n=1000))
    assert found.outcome == "held"
    assert "20.0 % lower (10 to 8)" in found.reason
    assert "unchanged (10 to 10)" in error_rise(EXACT, EXACT).reason
    found = score_drop(Value(0.7, 0.68, 0.72, n=900), Value(0.8, 0.78, 0.82, n=900))
    assert "10.0 points higher (0.700 to 0.800)" in found.reason


@pytest.mark.parametrize("judge", [error_rise, score_drop])
@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        (Value(0.5, 0.4, 0.6, n=99), Value(0.5, 0.4, 0.6, n=900), "too few labelled rows (99)"),
        (Value(0.5, 0.4, 0.6, n=900), Value(0.5, 0.4, 0.6, n=0), "too few labelled rows (0)"),
        (Value.undefined("no rows"), Value(0.5, 0.4, 0.6, n=900), "reference window: no rows"),
        (
            Value(0.5, 0.4, 0.6, n=900),
            Value(0.5, n=900, reason="no interval: heavy tails"),
            "current window: no interval: heavy tails",
        ),
        (
            Value(0.5, 0.4, 0.6, n=900),
            Value(0.5, 0.4, 0.6, n=900, level=0.9),
            "intervals at 0.95 and 0.9 do not combine",
        ),
    ],
)
def test_what_cannot_be_judged_has_a_reason(judge, reference, current, reason: str) -> None:
    found = judge(reference, current)
    assert found.outcome == "too few"
    assert found.reason.startswith(reason)
    assert math.isnan(found.change)


def test_an_error_of_zero_has_no_relative_rise() -> None:
    found = error_rise(Value(0.0, 0.0, 0.1, n=900), Value(0.5, 0.4, 0.6, n=900))
    assert (found.outcome, found.reason) == ("too few", "an error of 0 has no relative rise")


def test_a_low_score_can_show_no_drop() -> None:
    found = score_drop(Value(0.06, 0.01, 0.2, n=200), Value(0.05, 0.01, 0.2, n=200))
    assert math.isnan(found.smallest)
    assert found.reason.endswith("windows of this size can show none")


def test_the_unit_of_an_error_changes_nothing() -> None:
    one = error_rise(Value(10, 9, 11.2, n=500), Value(14, 12, 16.5, n=500))
    other = error_rise(Value(1e7, 9e6, 11.2e6, n=500), Value(14e6, 12e6, 16.5e6, n=500))
    assert (one.change, one.lower, one.smallest) == pytest.approx(
        (other.change, other.lower, other.smallest)
    )


def test_rows_in_clusters_are_worth_less() -> None:
    june, july = Value(10, 9.6, 10.4, n=2000), Value(12, 11.2, 12.9, n=500)
    wide = [widened(each, 6.0, scale="log") for each in (june, july)]
    plain, clustered = error_rise(june, july), error_rise(*wide)
    assert (plain.outcome, clustered.outcome) == ("worse", "held")
    june, july = Value(0.85, 0.83, 0.87, n=2000), Value(0.75, 0.69, 0.80, n=400)
    wide = [widened(each, 6.0, scale="logit") for each in (june, july)]
    plain, clustered = score_drop(june, july), score_drop(*wide)
    assert (plain.outcome, clustered.outcome) == ("worse", "held")
    assert clustered.low < plain.low < plain.high < clustered.high


def errors(rng: np.random.Generator, n: int, scale: float, kind: str) -> dict[str, Value]:
    noise = rng.normal(size=n) if kind == "normal" else rng.exponential(size=n) - 1
    return evaluate(np.zeros(n), scale * noise, task="regression", metrics=["mae", "rmse"])


def scores(rng: np.random.Generator, n: int, distance: float) -> dict[str, Value]:
    target = (rng.random(n) < 0.3).astype(int)
    score = rng.normal(size=n) + distance * target
    prediction = (score > 0.8).astype(int)
    return evaluate(target, prediction, score, task="binary", metrics=["roc_auc", "f1"])


def share(found: list[Degradation]) -> tuple[float, float]:
    """Limits (99 %) of the share of windows called worse."""
    return clopper_pearson(sum(each.outcome == "worse" for each in found), len(found), 0.99)


@pytest.mark.calibration
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_without_a_rise_about_one_window_in_a_hundred_is_called(kind: str) -> None:
    rng = np.random.default_rng(1)
    pairs = [(errors(rng, 1000, 1, kind), errors(rng, 100, 1, kind)) for _ in range(1000)]
    for name in ("mae", "rmse"):
        assert share([error_rise(one[name], other[name]) for one, other in pairs])[0] <= 0.01


@pytest.mark.calibration
def test_the_smallest_rise_is_seen_in_about_four_of_five_windows() -> None:
    rng = np.random.default_rng(2)
    references = [errors(rng, 1000, 1, "normal") for _ in range(300)]
    for name in ("mae", "rmse"):
        same = [error_rise(each[name], errors(rng, 300, 1, "normal")[name]) for each in references]
        rise = float(np.mean([each.smallest for each in same]))
        found = [
            error_rise(each[name], errors(rng, 300, 1 + rise, "normal")[name])
            for each in references
        ]
        low, high = share(found)
        assert low <= 0.85 and high >= 0.75, (name, rise, low, high)


@pytest.mark.calibration
def test_without_a_drop_of_the_score_about_one_window_in_a_hundred_is_called() -> None:
    rng = np.random.default_rng(3)
    pairs = [(scores(rng, 1000, 1.2), scores(rng, 200, 1.2)) for _ in range(1000)]
    for name in ("roc_auc", "f1"):
        found = [score_drop(one[name], other[name]) for one, other in pairs]
        assert share(found)[0] <= 0.013, name


@pytest.mark.calibration
def test_a_large_drop_of_the_score_is_seen() -> None:
    rng = np.random.default_rng(4)
    pairs = [(scores(rng, 1000, 1.6), scores(rng, 400, 0.9)) for _ in range(100)]
    for name in ("roc_auc", "f1"):  # true drops of 13 and 12 points
        found = [score_drop(one[name], other[name]) for one, other in pairs]
        assert share(found)[1] >= 0.9, name
