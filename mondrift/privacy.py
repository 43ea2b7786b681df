"""What may be told of a private column: how far it moved, never what it holds.

No categories, no borders of bins, no amounts in the column's own unit; statistics, p-values, sizes
and the shape of the histogram stay.
"""

from __future__ import annotations

from dataclasses import replace

from mondrift.histogram import Histogram
from mondrift.measurement import Measurement

#: Details that name levels, or are amounts in the column's unit.
_TELLING = frozenset(
    {"levels", "empty_reference", "empty_current", "pooled_into", "raw", "raw_error", "scale"}
)


def without_values(measurement: Measurement) -> Measurement:
    """The measurement without the details that tell values."""
    detail = {key: fact for key, fact in measurement.detail.items() if key not in _TELLING}
    return replace(measurement, detail=detail)


def without_names(picture: Histogram) -> Histogram:
    """The histogram with numbered bins or levels.

    >>> shown = Histogram("plan", "categorical", ("free", "pro"), None, (3, 1), (1, 3), 0, 0)
    >>> without_names(shown).labels
    ('level 1', 'level 2')
    """
    word = "level" if picture.edges is None else "bin"
    labels = tuple(f"{word} {number}" for number in range(1, len(picture.labels) + 1))
    return replace(picture, labels=labels, edges=None)
