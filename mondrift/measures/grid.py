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

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW, MANY = 1 << 12, 1 << 14  # most cells below and from MANY_ROWS on; uint16 holds them
MANY_ROWS = 20_000
LANDMARKS = 21  # order statistics at every twentieth of the rows
_REACH = 24  # powers of two, beyond the core, that the cells cover on each side
_MANTISSA = 52
_LOWEST = -900  # a core below 2**-900 would meet the subnormal floats


def _bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))


def landmarks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimum, every twentieth of the sample, maximum; of a non-empty array of finite values.

    >>> landmarks(np.arange(101.0))[[0, 5, 10, 20]]
    array([  0.,  25.,  50., 100.])
    """
    positions = (np.arange(LANDMARKS) * (len(values) - 1)) // (LANDMARKS - 1)
    return np.asarray(np.partition(values, np.unique(positions))[positions])


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
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = np.diff(points)
            floor = (points[19] - points[1]) * 2.0**-16
        wide = np.where(gaps > max(floor, 0.0), gaps, np.inf)
        narrowest = int(np.argmin(wide))
        width = float(wide[narrowest])
        middle = float(points[narrowest] / 2 + points[narrowest + 1] / 2)
        if not np.isfinite(width):  # one value holds nearly everything, or the range overflows
            middle = float(points[10])
            width = abs(middle) * 2.0**-16 if middle else 2.0**-16
        core = 2.0 ** max(np.floor(np.log2(width)) if width > 0 else _LOWEST, _LOWEST)
        ratio = middle / core
        centre = float(np.round(ratio) * core) if abs(ratio) < 2.0**52 else middle
        grid = cls(centre, float(core), 0, 0, 1)
        reach = _REACH << _MANTISSA
        low, high = (
            min(max(int(grid._offsets(np.array([point]))[0]) + margin, -reach), reach)
            for point, margin in ((points[0], -1 << _MANTISSA), (points[-1], 1 << _MANTISSA))
        )
        most = MANY if n >= MANY_ROWS else FEW
        shift = max((high - low).bit_length() - most.bit_length(), 0)
        while (high >> shift) - (low >> shift) + 1 > most:
            shift += 1
        return cls(centre, float(core), shift, low >> shift, (high >> shift) - (low >> shift) + 1)

    def _offsets(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Signed distance from the centre, in units of the last bit of `|x - centre| + core`."""
        with np.errstate(over="ignore"):
            away = values - self.centre
            distance = np.abs(away)
            distance += self.core
        offsets = distance.view(np.int64)
        offsets -= _bits(self.core)
        sign = away.view(np.int64)
        sign >>= 63  # -1 left of the centre, 0 right of it; -0.0 has distance 0 on either side
        offsets ^= sign
        offsets -= sign
        return offsets

    def locate(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The cell of each finite value, 0 to size - 1; a new array, monotone in the value."""
        cells = self._offsets(values)
        cells >>= self.shift
        cells -= self.first
        np.maximum(cells, 0, out=cells)
        np.minimum(cells, self.size - 1, out=cells)
        return cells

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
