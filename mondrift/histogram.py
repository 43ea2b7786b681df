"""Histograms: what a distribution looks like, for people; small whatever the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mondrift.measures.layout import Bins
from mondrift.measures.summary import Summary

_SHOWN_BINS = 20  # between the reference's 0.5 % and 99.5 % quantiles; two open ends beside them
_SHOWN_LEVELS = 15  # the largest; the others are one bar


@dataclass(frozen=True)
class Histogram:
    """Counts of a column in both windows, on bins or levels that the reference fixed.

    `edges` are the k + 1 bin borders of a numeric column (None for an open end), else None.
    """

    column: str
    kind: str
    labels: tuple[str, ...]
    edges: tuple[float | None, ...] | None
    reference: tuple[int, ...]
    current: tuple[int, ...]
    missing_reference: int
    missing_current: int
    segment: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Histogram:
        """The histogram whose fields `data` holds, after a journey through JSON."""
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**fields)

    def shares(self, window: str) -> tuple[float, ...]:
        """Share of the non-missing rows per bin in the "reference" or "current" window."""
        counts: tuple[int, ...] = getattr(self, window)
        total = max(sum(counts), 1)
        return tuple(count / total for count in counts)

    def to_frame(self) -> pd.DataFrame:
        """Tidy: column, position, label, start, end, window, count, share of the non-missing."""
        edges = self.edges or (None,) * (len(self.labels) + 1)
        parts = [
            pd.DataFrame(
                {
                    "column": self.column,
                    "position": range(len(self.labels)),
                    "label": self.labels,
                    "start": np.array(edges[:-1], dtype="float64"),
                    "end": np.array(edges[1:], dtype="float64"),
                    "window": window,
                    "count": getattr(self, window),
                    "share": self.shares(window),
                }
            )
            for window in ("reference", "current")
        ]
        return pd.concat(parts, ignore_index=True)


def histogram(column: str, segment: str, reference: Summary, current: Summary) -> Histogram | None:
    """The histogram of two summaries on one layout; None when the reference has no values."""
    layout = reference.layout
    if layout.bins is not None:
        labels, edges, counts = _binned(layout.bins, layout.labels, reference, current)
    elif layout.levels is not None:
        labels, counts = _levelled(layout.labels, reference, current)
        edges = None
    else:
        return None
    return Histogram(
        column, layout.kind, labels, edges, counts[0], counts[1], reference.missing,
        current.missing, segment,
    )  # fmt: skip


_Counts = tuple[tuple[int, ...], tuple[int, ...]]


def _binned(
    bins: Bins, labels: tuple[str, ...], reference: Summary, current: Summary
) -> tuple[tuple[str, ...], tuple[float | None, ...], _Counts]:
    """Bins of one width where the column is continuous, a bin per value where it is discrete.

    Those between its quantiles where they are all that is known.
    """
    grid, cuts = bins.grid, list(bins.cuts)
    even = not bins.discrete and not bins.known
    if even:
        low = max(float(grid.all_borders[bins.low_cell]), bins.minimum)
        high = min(float(grid.all_borders[bins.high_cell]), bins.maximum)
        cuts = sorted({0, *grid.locate(np.linspace(low, high, _SHOWN_BINS + 1)).tolist()})
    borders = grid.all_borders[[*cuts, grid.size]].tolist()
    edges = tuple(edge if math.isfinite(edge) else None for edge in borders)
    if even:
        labels = tuple(_between(a, b) for a, b in pairwise(edges))
    one, other = (np.add.reduceat(each.cells, cuts).tolist() for each in (reference, current))
    return labels, edges, (tuple(one), tuple(other))


def _between(start: float | None, end: float | None) -> str:
    if start is None:
        return "all" if end is None else f"< {end:.4g}"
    return f"≥ {start:.4g}" if end is None else f"{start:.4g} – {end:.4g}"


def _levelled(
    labels: tuple[str, ...], reference: Summary, current: Summary
) -> tuple[tuple[str, ...], _Counts]:
    """The largest groups in the layout's order, then the others as one, empty ones left out."""
    both = np.stack([reference.counts, current.counts])
    share = (both / np.maximum(both.sum(axis=1, keepdims=True), 1)).max(axis=0)
    kept = np.sort(np.argsort(-share, kind="stable")[:_SHOWN_LEVELS])
    kept = kept[share[kept] > 0]
    rest = both.sum(axis=1) - both[:, kept].sum(axis=1)
    names = [labels[place] for place in kept]
    counts = both[:, kept].tolist()
    if rest.any():
        names.append(f"({np.count_nonzero(share) - len(kept)} others)")
        counts = [[*counts[0], int(rest[0])], [*counts[1], int(rest[1])]]
    return tuple(names), (tuple(counts[0]), tuple(counts[1]))
