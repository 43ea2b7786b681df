"""Intervals against published tables, scipy and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mondrift.metrics import Value, difference
from mondrift.metrics.intervals import (
    clopper_pearson,
    effective_number,
    newcombe,
    newcombe_lower,
    on_log,
    on_logit,
    proportion,
    wilson,
)


@pytest.mark.known
@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_limits(count: int, n: int, low: float, high: float) -> None:
    assert wilson(count, n) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.known
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_published_limits(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert newcombe(*counts) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(("count", "n"), [(0, 7), (7, 7), (3, 9), (998, 1000), (40, 100)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_and_clopper_pearson_agree_with_scipy(count: int, n: int, level: float) -> None:
    test = stats.binomtest(count, n)
    theirs = test.proportion_ci(level, method="wilson")
    assert wilson(count, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    theirs = test.proportion_ci(level, method="exact")
    assert clopper_pearson(count, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_one_sided_bound_is_the_lower_end_at_twice_the_tail() -> None:
    assert newcombe_lower(56, 70, 48, 80, 0.99) == newcombe(56, 70, 48, 80, 0.98)[0]
    assert newcombe_lower(56, 70, 48, 80, 0.99) < newcombe_lower(56, 70, 48, 80, 0.95)


def test_swapping_the_windows_mirrors_the_difference() -> None:
    low, high = newcombe(56, 70, 48, 80)
    assert newcombe(48, 80, 56, 70) == pytest.approx((-high, -low))


def test_a_rare_outcome_gets_the_exact_interval() -> None:
    assert proportion(70, 100)[2].startswith("Wilson")
    assert proportion(71, 100)[2].startswith("Clopper-Pearson")
    assert proportion(29, 100)[2].startswith("Clopper-Pearson")
    low, high, _ = proportion(100, 100)
    assert (low, high) == pytest.approx((0.025 ** (1 / 100), 1.0))


def test_the_difference_of_two_accuracies_is_newcombes() -> None:
    reference = Value(48 / 80, *wilson(48, 80), n=80)
    current = Value(56 / 70, *wilson(56, 70), n=70)
    change = difference(reference, current)
    assert change.value == pytest.approx(0.2)
    assert (change.low, change.high) == pytest.approx((0.0524, 0.3339), abs=6e-5)
    assert change.n == 70


def test_a_difference_with_nothing_says_which_side_is_missing() -> None:
    known, unknown = Value(0.5, 0.4, 0.6, n=9), Value.undefined("no labels")
    assert difference(known, unknown).reason == "current: no labels"
    assert math.isnan(difference(unknown, known).value)
    bare = Value(0.7, n=5, reason="too few rows (5): no interval below 10")
    assert difference(bare, known).reason == "reference: too few rows (5): no interval below 10"
    assert difference(known, bare).reason == "current: too few rows (5): no interval below 10"
    assert difference(known, bare).value == pytest.approx(0.2)
    assert "do not combine" in difference(known, Value(0.5, 0.3, 0.7, level=0.9)).reason


def test_transformed_limits_stay_inside_their_range() -> None:
    for error in (1e-9, 0.01, 5.0, 1e6):
        low, high = on_logit(0.99, error, df=1)
        assert 0 <= low <= 0.99 <= high <= 1
        low, high = on_log(2.0, error, df=1)
        assert 0 <= low <= 2 <= high < math.inf


def test_the_effective_number_lies_between_one_and_n() -> None:
    values = np.random.default_rng(0).exponential(size=100)
    assert 1 < effective_number(values) < 100
    assert effective_number(np.array([1.0, 2]), np.array([3.0, 2])) == pytest.approx(
        effective_number(np.array([1.0, 1, 1, 2, 2]))
    )
    assert effective_number(np.zeros(3)) == 0
