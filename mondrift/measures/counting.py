"""The one pass: a column counted on a layout.

In chunks that fit the processor's cache, each read once: finite or not, extremes, moments, cells
of the grid, sums per cell.
"""

from __future__ import annotations

import math

import numpy as np

from mondrift.errors import InputError
from mondrift.measures.column import Column
from mondrift.measures.layout import Layout
from mondrift.measures.summary import Counts, Summary, Values, pooled_moments

_CHUNK = 1 << 15  # rows


def summarize(column: Column, layout: Layout) -> Summary:
    """Count a column on a layout, in one pass; the column's array is kept, never changed.

    Raises InputError when the layout was fitted on a column of another kind.

    >>> from mondrift.measures.column import categorical
    >>> from mondrift.measures.fitting import fit_layout
    >>> layout = fit_layout(categorical(["a", "a", "b"]))
    >>> today = summarize(categorical(["a", "c", None]), layout)
    >>> today.counts.tolist(), dict(today.unseen), today.missing
    ([1, 0, 1], {'c': 1}, 1)
    """
    if column.kind != layout.kind:
        raise InputError(
            f"Column {column.name!r} is {column.kind}, but the layout is for a {layout.kind} "
            "column. The kind is fixed by the schema, from the reference."
        )
    if column.kind == "numeric":
        return _numeric(column.values, layout)
    if column.kind == "categorical":
        return _categorical(column, layout)
    if column.kind == "boolean":
        missing = int(np.count_nonzero(np.isnan(column.values)))
        true = int(np.count_nonzero(column.values == 1.0))
        cells = np.array([column.n - missing - true, true], dtype=np.int64)
        return Summary(layout, column.n, missing, cells=cells)
    return Summary(layout, column.n, int(np.count_nonzero(column.values)))


def _numeric(values: Values, layout: Layout) -> Summary:
    """One pass in chunks that fit the cache; a reference without values has no grid."""
    bins = layout.bins
    size = bins.grid.size if bins else 1
    cells, sums = np.zeros(size, dtype=np.int64), np.zeros(size)
    missing = negative = positive = below = above = 0
    minimum, maximum = math.inf, -math.inf
    moments = (0, math.nan, 0.0)
    places = np.empty(len(values) if bins else 0, dtype=np.uint16)
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        low, high = float(chunk.min()), float(chunk.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # NaN shows in both
            missing += int(np.count_nonzero(np.isnan(chunk)))
            negative += int(np.count_nonzero(chunk == -np.inf))
            positive += int(np.count_nonzero(chunk == np.inf))
            chunk = chunk[np.isfinite(chunk)]
            if not len(chunk):
                continue
            low, high = float(chunk.min()), float(chunk.max())
        minimum, maximum = min(minimum, low), max(maximum, high)
        counted, many = moments[0], len(chunk)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.add.reduce(chunk)) / many
            away = chunk - mean
            np.square(away, out=away)  # not a dot product: BLAS would wake threads for it
            square = float(np.add.reduce(away))
            moments = (counted + many, *pooled_moments(moments, (many, mean, square)))
            if bins is None:
                cells[0] += many
                continue
            below += int(np.count_nonzero(chunk < bins.minimum)) if low < bins.minimum else 0
            above += int(np.count_nonzero(chunk > bins.maximum)) if high > bins.maximum else 0
            np.subtract(chunk, bins.grid.centre, out=away)
            where = bins.grid.locate_from_centre(away)
            places[counted : counted + many] = where
            cells += np.bincount(where, minlength=size)
            sums += np.bincount(where, weights=away, minlength=size)
    some = moments[0] > 0
    return Summary(
        layout=layout,
        n=len(values),
        missing=missing,
        negative_infinite=negative,
        positive_infinite=positive,
        minimum=minimum + 0.0 if some else math.nan,  # + 0.0 makes a zero of -0.0
        maximum=maximum + 0.0 if some else math.nan,
        mean=moments[1],
        m2=moments[2],
        below=below,
        above=above,
        cells=cells,
        sums=sums,
        rows=(values,),
        places=(places[: moments[0]],) if bins else (),
    )


def _categorical(column: Column, layout: Layout) -> Summary:
    assert layout.levels is not None
    missing, per_level = count_levels(column)
    cells = np.zeros(len(layout.levels.names), dtype=np.int64)
    unseen: dict[str, int] = {}
    position = layout.levels.position
    for place in np.flatnonzero(per_level).tolist():
        name = column.levels[place]
        known = position.get(name)
        if known is None:
            unseen[name] = int(per_level[place])
        else:
            cells[known] += per_level[place]
    return Summary(layout, column.n, missing, cells=cells, unseen=dict(sorted(unseen.items())))


def count_levels(column: Column) -> tuple[int, Counts]:
    """Missing rows of a categorical column, and rows per level in the order of its levels."""
    counted = np.bincount(column.values + 1, minlength=len(column.levels) + 1)
    return int(counted[0]), counted[1:]
