"""Batches of windows judged by thresholds learned from the windows before them.

A batch is one reference of twenty columns, the windows that thresholds are learned from, and
windows to be judged, without drift and with a shift of the first column. All of these windows hang
on one estimated baseline: their alarms are not independent, only those of two batches are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.learned import learned_from
from mondrift.measures import fit_layout, summarize
from mondrift.measures.column import numeric
from mondrift.policy import Policy
from tests.calibration.fingerprint import Readings
from tests.calibration.past_windows import BEFORE, LEVEL, ROWS, SCENARIOS
from tests.calibration.simulate import POLICIES, UNUSED, Measured, compared, flagged, measured

SEED = 20261123
PAST, JUDGED = (99, 199), 28  # four weeks of days
WITHOUT = 2  # windows that the other policies judge too; their chi-square takes long to count
COUNTS = (1, 5, 20)
SHIFTS = {"0.5 σ": 0.5, "1 σ": 1.0}
#: Past windows are compared without a chi-square, by `learn_thresholds` too.
NO_TEST = (*UNUSED, "chi_square")
SIZES = (BEFORE * ROWS, ROWS)

Cell = tuple[str]
Key = tuple[Any, ...]
Values = NDArray[np.float64]


def learned(cell: Cell, number: int) -> Counter[Key]:
    """One reference; windows flagged by learned thresholds, and by the other policies."""
    (scenario,) = cell
    rng = np.random.default_rng([SEED, list(SCENARIOS).index(scenario), number])
    rows = SCENARIOS[scenario](rng, max(COUNTS), BEFORE + max(PAST) + JUDGED)
    columns = {f"x{place}": rows[:, :, place] for place in range(max(COUNTS))}
    calm = [measured_windows(column, name, NO_TEST) for name, column in columns.items()]
    some = BEFORE + max(PAST) + rng.choice(JUDGED, WITHOUT, replace=False)
    plain = [
        measured_windows(column[[*range(BEFORE), *some]], name, UNUSED)
        for name, column in columns.items()
    ]
    first = {"no change": calm[0][-JUDGED:]}
    for change, shift in SHIFTS.items():
        moved = np.concatenate([columns["x0"][:BEFORE], columns["x0"][-JUDGED:] + shift])
        first[change] = measured_windows(moved, "x0", NO_TEST)
    counts: Counter[Key] = Counter()
    for size in COUNTS:
        policies = thresholds([column[: max(PAST)] for column in calm[:size]])
        for change, changed in first.items():
            others = [column[-JUDGED:] for column in calm[1:size]]
            windows = list(zip(changed, *others, strict=True))
            counts.update(_counted(("learned", scenario, change, size), windows, policies))
        without = list(zip(*plain[:size], strict=True))
        where = ("learned without", scenario, "no change", size)
        counts.update(_counted(where, without, POLICIES))
    return counts


def readings(cell: Cell) -> Readings:
    """From where on two columns would be flagged, and how often they were (see fingerprint.py)."""
    (scenario,) = cell
    rows = SCENARIOS[scenario](np.random.default_rng(3), 2, BEFORE + max(PAST) + JUDGED)
    calm = [measured_windows(rows[:, :, place], f"x{place}", NO_TEST) for place in range(2)]
    windows = list(zip(*(column[-JUDGED:] for column in calm), strict=True))
    read = {}
    for name, policy in thresholds([column[: max(PAST)] for column in calm]).items():
        assert policy.learned is not None
        heights = [
            policy.learned.stands_out(check, "", f"x{place}", 0.1)
            for check in ("drift", "out_of_range")
            for place in range(2)
        ]
        found = [len(flagged(window, policy, SIZES)) for window in windows]
        read[name] = [*(round(height, 8) for height in heights), sum(found)]
    return read


def measured_windows(windows: Values, name: str, unused: tuple[str, ...]) -> list[Measured]:
    """Each window of a column but the first ones, which make the reference."""
    before = numeric(windows[:BEFORE].ravel())
    layout = fit_layout(before)
    reference = summarize(before, layout)
    return [
        measured(reference, summarize(numeric(window), layout), name, unused=unused)
        for window in windows[BEFORE:]
    ]


def thresholds(past: Sequence[Sequence[Measured]]) -> dict[str, Policy]:
    """Policies by the number of past windows, the newest of them, that they are learned from."""
    comparisons = [compared(window, SIZES) for window in zip(*past, strict=True)]
    return {f"learned {k}": learned_from(comparisons[-k:], Policy(), LEVEL) for k in PAST}


def _counted(
    where: Key, windows: Sequence[Sequence[Measured]], policies: dict[str, Policy]
) -> Counter[Key]:
    """Windows flagged, and their squared number, from which follows how far they hang together."""
    counts: Counter[Key] = Counter({("windows", *where): len(windows), ("references", *where): 1})
    for name, policy in policies.items():
        often: Counter[str] = Counter()
        for window in windows:
            often.update(_checks(flagged(window, policy, SIZES).items(), where[2]))
        for check, times in often.items():
            counts["flagged", *where, name, check] = times
            counts["squares", *where, name, check] = times**2
    return counts


def _checks(found: Iterable[tuple[str, set[str]]], change: str) -> list[str]:
    """Families with a flagged column, of changed windows with the changed one; and any of them."""
    checks = [check for check, names in found if change == "no change" or "x0" in names]
    return [*checks, *(["any"] if checks else [])]
