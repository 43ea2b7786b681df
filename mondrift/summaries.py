"""`Summaries`: a window as counts that add, without its rows; what rollups and partitions hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mondrift.measures import Layout, Summary
from mondrift.rows import Rows
from mondrift.schema import Schema
from mondrift.window import Window


@dataclass(frozen=True)
class Summaries:
    """One window of a model, counted.

    Parameters
    ----------
    columns : {segment: {column: Summary}}
        "" is the whole window; a segment is named "column=level", as in a comparison.
    sizes : {segment: number of rows}
    unreadable, absent, extra : as in `Rows`.
    labelled : rows of the columns that performance needs together (target, prediction,
        probabilities, latency, segments), where they were read; None: no performance is measured.
    """

    schema: Schema
    window: Window
    columns: Mapping[str, Mapping[str, Summary]]
    sizes: Mapping[str, int]
    unreadable: Mapping[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    labelled: Rows | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.window.n

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments that were counted."""
        return tuple(label for label in self.columns if label)

    def levels(self, name: str) -> list[str]:
        """The levels of a segment column that were counted, the largest first."""
        start = f"{name}="
        return [each[len(start) :] for each in self.segments if each.startswith(start)]

    def segment(self, name: str, level: str) -> Summaries:
        """The rows of one segment, as a window; without rows when none were counted."""
        label = f"{name}={level}"
        nothing = {column: empty(each.layout) for column, each in self.columns[""].items()}
        n = self.sizes.get(label, 0)
        return replace(
            self,
            window=replace(self.window, n=n, label=label),
            columns={"": {**nothing, **self.columns.get(label, {})}},
            sizes={"": n},
            unreadable={},
            labelled=None if self.labelled is None else self.labelled.segment(name, level),
        )


def empty(layout: Layout) -> Summary:
    """The summary of no rows: adding it changes nothing."""
    if layout.bins is not None:
        size = layout.bins.grid.size
    else:
        size = len(layout.levels.names) if layout.levels is not None else 0
    return Summary(layout, 0, 0, cells=np.zeros(size, dtype=np.int64))
