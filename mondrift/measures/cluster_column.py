"""One column of two windows, as contributions of clusters to differences of shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.cluster_null import Contrast, Design
from mondrift.measures.column import Column
from mondrift.measures.layout import Layout
from mondrift.measures.psi import EXPECTED

POINTS = 128  # quantiles at which distribution functions are compared
CELLS = 200  # a level with a larger share of the rows is tested by itself
ENOUGH = 10  # units that must hold a row of a group, for it to be tested by itself

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClusteredColumn:
    """One column and its contrasts, each made when the first measure asks for it.

    units: clusters of each window by itself, one per row; seed: of the draws.
    """

    layout: Layout
    one: Column
    other: Column
    design: Design
    units: tuple[Codes, Codes]
    seed: int

    @cached_property
    def places(self) -> tuple[Codes, Codes]:
        """The grid cell or the level of each row; -1 for none, unseen levels behind the known."""
        return self._place(self.one), self._place(self.other)

    def _place(self, column: Column) -> Codes:
        if self.layout.bins is not None:
            finite = np.isfinite(column.values)
            if finite.all():
                return np.asarray(self.layout.bins.grid.locate(column.values))
            cells = np.full(column.n, -1, dtype=np.int64)
            cells[finite] = self.layout.bins.grid.locate(column.values[finite])
            return cells
        if column.kind == "boolean":
            missing = np.isnan(column.values)
            return np.where(missing, -1.0, column.values).astype(np.int64)
        assert self.layout.levels is not None
        known = self.layout.levels.position
        last = len(self.layout.levels.names)
        codes = [*(known.get(name, last) for name in column.levels), -1]
        return np.asarray(np.array(codes, dtype=np.int64)[column.values])

    def contrast(self, cell_of_place: Codes) -> Contrast:
        """The contributions, cell by cell, when every place belongs to a cell."""
        to = np.append(cell_of_place, -1)
        one, other = self.places
        return Contrast.of(self.design, (to[one], to[other]), int(cell_of_place.max()) + 1)

    def share(
        self,
        marked: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        among: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
    ) -> Contrast:
        """The contributions to the share of marked rows in each window, among some or all."""
        places = [each.astype(np.int64) for each in marked]
        if among is not None:
            places = [np.where(some, each, -1) for each, some in zip(places, among, strict=True)]
        return Contrast.of(self.design, (places[0], places[1]), 2).only(1)

    @cached_property
    def groups(self) -> Contrast:
        """Cell by cell of the layout's bins or groups."""
        if self.layout.bins is not None:
            cells = np.arange(self.layout.bins.grid.size)
            return self.contrast(np.searchsorted(self.layout.bins.cuts, cells, side="right") - 1)
        assert self.layout.levels is not None
        groups = self.layout.levels.group_array
        if self.layout.kind == "categorical":
            groups = np.append(groups, len(self.layout.labels) - 1)
        return self.contrast(groups)

    @cached_property
    def tested(self) -> Contrast:
        """The cells of chi-square: bins, or levels of both windows; rare ones together.

        Groups fitted on the reference hold what happens to be rare there, and nothing of the
        levels it has not seen: they would differ by themselves. All rules here look at both
        windows as one, so that the test stays valid.
        """
        tested = self._by_level() if self.layout.kind == "categorical" else self.groups
        rare = tested.shares * min(tested.n, tested.m) < EXPECTED
        rare |= tested.held < ENOUGH
        if rare.any() and not rare.all():
            kept = np.cumsum(~rare) - 1
            tested = tested.pooled(np.where(rare, kept[-1] + 1, kept))
        return tested

    @cached_property
    def levels(self) -> tuple[Codes, Codes]:
        """The level of each row in one numbering of both windows; -1 for none."""
        names = sorted({*self.one.levels, *self.other.levels})
        code = {name: place for place, name in enumerate(names)}
        one, other = (
            np.array([*(code[name] for name in each.levels), -1], dtype=np.int64)[each.values]
            for each in (self.one, self.other)
        )
        return one, other

    def _by_level(self) -> Contrast:
        """Frequent levels by themselves, others packed; equal totals are never parted."""
        codes = np.concatenate(self.levels)
        totals = np.bincount(codes[codes >= 0])
        n, m = (max(int(np.count_nonzero(each >= 0)), 1) for each in self.levels)
        enough = max(EXPECTED * (n + m) / min(n, m), (n + m) / CELLS)
        rare = totals < enough
        sizes, place = np.unique(totals[rare], return_inverse=True)
        mass = np.bincount(place.ravel()) * sizes
        pack = np.floor((np.cumsum(mass) - mass) / enough)[place.ravel()]
        cells = np.empty(len(totals))
        cells[rare] = pack
        cells[~rare] = np.arange(np.count_nonzero(~rare)) + pack.max(initial=0.0) + 1
        to = np.append(np.unique(cells, return_inverse=True)[1].ravel(), -1)
        one, other = self.levels
        return Contrast.of(self.design, (to[one], to[other]), int(to.max()) + 1)

    @cached_property
    def quantiles(self) -> Contrast:
        """Cell by cell between quantiles of both windows together."""
        assert self.layout.bins is not None
        size = self.layout.bins.grid.size
        counts = sum(np.bincount(each[each >= 0], minlength=size) for each in self.places)
        below = np.cumsum(counts)
        to = np.maximum(below - 1, 0) * POINTS // max(int(below[-1]), 1)
        return self.contrast(np.unique(to, return_inverse=True)[1].ravel())

    @cached_property
    def curve(self) -> Contrast:
        """The difference of the distribution functions at these quantiles."""
        return self.quantiles.cumulated()


def root_weights(contrast: Contrast) -> Values:
    """1 / √ share of each cell: with these weights the sum of squares is chi-square."""
    return 1 / np.sqrt(np.where(contrast.shares > 1e-12, contrast.shares, np.inf))


def inflation(contrast: Contrast, weights: Values | float = 1.0) -> float:
    """Variance with clusters over variance of independent rows, cells weighted.

    1 where nothing varies; below 1 where pairs within clusters cancel what clusters add.
    """
    shares = contrast.shares
    some = (shares > 1e-12) & (shares < 1 - 1e-12)
    plain = shares * (1 - shares) * (1 / max(contrast.n, 1) + 1 / max(contrast.m, 1))
    found, without = (float((each * weights)[some].sum()) for each in (contrast.variances(), plain))
    return found / without if without > 0 else 1.0
