"""Ties: which cells of a grid hold one single value.

Inside a cell counts do not say how the rows of two windows lie; so a spike of zeros or a column of
whole numbers could hide any KS distance. Values that are frequent when the layout is fixed are
therefore counted apart: a cell whose rows all hold the same value in both windows hides nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.grid import Grid

SHARE = 0.005  # of the rows that a value needs
MOST = 200  # values per column

Floats = NDArray[np.float64]


def frequent(values: Floats) -> tuple[float, ...]:
    """The values that hold a half percent of the finite ones, ascending.

    >>> frequent(np.array([0.0] * 500 + list(range(1, 501))))
    (0.0,)
    """
    finite = values[np.isfinite(values)]
    distinct, counts = np.unique(finite, return_counts=True)
    often = np.flatnonzero(counts >= max(SHARE * len(finite), 2))
    most = often[np.argsort(-counts[often], kind="stable")[:MOST]]
    return tuple((distinct[np.sort(most)] + 0.0).tolist())


def places(values: Floats, ties: tuple[float, ...]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which values are ties, and the place of each of those in `ties`."""
    known = np.array(ties)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    is_tie = known[at] == values
    return is_tie, at[is_tie]


def held(
    grid: Grid, cells: NDArray[np.int64], ties: tuple[float, ...], rows: NDArray[np.int64]
) -> Floats:
    """The value of each cell whose rows are all of one tie; `rows` of each tie."""
    found = np.full(len(cells), np.nan)
    if ties:
        at = grid.locate(np.array(ties))
        alone = (rows > 0) & (rows == cells[at])
        found[at[alone]] = np.array(ties)[alone]
    return found
