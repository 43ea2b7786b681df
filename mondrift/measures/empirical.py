"""Both distribution functions at every value that occurs: for measures that compare them whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.summary import Summary

Values = NDArray[np.float64]


def distribution_functions(
    reference: Summary, current: Summary
) -> tuple[Values, Values, Values, bool]:
    """Points in ascending order, F and G at them (shares at most that value), and "is exact".

    Exact from the sorted rows when both windows are in memory, else at the grid's borders.
    """
    if reference.in_memory and current.in_memory:
        points = np.unique(np.concatenate([reference.ordered, current.ordered]))
        f, g = (
            np.searchsorted(each.ordered, points, side="right") / each.count
            for each in (reference, current)
        )
        return points, f, g, True
    bins = reference.layout.bins
    assert bins is not None
    points = bins.grid.all_borders[1:].copy()
    points[-1] = max(reference.maximum, current.maximum, points[-2])
    return points, reference.distribution, current.distribution, False
