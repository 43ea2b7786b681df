"""A pair of windows, or of one segment of each: whatever is compared, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mondrift.measures import Summary, summarize, summarize_reference
from mondrift.measures.clusters import Clusters, clustered
from mondrift.measures.column import Column
from mondrift.measures.grid import Grid
from mondrift.measures.layout import Layout
from mondrift.measures.measure import Result
from mondrift.rows import Rows
from mondrift.summaries import Summaries

SEGMENTS = 20  # at most so many levels of a segment column, the largest first

Side = Rows | Summaries


@dataclass(frozen=True)
class Pair:
    """Two windows, or one segment of each, that are compared column by column."""

    segment: str
    before: Side
    after: Side

    @cached_property
    def clusters(self) -> Clusters | None:
        """The clusters of both windows' rows, where the schema declares them and rows are there."""
        name = self.before.schema.cluster
        if name is None or isinstance(self.before, Summaries) or isinstance(self.after, Summaries):
            return None
        if name not in self.before.columns or name not in self.after.columns:
            return None
        return Clusters.match(self.before.columns[name], self.after.columns[name])

    def clustered(
        self, results: dict[str, Result], name: str, layout: Layout, seed: int
    ) -> dict[str, Result]:
        """The same results, for rows that depend on each other where clusters are declared."""
        if self.clusters is None:
            return results
        one, other = self.before.columns[name], self.after.columns[name]
        assert isinstance(one, Column) and isinstance(other, Column)  # clusters are told by rows
        return clustered(results, layout, one, other, self.clusters, seed=seed)

    def summaries(self, name: str) -> tuple[Summary, Summary]:
        """A column of both windows, counted on the layout that the reference fixes."""
        if isinstance(self.before, Rows):
            column = self.before.columns[name]
            reference = summarize_reference(column, grid=_grid(self.after, name))
        else:
            reference = self.before.columns[""][name]
        if isinstance(self.after, Rows):
            return reference, summarize(self.after.columns[name], reference.layout)
        return reference, self.after.columns[""][name].on(reference.layout)


def _grid(window: Side, name: str) -> Grid | None:
    """The grid on which a window was counted; None when its rows are there to be counted."""
    if isinstance(window, Rows):
        return None
    bins = window.columns[""][name].layout.bins
    return bins.grid if bins else None


def names_of(window: Side) -> tuple[str, ...]:
    return tuple(window.columns if isinstance(window, Rows) else window.columns[""])


def rows_of(window: Side) -> Rows | None:
    """The rows that performance is measured on."""
    return window if isinstance(window, Rows) else window.labelled


def segments(before: Side, after: Side) -> Iterator[Pair]:
    """The windows cut by each level of each segment column, the reference's largest first."""
    for name in before.schema.segments:
        if name not in names_of(before) or name not in names_of(after):
            continue
        for level in _levels(before, name):
            one, other = before.segment(name, level), after.segment(name, level)
            yield Pair(f"{name}={level}", one, other)


def _levels(window: Side, name: str) -> list[str]:
    if isinstance(window, Summaries):
        return window.levels(name)[:SEGMENTS]
    return largest_levels(window.columns[name])


def largest_levels(column: Column) -> list[str]:
    """The levels of a segment column that have rows, the largest first, at most `SEGMENTS`."""
    if column.kind != "categorical":
        return []
    counts = np.bincount(column.values[column.values >= 0], minlength=len(column.levels))
    order = np.argsort(-counts, kind="stable")[:SEGMENTS].tolist()
    return [column.levels[code] for code in order if counts[code]]
