"""Energy distance: rows between the windows against rows within them.

    E = √( 2 ∫ (F(x) - G(x))² dx ) = √( 2 E|X - Y| - E|X - X'| - E|Y - Y'| )

In the square root of the column's unit (scaling a column by 4 doubles it), 0 or more; it equals
`scipy.stats.energy_distance`. Sorted rows when they are in memory; from counts alone the grid's
borders stand for the values (`detail["method"]`).

Blind spot: no scale of its own, so that no threshold serves two columns. Source: Székely and
Rizzo 2013.
"""

from __future__ import annotations

import math

import numpy as np

from mondrift.measures.empirical import distribution_functions
from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary


def energy(reference: Summary, current: Summary) -> Result:
    """The distance; NaN when the values are too large to be subtracted.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> layout = fit_layout(numeric([0, 1, 2]))
    >>> energy(summarize(numeric([0, 1, 2]), layout),
    ...        summarize(numeric([1, 2, 3]), layout)).statistic
    0.81649658
    """
    points, f, g, exact = distribution_functions(reference, current)
    with np.errstate(over="ignore", invalid="ignore"):
        squared = 2 * float(((f - g)[:-1] ** 2 * np.diff(points)).sum())
    if not math.isfinite(squared):
        return Result.unknown("the values are too large to be subtracted")
    return Result(math.sqrt(squared), detail={"method": "sorted rows" if exact else "grid"})
