"""What mondrift says of a few fixed windows: counts are kept as long as it says the same.

A cell of the table rests on what the measures and `judge` do at its sizes. So for every cell some
seeded windows are read: without a change, and with enough of one that p-values are small and
effects material. If statistics, p-values, corrected effects or flags of any of them have changed,
the counts of that cell are of other statistics and begin anew; a change in speed alone keeps them.
What none of these windows shows is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tests.calibration.simulate import (
    CHANGES,
    POLICIES,
    UNUSED,
    Draw,
    Kind,
    Measured,
    flagged,
    pair,
)

Sizes = tuple[int, int]
#: {what was read: (sum of logarithms of statistics, of effects, of p-values, flagged)}.
Readings = dict[str, list[float]]

TOLERANCE = 1e-7  # of sums of logarithms: about nine digits of each statistic and p-value
COARSE = 1e-3  # the same where draws are added up in float32, by the processor's own order
_STRENGTHS = (0.0, 1.5, 2.5, 4.0)  # of changes: share of rows × √ effective rows
_MANY = 20_000  # rows from which a single changed window is read
_LEAST = 1e-30  # p-values below are all alike


def of_kinds(sizes: Sizes, kinds: Mapping[str, Kind]) -> Readings:
    """Readings of windows of one column of each kind."""
    strengths = _STRENGTHS if max(sizes) < _MANY else _STRENGTHS[1:2]
    effective = math.sqrt(sizes[0] * sizes[1] / sum(sizes))
    read = {}
    for label, kind in kinds.items():
        rng = np.random.default_rng([1, *sizes])
        windows = [
            pair(kind, _moved(kind, strength / effective), rng, sizes, label)
            for strength in strengths
        ]
        read[label] = reading(windows, sizes)
    return read


def of_changes(sizes: Sizes, changes: Iterable[str]) -> Readings:
    """Readings of one window of each change."""
    read = {}
    for change in changes:
        rng = np.random.default_rng([2, *sizes])
        read[change] = reading([pair(*CHANGES[change], rng, sizes, change)], sizes)
    return read


def _moved(kind: Kind, share: float) -> Kind:
    """The same kind of column with a share of its rows moved onto the value of the first."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        values = kind.draw(rng, n)
        values[rng.random(n) < share] = values[0]
        return values

    moved: Draw = draw
    return replace(kind, draw=moved)


def reading(windows: Sequence[Measured], sizes: Sizes) -> list[float]:
    """What windows of one column say, in four numbers.

    Every window and measure has a weight of its own, so that they cannot change places.
    """
    sums, flags, weight = np.zeros(3), 0, 1.0
    for window in windows:
        for each in sorted(window, key=lambda one: one.measure):
            if each.measure in UNUSED or (each.measure == "infinite" and each.statistic == 0):
                continue
            weight += 0.01
            effect = each.detail.get("corrected", each.statistic)
            sums += weight * np.array([_log(each.statistic), _log(effect), _log(each.pvalue, 0.0)])
        for policy in POLICIES.values():
            flags = 3 * flags % 1_000_003 + sum(map(len, flagged([window], policy, sizes).values()))
    return [*(round(float(each), 8) for each in sums), flags]


def _log(value: float | None, floor: float = 1e-6) -> float:
    if value is None or math.isnan(value):
        return 1.0
    return math.log(max(abs(value) + floor, _LEAST))


def agree(
    one: Mapping[str, Sequence[float]],
    other: Mapping[str, Sequence[float]],
    tolerance: float = TOLERANCE,
) -> bool:
    """Whether two readings of a cell are the same."""
    return one.keys() == other.keys() and all(
        np.allclose(numbers, other[label], rtol=0, atol=tolerance) for label, numbers in one.items()
    )
