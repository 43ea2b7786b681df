"""Unseen levels and values out of range when rows come in clusters.

Which levels or ranges count is chosen by looking at the other window, so that no difference of
shares can be tested. Instead the units (the rows of one cluster in one window) are dealt to the
two windows anew, each to this window with the larger of its shares of units and of rows: with
windows of unequal length that errs on the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.sequential import sequential_pvalue

Codes = NDArray[np.int64]
Values = NDArray[np.float64]

IMPOSSIBLE = 1e-9  # what is less probable than this is not followed up
_UNITS = 3000  # outermost units that are followed
BATCH, BATCHES, REACHED = 1000, 64, 20


@dataclass(frozen=True)
class Dealt:
    """Units of the window in question (`here`) and of the other, per row, from 0 in each."""

    here: Codes
    there: Codes

    @property
    def units(self) -> tuple[int, int]:
        """Units here, and there."""
        return int(self.here.max(initial=-1)) + 1, int(self.there.max(initial=-1)) + 1

    @property
    def chance(self) -> float:
        """Of a unit to be dealt to the window in question, in (0, 1)."""
        here, there = self.units
        of_rows = len(self.here) / (len(self.here) + len(self.there))
        return max(here / (here + there), of_rows)

    @property
    def deepest(self) -> int:
        """So many units all here are all but impossible."""
        return max(int(np.ceil(np.log(IMPOSSIBLE) / np.log(self.chance))), 1)


def levels_pvalue(rows: int, dealt: Dealt, levels: tuple[Codes, Codes], seed: int) -> float:
    """P(at least `rows` rows in levels with all their units here).

    levels: the level of each row here and there, in one numbering; -1 for none.

    >>> dealt = Dealt(np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> levels_pvalue(2, dealt, (np.array([7, 7, -1]), np.array([-1, -1, -1])), seed=0)
    0.5
    """
    if rows == 0:
        return 1.0
    offset = dealt.units[0]
    level = np.concatenate(levels)
    unit = np.concatenate([dealt.here, dealt.there + offset])
    level, unit = level[level >= 0], unit[level >= 0]
    total = np.bincount(level)
    pairs = np.unique(level * (sum(dealt.units)) + unit)
    of, who = pairs // sum(dealt.units), pairs % sum(dealt.units)
    spread = np.bincount(of, minlength=len(total))
    rare = (spread > 0) & (spread <= dealt.deepest)
    beyond = float(np.count_nonzero(spread > dealt.deepest)) * IMPOSSIBLE
    if total[rare].sum() < rows:
        return min(beyond, 1.0)
    keep = rare[of]
    return min(_dealt(rows, dealt.chance, (of[keep], who[keep]), total, seed) + beyond, 1.0)


def _dealt(rows: int, chance: float, pairs: tuple[Codes, Codes], total: Codes, seed: int) -> float:
    """Counted sequentially: at most 64,000 dealings, until twenty reach so many rows."""
    of, who = pairs
    random = np.random.default_rng(seed)
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    weights = total[of[starts]].astype(np.float64)
    names, place = np.unique(who, return_inverse=True)
    if len(starts) == 1:
        return float(chance ** len(names))

    def reached() -> NDArray[np.bool_]:
        labels = random.random((len(names), BATCH), dtype=np.float32) < chance
        whole = np.logical_and.reduceat(labels[place], starts, axis=0)
        return np.asarray(weights @ whole >= rows)

    return sequential_pvalue(reached, batches=BATCHES, enough=REACHED)[0]


def outside_pvalue(outside: int, dealt: Dealt, values: tuple[Values, Values]) -> float:
    """P(at least `outside` rows lie beyond the values of all units there).

    values: here and there, one per row; rows that are not finite take no part. The units are
    ranked by their lowest and by their highest value; the first j and the first k of the two
    rankings are all here with the probability chance ** (units among them), and the least j and
    k that leave so many rows outside form a staircase, whose probability is an exact sum.

    >>> dealt = Dealt(np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> outside_pvalue(2, dealt, (np.array([9.0, 8.0, 3.0]), np.array([1.0, 5.0, 4.0])))
    0.625
    """
    if outside == 0:
        return 1.0
    every = np.concatenate(values)
    unit = np.concatenate([dealt.here, dealt.there + dealt.units[0]])
    finite = np.isfinite(every)
    every, unit = every[finite], unit[finite]
    low, below = _ranked(every, unit, dealt)
    high, above = _ranked(-every, unit, dealt)
    steps: list[tuple[int, int]] = []
    for j, under in enumerate(below):
        k = int(np.searchsorted(above, outside - under))
        if k < len(above) and (not steps or k < steps[-1][1]):
            steps.append((j, k))
    chance, total = dealt.chance, 0.0
    for at, (j, k) in enumerate(steps):
        total += chance ** len(set(low[:j]) | set(high[:k]))
        if at:
            total -= chance ** len(set(low[:j]) | set(high[: steps[at - 1][1]]))
    depth = min(len(below), len(above))
    cut = 2 * chance**depth if depth < sum(dealt.units) else 0.0
    return min(max(total, 0.0) + cut, 1.0)


def _ranked(values: Values, units: Codes, dealt: Dealt) -> tuple[list[int], Codes]:
    """Units by their lowest value, and the rows below that of the j-th; as deep as matters."""
    lowest = np.full(sum(dealt.units), np.inf)
    np.minimum.at(lowest, units, values)
    order = np.argsort(lowest, kind="stable")
    depth = min(len(order), dealt.deepest + 1, _UNITS)
    fence = lowest[order[:depth]]
    fence = fence[np.isfinite(fence)]
    inside = np.sort(values[values <= fence[-1]]) if len(fence) else values[:0]
    return order[:depth].tolist(), np.searchsorted(inside, fence, side="left")
