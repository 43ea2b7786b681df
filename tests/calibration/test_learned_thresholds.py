"""Learned thresholds keep their level for rows that depend on each other: the short version."""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration.past_windows import LEVEL, SCENARIOS, flagged, heights
from tests.calibration.rates import clopper_pearson

pytestmark = pytest.mark.calibration

COLUMNS, REFERENCES, PAST = 2, 10, 99


@pytest.mark.parametrize("scenario", ["AR(1), φ = .9", "users, ICC .5"])
def test_a_window_spends_one_level_however_its_rows_depend(scenario: str) -> None:
    hits = 0
    for seed in range(REFERENCES):
        rng = np.random.default_rng([3, seed])
        (null,) = heights(SCENARIOS[scenario], rng, COLUMNS, PAST + 1, ())
        hits += int(flagged(null[:, :PAST], null[:, PAST:])[0])
    assert clopper_pearson(hits, REFERENCES)[0] <= LEVEL


def test_windows_whose_rows_hang_together_less_teach_too_little() -> None:
    """What the test above would see if thresholds did not respect dependence."""
    rng = np.random.default_rng(4)
    (calm,) = heights(SCENARIOS["independent"], rng, COLUMNS, PAST, ())
    (null,) = heights(SCENARIOS["AR(1), φ = .9"], rng, COLUMNS, REFERENCES, ())
    hits = int(flagged(calm, null).sum())
    assert clopper_pearson(hits, REFERENCES)[0] > LEVEL


def test_a_large_shift_is_seen_through_the_swings_of_users() -> None:
    rng = np.random.default_rng(5)
    null, moved = heights(SCENARIOS["users, ICC .5"], rng, COLUMNS, PAST + 20, (1.0,))
    now = np.vstack([moved[:, PAST:], null[1:, PAST:]])
    assert flagged(null[:, :PAST], now).mean() > 0.8
