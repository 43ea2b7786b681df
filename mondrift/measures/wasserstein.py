"""Wasserstein distance: how far rows have moved, on average, in scales of the reference.

    W = ∫ |F(x) - G(x)| dx / scale    x between the reference's 0.5 % and 99.5 % quantiles

That is the distance after winsorising both windows at these quantiles: one wild value cannot
carry it; out-of-range values are reported apart. The scale is the reference's standard deviation,
or IQR / 1.349 where the deviation is more than twice that (heavy tails); `detail["scale_rule"]`
says which. No unit, 0 or more; a column moved by half a σ has 0.5. `detail["raw"]` is the plain
distance over all finite values in the column's own unit.

Counted on the grid with the sums per cell: exact but for cells in which F and G cross;
`detail["raw_error"]` bounds what they can change. A constant reference has no scale: 0 when the
current window holds the same constant, else NaN with the reason (KS and total variation see it).

Blind spot: with no drift it is not 0 but about `detail["noise"]`, which is shown, not subtracted.
Source: Vallender 1974 for the integral.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.layout import Bins
from mondrift.measures.measure import Result
from mondrift.measures.summary import Summary

_ROUNDING = 1e-12  # a difference of shares below this is one of rounding

Values = NDArray[np.float64]


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
    areas, errors, noises = _areas(reference, current, bins)
    raw, error = float(areas.sum()), float(errors.sum())
    detail = {"raw": raw, "raw_error": error, "scale": bins.scale, "scale_rule": bins.scale_rule}
    if not np.isfinite(raw + error):
        return Result.unknown("the values are too large to be subtracted")
    if bins.scale == 0.0:
        extremes = {reference.minimum, reference.maximum, current.minimum, current.maximum}
        if len(extremes) == 1:
            return Result(0.0, detail=detail)
        return Result.unknown(f"the reference has no scale ({bins.scale_rule})", **detail)
    middle = slice(bins.low_cell, bins.high_cell)
    noise = float(noises[middle].sum()) / bins.scale
    return Result(float(areas[middle].sum()) / bins.scale, detail={**detail, "noise": noise})


def _areas(reference: Summary, current: Summary, bins: Bins) -> tuple[Values, Values, Values]:
    """Per cell: ∫|F - G| dx, what it may be wrong by, and its mean with no drift."""
    borders = bins.grid.all_borders.copy()
    borders[0] = min(reference.minimum, current.minimum, borders[1])
    borders[-1] = max(reference.maximum, current.maximum, borders[-2])
    with np.errstate(over="ignore", invalid="ignore"):
        borders -= bins.grid.centre
        width = np.diff(borders)
        below, inside, area = zip(
            *(_distribution(each, borders, width) for each in (reference, current)), strict=True
        )
        left = below[0] - below[1]
        right = left + inside[0] - inside[1]
        signed = area[0] - area[1]
        crossing = width * (left**2 + right**2) / (2 * np.maximum(np.abs(left - right), 1e-300))
        opposite = np.minimum(np.abs(left), np.abs(right)) > _ROUNDING
        opposite &= (left < 0) != (right < 0)
        areas = np.where(opposite, np.maximum(crossing, np.abs(signed)), np.abs(signed))
        # F - G reaches at most left + f and at least left - g inside the cell
        over, under = np.maximum(left + inside[0], 0), np.maximum(inside[1] - left, 0)
        errors = 2 * width * np.minimum(over, under)
        if not (len(reference.sums) and len(current.sums)):
            errors = errors + width * (inside[0] + inside[1]) / 2
        n, m = reference.count, current.count
        half = below[0] + inside[0] / 2
        noises = np.sqrt(2 / np.pi * (1 / n + 1 / m) * half * (1 - half)) * width
    return areas, errors, noises


def _distribution(
    summary: Summary, borders: Values, width: Values
) -> tuple[Values, Values, Values]:
    """Per cell: share of rows left of it, share inside, and ∫ F dx over it."""
    n = summary.count
    inside = summary.cells / n
    below = np.concatenate([[0.0], np.cumsum(summary.cells)[:-1] / n])
    if len(summary.sums):
        within = (summary.cells * borders[1:] - summary.sums) / n
    else:
        within = inside * width / 2
    return below, inside, below * width + within
