"""Change points: exact cases, the rate without a change, and how often the range holds the date."""

from __future__ import annotations

import numpy as np
import pytest

from mondrift.detectors import Series, change_point
from mondrift.errors import InputError


def test_a_step_without_noise_is_found_where_it_is() -> None:
    found = change_point(Series.of_counts([10] * 6 + [60] * 4, [100] * 10))
    assert (found.at, found.first, found.last) == (6, 6, 6)
    assert (found.before, found.after) == (0.1, 0.6)
    assert found.pvalue < 0.02


def test_an_improvement_is_a_change_too() -> None:
    found = change_point(Series.of_counts([60] * 5 + [10] * 5, [100] * 10))
    assert found.at == 5
    assert found.after < found.before


@pytest.mark.known
def test_the_ratio_is_that_of_normal_means() -> None:
    # one place per value: the best step splits [0, 0, 1, 3] into [0, 0, 1] and [3]
    values = np.array([0.0, 0.0, 1.0, 3.0])
    by_hand = {
        cut: (values[:cut].sum() - cut * 1.0) ** 2 * 4 / (cut * (4 - cut)) for cut in (1, 2, 3)
    }
    found = change_point(Series(np.ones(4), values, values**2))
    assert found.at == max(by_hand, key=lambda cut: by_hand[cut]) == 3


def test_places_without_rows_are_skipped_and_keep_their_number() -> None:
    n = np.array([100.0, 0, 100, 100, 0, 100, 100, 100])
    found = change_point(Series.of_counts(np.where([0, 0, 0, 0, 0, 1, 1, 1], 0.6, 0.1) * n, n))
    assert found.at == 5


def test_too_few_places_and_a_single_value_give_a_reason() -> None:
    few = change_point(Series.of_counts([1, 2, 3], [9, 9, 9]))
    assert few.reason == "3 places in time are too few; 4 are needed"
    assert np.isnan(few.pvalue)
    right = change_point(Series.of_counts([0] * 9, [50] * 9))
    assert right.reason == "all rows have the same value"


def test_a_place_of_few_rows_at_the_end_is_no_step() -> None:
    n = [400] * 12 + [3]
    assert change_point(Series.of_counts([20] * 12 + [3], n)).at < 12
    moved = change_point(Series.of_counts([20] * 11 + [60, 1], n))
    assert moved.at == 11


@pytest.mark.calibration
def test_the_rhythm_of_traffic_alone_tells_no_change() -> None:
    rng = np.random.default_rng(5)
    hour = np.arange(96) % 24
    rows = np.where((hour > 6) & (hour < 22), 40, 2)
    told = []
    for _ in range(600):
        n = rng.poisson(rows)
        found = change_point(Series.of_counts(rng.binomial(n, 0.05), n), permutations=99)
        told.append(found.pvalue <= 0.05)
    assert np.mean(told) < 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 600)


def test_sums_of_other_places_are_refused() -> None:
    with pytest.raises(InputError, match="same places"):
        Series(np.ones(3), np.ones(2), np.ones(3))


def drawn(rng: np.random.Generator, shares: np.ndarray, n: float, extra: float) -> Series:
    """Counts of places that scatter by `extra` more than chance."""
    rows = rng.poisson(n, len(shares))
    level = np.clip(shares + rng.normal(0, extra, len(shares)) if extra else shares, 0.01, 0.99)
    return Series.of_counts(rng.binomial(rows, level), rows)


@pytest.mark.calibration
@pytest.mark.parametrize(("places", "n", "extra"), [(14, 180, 0.0), (48, 5, 0.0), (28, 180, 0.07)])
def test_without_a_change_one_is_told_in_one_of_twenty(places: int, n: float, extra: float) -> None:
    rng = np.random.default_rng(3)
    told = [
        change_point(drawn(rng, np.full(places, 0.2), n, extra), permutations=99).pvalue <= 0.05
        for _ in range(300)
    ]
    assert np.mean(told) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.calibration
@pytest.mark.parametrize(
    ("cut", "places", "after", "n", "extra"),
    [(21, 28, 0.3, 180, 0.0), (60, 100, 0.3, 20, 0.0), (14, 28, 0.35, 180, 0.07)],
)
def test_the_range_holds_the_date(
    cut: int, places: int, after: float, n: float, extra: float
) -> None:
    rng = np.random.default_rng(4)
    shares = np.where(np.arange(places) < cut, 0.2, after)
    found = [change_point(drawn(rng, shares, n, extra), permutations=1) for _ in range(300)]
    held = np.mean([each.first <= cut <= each.last for each in found])
    assert held > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 300)
