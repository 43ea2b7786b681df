"""What a window knows about one column: one pass, one value, and it adds.

Every measure reads two summaries; rollups store them; partitions send them home. The law is
`summary(a) + summary(b) == summary(a and b)`: counts exactly, moments to 1e-12. While the rows
are in memory a summary holds on to them without copying, so that a measure can be exact.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError
from mondrift.measures.layout import Layout

_KEPT_UNSEEN = 1000  # unseen levels that a stored summary names; the rest are only counted

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def _no_counts() -> Counts:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Summary:
    """One column in one window.

    n, missing: rows, and rows without a value. negative_infinite, positive_infinite: rows that
    are no finite number; minimum, maximum, mean and m2 (the sum of squared deviations) describe
    the others and are NaN (m2: 0) when there are none. cells: counts on the grid (numeric) or on
    the reference's levels. sums: per cell, of value minus the grid's centre; empty in a summary
    that comes from the store. held: per cell, the one value that all its rows share, NaN where
    that is not known; empty when it is known of none. below, above: finite values outside the
    reference's range; unsure: rows beside them that counts do not place. unseen: rows per level
    that the reference does not have; unseen_more: rows in unseen levels that are no longer named.
    rows: the values themselves, when in memory; places: the cells of the finite ones among them.
    """

    layout: Layout
    n: int
    missing: int
    negative_infinite: int = 0
    positive_infinite: int = 0
    minimum: float = math.nan
    maximum: float = math.nan
    mean: float = math.nan
    m2: float = 0.0
    below: int = 0
    above: int = 0
    unsure: int = 0
    cells: Counts = field(default_factory=_no_counts)
    sums: Values = field(default_factory=lambda: np.zeros(0))
    held: Values = field(default_factory=lambda: np.zeros(0))
    unseen: Mapping[str, int] = field(default_factory=dict)
    unseen_more: int = 0
    rows: tuple[Values, ...] = ()
    places: tuple[NDArray[np.uint16], ...] = ()

    @property
    def infinite(self) -> int:
        """Rows that hold plus or minus infinity."""
        return self.negative_infinite + self.positive_infinite

    @property
    def count(self) -> int:
        """Rows whose value takes part in the distribution: neither missing nor infinite."""
        return self.n - self.missing - self.infinite

    @property
    def unseen_rows(self) -> int:
        """Rows in levels that the reference does not have."""
        return sum(self.unseen.values()) + self.unseen_more

    @property
    def std(self) -> float:
        """Population standard deviation of the finite values; NaN without any."""
        return math.sqrt(self.m2 / self.count) if self.count else math.nan

    @cached_property
    def counts(self) -> Counts:
        """Rows per bin or group, in the order of `layout.labels`."""
        if self.layout.bins is not None:
            return np.add.reduceat(self.cells, self.layout.bins.cuts)
        if self.layout.levels is not None:
            groups = self.layout.levels.group_array
            counts = np.zeros(len(self.layout.labels), dtype=np.int64)
            np.add.at(counts, groups, self.cells)
            if self.layout.kind == "categorical":
                counts[-1] = self.unseen_rows
            return counts
        return _no_counts()

    @cached_property
    def cumulative(self) -> Counts:
        """Rows up to the end of each cell of the grid."""
        return np.cumsum(self.cells)

    @cached_property
    def cell_shares(self) -> Values:
        """Share of the rows with a value that each cell holds."""
        return self.cells / self.count

    @cached_property
    def distribution(self) -> Values:
        """Share of the rows with a value up to the end of each cell."""
        return self.cumulative / self.count

    @cached_property
    def located(self) -> NDArray[np.uint16]:
        """The grid cell of each finite value in memory, in the order of `finite`."""
        if len(self.places) == 1:
            return self.places[0]
        return np.concatenate([np.zeros(0, dtype=np.uint16), *self.places])

    @cached_property
    def finite(self) -> Values:
        """The finite values in memory; no copy when all rows are finite and of one part."""
        parts = [part[np.isfinite(part)] if self.n > self.count else part for part in self.rows]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])

    @cached_property
    def ordered(self) -> Values:
        """The finite values in memory, sorted."""
        return np.sort(self.finite)

    @property
    def in_memory(self) -> bool:
        """Whether `finite` holds every value that was counted."""
        return bool(self.rows) and len(self.finite) == self.count

    def __add__(self, other: Summary) -> Summary:
        """The summary of both windows' rows together.

        Raises InputError when the layouts differ: counts on different grids cannot be added.
        """
        if self.layout is not other.layout and self.layout != other.layout:
            raise InputError(
                "Two summaries with different layouts cannot be added. Summarize both columns "
                "with the layout fitted on one reference."
            )
        moments = [(each.count, each.mean, each.m2) for each in (self, other)]
        both = len(self.sums) == len(other.sums)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, m2 = pooled_moments(*moments)
            sums = self.sums + other.sums if both else np.zeros(0)
        remembered = (self.rows or not self.n) and (other.rows or not other.n)
        return Summary(
            layout=self.layout,
            n=self.n + other.n,
            missing=self.missing + other.missing,
            negative_infinite=self.negative_infinite + other.negative_infinite,
            positive_infinite=self.positive_infinite + other.positive_infinite,
            minimum=_nan_aware(min, self.minimum, other.minimum),
            maximum=_nan_aware(max, self.maximum, other.maximum),
            mean=mean,
            m2=m2,
            below=self.below + other.below,
            above=self.above + other.above,
            unsure=self.unsure + other.unsure,
            cells=self.cells + other.cells,
            sums=sums,
            held=_held_by_both(self, other),
            unseen=dict(sorted((Counter(self.unseen) + Counter(other.unseen)).items())),
            unseen_more=self.unseen_more + other.unseen_more,
            rows=(*self.rows, *other.rows) if remembered else (),
            places=(*self.places, *other.places) if remembered else (),
        )

    def on(self, layout: Layout) -> Summary:
        """The same window read with another layout: other bins of the same grid, other levels.

        Rows in levels that `layout` lacks become unseen ones, and unseen ones that it has are
        counted. `below` and `above` count the cells that lie wholly outside its range, and one
        row more where the extremes tell of one; rows in the range's own two cells are `unsure`
        unless the extremes or `held` place them.

        Raises InputError when the grids differ: counts cannot be moved to other cells.

        >>> from mondrift.measures import fit_layout, summarize
        >>> from mondrift.measures.column import categorical
        >>> counted = summarize(categorical("aab"), fit_layout(categorical("aab")))
        >>> again = counted.on(fit_layout(categorical("bbc")))
        >>> again.layout.levels.names, again.cells.tolist(), dict(again.unseen)
        (('b', 'c'), [1, 0], {'a': 2})
        """
        if layout is self.layout or layout == self.layout:
            return self
        if layout.levels is not None and self.layout.levels is not None:
            named = Counter(self.unseen)
            named.update(dict(zip(self.layout.levels.names, self.cells.tolist(), strict=True)))
            cells = np.array([named.pop(name, 0) for name in layout.levels.names], dtype=np.int64)
            return replace(self, layout=layout, cells=cells, unseen=dict(sorted((+named).items())))
        bins, mine = layout.bins, self.layout.bins
        if bins is None and layout.kind == self.layout.kind:  # a reference without any value
            return replace(self, layout=layout, cells=np.array([self.count]), sums=np.zeros(1))
        if bins is None or mine is None or bins.grid != mine.grid:
            raise InputError(
                "A summary cannot be read with a layout of another grid. Fit the layout with "
                "fit_layout(column, grid=...), the grid on which the summary was counted."
            )
        low, high = bins.grid.locate(np.array([bins.minimum, bins.maximum])).tolist()
        below, low_unsure = _beyond(
            int(self.cells[:low].sum()), self._at(low), self.minimum < bins.minimum,
            lambda value: value < bins.minimum,
        )  # fmt: skip
        above, high_unsure = _beyond(
            int(self.cells[high + 1 :].sum()), self._at(high), self.maximum > bins.maximum,
            lambda value: value > bins.maximum,
        )  # fmt: skip
        unsure = max(low_unsure, high_unsure) if low == high else low_unsure + high_unsure
        return replace(self, layout=layout, below=below, above=above, unsure=unsure)

    def _at(self, cell: int) -> tuple[int, float]:
        """Rows of a cell, and the value that they share (NaN: not known)."""
        return int(self.cells[cell]), float(self.held[cell]) if len(self.held) else math.nan

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid, without layout, rows and sums; only cells that hold something."""
        some, known = np.flatnonzero(self.cells), np.flatnonzero(~np.isnan(self.held))
        named = Counter(self.unseen).most_common(_KEPT_UNSEEN)
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: _or_none(getattr(self, name)) for name in _REAL},
            "cells": {"at": some.tolist(), "count": self.cells[some].tolist()},
            "size": len(self.cells),
            "held": {"at": known.tolist(), "value": self.held[known].tolist()},
            "unseen": dict(sorted(named)),
            "unseen_more": self.unseen_rows - sum(count for _, count in named),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], layout: Layout) -> Summary:
        """The way back from `to_dict`, with the layout it was counted on."""
        cells = np.zeros(stored["size"], dtype=np.int64)
        cells[stored["cells"]["at"]] = stored["cells"]["count"]
        held = np.full(stored["size"] if stored["held"]["at"] else 0, math.nan)
        held[stored["held"]["at"]] = stored["held"]["value"]
        plain: dict[str, Any] = {name: stored[name] for name in _PLAIN}
        for name in _REAL:
            plain[name] = math.nan if stored[name] is None else stored[name]
        unseen = {"unseen": dict(stored["unseen"]), "unseen_more": stored["unseen_more"]}
        return cls(layout, **plain, cells=cells, held=held, **unseen)


_PLAIN = ("n", "missing", "negative_infinite", "positive_infinite", "below", "above", "unsure")
_REAL = ("minimum", "maximum", "mean", "m2")


def pooled_moments(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> tuple[float, float]:
    """Mean and m2 of two parts together (Chan, Golub and LeVeque 1979)."""
    if not one[0] or not other[0]:
        return (one if one[0] else other)[1:]
    n = one[0] + other[0]
    apart = other[1] - one[1]
    mean = one[1] * (one[0] / n) + other[1] * (other[0] / n)
    return mean, one[2] + other[2] + apart * apart * (one[0] * (other[0] / n))


def _held_by_both(one: Summary, other: Summary) -> Values:
    """The one value of each cell in both parts together; a part without rows there has no say."""
    if not len(one.held) or not len(other.held):
        return np.zeros(0)
    agreed = np.where(one.held == other.held, one.held, math.nan)
    agreed = np.where(other.cells == 0, one.held, agreed)
    return np.asarray(np.where(one.cells == 0, other.held, agreed))


def _beyond(
    wholly: int, at_the_end: tuple[int, float], some: bool, is_beyond: Callable[[float], bool]
) -> tuple[int, int]:
    """Rows outside one end of a range, and those that may lie there, too.

    `wholly`: rows in cells outside; `at_the_end`: rows in the end's own cell, and their value
    where they share one; `some`: whether the extremes tell of a row outside.
    """
    rows, value = at_the_end
    if not math.isnan(value):
        return wholly + rows * is_beyond(value), 0
    if not some:
        return wholly, 0
    surely = max(wholly, 1)
    return surely, wholly + rows - surely


def _nan_aware(choose: Any, one: float, other: float) -> float:
    known = [value for value in (one, other) if not math.isnan(value)]
    return float(choose(known)) if known else math.nan


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
