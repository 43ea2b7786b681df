"""CUSUM against published average run lengths, and what an estimated mean does to them."""

from __future__ import annotations

import numpy as np
import pytest

from mondrift.detectors import Cusum, step
from mondrift.errors import InputError


def run_length(rng: np.random.Generator, shift: float = 0.0, learned: int = 0) -> int:
    """Values up to the alarm; mean and std known, or estimated from so many values."""
    mean, std = 0.0, 1.0
    if learned:
        values = rng.normal(size=learned)
        mean, std = float(values.mean()), float(values.std(ddof=1))
    state, ago, count = Cusum(), 0, 0
    while not ago:
        state, ago = step(state, (rng.normal(shift) - mean) / std)
        count += 1
    return count


@pytest.mark.known
@pytest.mark.parametrize(("shift", "published", "streams"), [(0.0, 465, 400), (1.0, 10.4, 2000)])
def test_average_run_lengths_are_the_published_ones(
    shift: float, published: float, streams: int
) -> None:
    rng = np.random.default_rng(1)
    lengths = [run_length(rng, shift) for _ in range(streams)]
    error = np.std(lengths) / np.sqrt(streams)
    assert abs(np.mean(lengths) - published) < 3 * error


@pytest.mark.calibration
def test_an_estimated_mean_brings_false_alarms_sooner() -> None:
    rng = np.random.default_rng(2)
    medians = {
        learned: float(np.median([run_length(rng, learned=learned) for _ in range(200)]))
        for learned in (0, 20)
    }
    assert medians[20] < 0.6 * medians[0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_both_directions_are_told_alike_with_the_place_of_the_change(sign: float) -> None:
    state, told = Cusum(), []
    for value in [0.2, -0.3, 0.1, 2.0, 2.0, 2.0, 2.0]:
        state, ago = step(state, sign * value)
        told.append(ago)
    assert told == [0, 0, 0, 0, 0, 0, 4]
    assert state == Cusum()


def test_nothing_measured_moves_nothing_and_infinity_is_refused() -> None:
    state = Cusum(high=2.0, high_since=3)
    assert step(state, float("nan")) == (state, 0)
    with pytest.raises(InputError, match="Leave it out"):
        step(state, float("inf"))
