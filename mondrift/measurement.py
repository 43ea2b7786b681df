"""What a comparison is made of: measurements, each one number, and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Measurement:
    """One number about one column (or the model) in one segment.

    `family` is drift, quality, volume or performance. `statistic` is NaN when it could not be
    computed, and then `reason` says why; `pvalue` is None where the measure has no test. For
    metrics, `statistic` is the current window's value, [low, high] its 95 % interval, and
    `detail["reference"]` the reference's value. `segment` is "" for the whole window.
    """

    family: str
    column: str
    role: str
    kind: str
    measure: str
    statistic: float
    pvalue: float | None
    n_reference: int
    n_current: int
    low: float | None = None
    high: float | None = None
    segment: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Histogram:
    """Counts of a column in both windows, on the reference's bins or levels.

    `edges` are the k + 1 bin borders (open ends as None) of a numeric column, else None.
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

    def to_frame(self) -> pd.DataFrame:
        """Tidy: column, position, label, start, end, window, count, share of the non-missing."""
        parts = []
        for window, counts in (("reference", self.reference), ("current", self.current)):
            total = max(sum(counts), 1)
            edges = self.edges or (None,) * (len(counts) + 1)
            parts.append(
                pd.DataFrame(
                    {
                        "column": self.column,
                        "position": range(len(counts)),
                        "label": self.labels,
                        "start": pd.array(edges[:-1], dtype="Float64"),
                        "end": pd.array(edges[1:], dtype="Float64"),
                        "window": window,
                        "count": counts,
                        "share": [count / total for count in counts],
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)
