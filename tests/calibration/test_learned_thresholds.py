"""Learned thresholds keep their level for rows that depend on each other: the short version."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mondrift import learn_thresholds
from tests.calibration.learned_windows import NO_TEST, measured_windows, thresholds
from tests.calibration.past_windows import BEFORE, LEVEL, SCENARIOS, flagged, heights
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


def test_the_quick_way_learns_what_learn_thresholds_learns() -> None:
    names = ["x0", "x1"]
    rows = SCENARIOS["users, ICC .5"](np.random.default_rng(6), len(names), BEFORE + PAST)
    frames = [pd.DataFrame(window, columns=names) for window in rows]
    slow = learn_thresholds(pd.concat(frames[:BEFORE]), frames[BEFORE:]).learned
    quick = thresholds(
        [measured_windows(rows[:, :, place], name, NO_TEST) for place, name in enumerate(names)]
    )[f"learned {PAST}"].learned
    assert slow is not None
    assert quick is not None
    for check in ("drift", "out_of_range"):
        assert quick.families[check].typical[""] == pytest.approx(slow.families[check].typical[""])
        assert quick.families[check].largest == pytest.approx(slow.families[check].largest)
