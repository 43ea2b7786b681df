"""The fine grid under a numeric column: counting instead of sorting.

The bits of a positive float, read as an integer, grow with its value, and their leading part is a
logarithmic scale that is linear between powers of two. The grid reads the leading bits of
`|x - centre| + core`: nearly linear within `core` of the centre, logarithmic further out, so that
thousands of cells resolve the bulk of a column and still reach its far tails. Finding a cell
takes no search, and cells are half-open `[a, b)`, on both sides of the centre.

Blind spot: values within one cell, and values closer to a border than one rounding of
`x - centre`, are not told apart. Source: the idea of HdrHistogram (Tene 2012), made signed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW, MANY = 1 << 12, 1 << 14  # most cells below and from MANY_ROWS on; uint16 holds them
MANY_ROWS = 20_000
LANDMARKS = 21  # order statistics at every twentieth of the rows
_REACH = 24  # powers of two, beyond the core, that the cells cover on each side
_MANTISSA = 52
_LOWEST = -900  # a core below 2**-900 would meet the subnormal floats
_SAMPLE = 512  # rows that show where the landmarks may lie
_STEPS = 4096  # of a rough scale between the sample's ends; uint16 holds them
_CHUNK = 1 << 15  # rows that fit the cache


def _bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))


def landmarks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimum, every twentieth of the sample, maximum; of a non-empty array of finite values.

    >>> landmarks(np.arange(101.0))[[0, 5, 10, 20]]
    array([  0.,  25.,  50., 100.])
    """
    positions = (np.arange(LANDMARKS) * (len(values) - 1)) // (LANDMARKS - 1)
    if len(values) < 8 * _SAMPLE:
        return np.asarray(np.partition(values, np.unique(positions))[positions])
    return _selected(values, positions)


def _selected(values: NDArray[np.float64], positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The order statistics at these positions; only rows near them are sorted.

    Rows are counted on a rough scale that a few of them give: a poor one costs time, nothing else.
    """
    sample = np.sort(values[:: len(values) // _SAMPLE])
    low, high = float(sample[_SAMPLE // 64]), float(sample[-_SAMPLE // 64])
    scale = _STEPS / (high - low) if high > low else 0.0
    if not 0.0 < scale < math.inf:  # one value holds nearly everything, or the range overflows
        return np.asarray(np.partition(values, np.unique(positions))[positions])
    steps, counts = np.empty(len(values), dtype=np.uint16), np.zeros(_STEPS, dtype=np.int64)
    for start in range(0, len(values), _CHUNK):
        with np.errstate(over="ignore"):
            rough = values[start : start + _CHUNK] - low
            rough *= scale
        here = np.clip(rough, 0.0, _STEPS - 1.0, out=rough).astype(np.int64)
        steps[start : start + _CHUNK] = here
        counts += np.bincount(here, minlength=_STEPS)
    up_to = np.cumsum(counts)
    wanted = up_to.searchsorted(positions, side="right")
    near = np.zeros(_STEPS, dtype=bool)
    near[wanted] = True
    held = np.sort(values[np.flatnonzero(near.take(steps))])
    left_out = np.cumsum(np.where(near, 0, counts))  # rows not in `held`, up to each step
    return np.asarray(held[positions - left_out[wanted]])


@dataclass(frozen=True)
class Grid:
    """`size` cells around `centre`; the first and the last are open-ended.

    >>> grid = Grid.fit(np.linspace(0.0, 1.0, 1001))
    >>> cells = grid.locate(np.array([-9.0, 0.0, 0.5, 1.0, 99.0]))
    >>> bool((np.diff(cells) > 0).all()), int(cells[0]), int(cells[-1]) < grid.size
    (True, 0, True)
    """

    centre: float
    core: float
    shift: int
    first: int
    size: int

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Grid:
        """The grid for a non-empty array of finite values, whatever their order.

        The centre is the middle of the densest twentieth of the sample and the core its width,
        but at least 2**-16 of the middle 90 %, so that two nearly equal values do not use up all
        cells.
        """
        return cls.around(landmarks(values), len(values))

    @classmethod
    def around(cls, points: NDArray[np.float64], n: int) -> Grid:
        """The grid for a sample of n values with these landmarks."""
        ordered: list[float] = points.tolist()
        floor = max((ordered[19] - ordered[1]) * 2.0**-16, 0.0)
        wide = [b - a if b - a > floor else math.inf for a, b in pairwise(ordered)]
        width = min(wide)
        narrowest = wide.index(width)
        middle = ordered[narrowest] / 2 + ordered[narrowest + 1] / 2
        if width == math.inf:  # one value holds nearly everything, or the range overflows
            middle = ordered[10]
            width = abs(middle) * 2.0**-16 if middle else 2.0**-16
        core = 2.0 ** max(math.frexp(width)[1] - 1 if width > 0 else _LOWEST, _LOWEST)
        ratio = middle / core
        centre = round(ratio) * core if abs(ratio) < 2.0**52 else middle
        with np.errstate(over="ignore"):
            ends = cls(centre, core, 0, 0, 1)._offsets(points[[0, -1]] - centre).tolist()
        reach, margin = _REACH << _MANTISSA, 1 << _MANTISSA
        low, high = max(ends[0] - margin, -reach), min(ends[1] + margin, reach)
        most = MANY if n >= MANY_ROWS else FEW
        shift = max((high - low).bit_length() - most.bit_length(), 0)
        while (high >> shift) - (low >> shift) + 1 > most:
            shift += 1
        return cls(centre, core, shift, low >> shift, (high >> shift) - (low >> shift) + 1)

    def locate(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The cell of each finite value, 0 to size - 1; a new array, monotone in the value."""
        with np.errstate(over="ignore"):
            return self.locate_from_centre(values - self.centre)

    def locate_from_centre(self, away: NDArray[np.float64]) -> NDArray[np.int64]:
        """The cell of each value, given as its distance from the centre: x - centre."""
        cells = self._offsets(away)
        cells >>= self.shift
        cells -= self.first
        return np.clip(cells, 0, self.size - 1, out=cells)

    def _offsets(self, away: NDArray[np.float64]) -> NDArray[np.int64]:
        """The distance from the centre in units of the last bit of `|x - centre| + core`."""
        distance = np.abs(away)
        distance += self.core
        offsets = distance.view(np.int64)
        offsets -= _bits(self.core)
        sign = away.view(np.int64) >> 63
        offsets ^= sign  # sign is -1 left of the centre, 0 right of it; -0.0 has distance 0
        offsets -= sign
        return offsets

    def borders(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """The smallest value of each cell; -inf for cell 0, +inf for cell `size`."""
        offsets = (np.asarray(cells, dtype=np.int64) + self.first) << self.shift
        bits = np.minimum(np.abs(offsets) + _bits(self.core), _bits(np.inf))
        with np.errstate(over="ignore"):
            distance = bits.view(np.float64) - self.core
            borders = np.asarray(self.centre + np.sign(offsets) * distance)
        borders[np.asarray(cells) <= 0] = -np.inf
        borders[np.asarray(cells) >= self.size] = np.inf
        return borders

    @cached_property
    def all_borders(self) -> NDArray[np.float64]:
        """The `size + 1` borders, from -inf to +inf."""
        return self.borders(np.arange(self.size + 1))

    def to_dict(self) -> dict[str, Any]:
        """Five numbers; `Grid(**numbers)` is the way back."""
        return asdict(self)
