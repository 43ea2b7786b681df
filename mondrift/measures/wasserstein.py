"""Wasserstein distance: how far rows have moved, on average, in scales of the reference.

    W = ∫ |F(x) - G(x)| dx / scale    x between the reference's 0.5 % and 99.5 % quantiles

That is the distance after winsorising both windows at these quantiles: one wild value cannot
carry it; out-of-range values are reported apart. The scale is the reference's standard deviation,
or IQR / 1.349 where the deviation is more than twice that (heavy tails); `detail["scale_rule"]`
says which. No unit, 0 or more; a column moved by half a σ has 0.5. `detail["raw"]` is the plain
distance over all finite values in the column's own unit.

Counted on the grid with the sums per cell: exact but for cells in which F and G cross;
`detail["raw_error"]` bounds what they can change. Without these sums, rows count as if they lay in
the middle of their cell, unless they share one known value; the distance from sums then lies
between `detail["at_least"]` and `detail["at_most"]`. A constant reference has no scale: 0 when the
current window holds the same constant, else NaN with the reason (KS and total variation see it).

Blind spot: with no drift it is not 0 but about `detail["noise"]`, which is shown, not subtracted.
Source: Vallender 1974 for the integral.
"""

from __future__ import annotations

import math

import numpy as np

from mondrift.measures.layout import Bins
from mondrift.measures.measure import Result
from mondrift.measures.summary import Counts, Summary, Values

_ROUNDING = 1e-12  # a difference of shares below this is one of rounding


def wasserstein(reference: Summary, current: Summary) -> Result:
    """Scaled, winsorised distance; raw distance, its error bound, scale and noise in `detail`.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures import fit_layout, summarize
    >>> x = np.linspace(-1.0, 1.0, 2001)
    >>> layout = fit_layout(numeric(x))
    >>> result = wasserstein(summarize(numeric(x), layout), summarize(numeric(x + 0.1), layout))
    >>> result.statistic, result.detail["raw"]
    (0.17, 0.1)
    """
    bins = reference.layout.bins
    assert bins is not None
    areas, error, noise, astray = _areas(reference, current, bins)
    raw = float(areas.sum())
    detail = {"raw": raw, "raw_error": error, "scale": bins.scale, "scale_rule": bins.scale_rule}
    if not np.isfinite(raw + error):
        return Result.unknown("the values are too large to be subtracted")
    if bins.scale == 0.0:
        extremes = {reference.minimum, reference.maximum, current.minimum, current.maximum}
        if len(extremes) == 1:
            return Result(0.0, detail=detail)
        return Result.unknown(f"the reference has no scale ({bins.scale_rule})", **detail)
    statistic = float(areas[bins.low_cell : bins.high_cell].sum()) / bins.scale
    detail["noise"] = noise / bins.scale
    if astray:
        detail["at_least"] = max(statistic - astray / bins.scale, 0.0)
        detail["at_most"] = statistic + astray / bins.scale
    return Result(statistic, detail=detail)


def _areas(reference: Summary, current: Summary, bins: Bins) -> tuple[Values, float, float, float]:
    """∫|F - G| dx per cell; what their sum may be wrong by; the middle's mean with no drift; how
    far the middle may be from what the sums of the values would give."""
    borders = bins.grid.all_borders.copy()
    borders[0] = min(reference.minimum, current.minimum, borders[1])
    borders[-1] = max(reference.maximum, current.maximum, borders[-2])
    f, g = reference.cell_shares, current.cell_shares
    with np.errstate(over="ignore", invalid="ignore"):
        borders -= bins.grid.centre
        width, ends = np.diff(borders), borders[1:]
        left = np.zeros(len(borders))  # F - G at the borders
        np.subtract(reference.distribution, current.distribution, out=left[1:])
        left, right = left[:-1], left[1:]
        middles = ends - width / 2
        positions = _positions(reference, f, middles, bins) - _positions(current, g, middles, bins)
        areas = np.abs(left * width + (f - g) * ends - positions)
        crossed = np.flatnonzero(left * right < 0)
        areas[crossed] = np.maximum(areas[crossed], _crossing(left, right, width, crossed))
        # F - G reaches at most left + f and at least left - g inside the cell
        beyond = np.maximum(np.minimum(left + f, g - left), 0)
        astray = (_unplaced(reference, f) + _unplaced(current, g)) / 4
        beyond += astray
        error = float((2 * width * beyond).sum())  # NaN where twice a width overflows
        middle = slice(bins.low_cell, bins.high_cell)
        half = reference.distribution[middle] - f[middle] / 2
        noise = float((np.sqrt(half * (1 - half)) * width[middle]).sum())
        moved = float((2 * width[middle] * astray[middle]).sum())
    noise *= math.sqrt(2 / math.pi * (1 / reference.count + 1 / current.count))
    return areas, error, noise, moved


def _crossing(left: Values, right: Values, width: Values, cells: Counts) -> Values:
    """∫|F - G| dx over cells in which F - G changes its sign, as if along a straight line."""
    left, right = np.abs(left[cells]), np.abs(right[cells])
    rounding = np.minimum(left, right) <= _ROUNDING
    return np.where(rounding, 0.0, width[cells] * (left**2 + right**2) / (2 * (left + right)))


def _positions(summary: Summary, shares: Values, middles: Values, bins: Bins) -> Values:
    """Per cell, the mean of x - centre over all rows of the window, zero for those elsewhere.

    From the sums of the values; without them from the value that a cell holds, or its middle.
    """
    if len(summary.sums):
        return summary.sums / summary.count
    if not len(summary.held):
        return shares * middles
    return shares * np.where(np.isnan(summary.held), middles, summary.held - bins.grid.centre)


def _unplaced(summary: Summary, shares: Values) -> Values:
    """The shares in cells where counts do not tell where the rows lie."""
    if len(summary.sums):
        return np.zeros(len(shares))
    return np.where(np.isnan(summary.held), shares, 0.0) if len(summary.held) else shares
