"""How a column is counted: fixed once, on the reference, and the same for every window after.

A numeric column gets a fine grid and at most ten bins whose edges are picked from the grid's
borders: quantile edges, open ends, doubles merged, a bin of its own for a value that holds a
tenth of the rows. A categorical column gets its levels and at most a hundred groups: a level
that holds a hundredth of the rows is a group, rarer ones are packed, most frequent first, into
groups of about a twentieth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.grid import Grid

UNSEEN = "(unseen levels)"


@dataclass(frozen=True)
class Bins:
    """Bins of a numeric column: bin b holds the grid's cells `cuts[b]` up to `cuts[b + 1]`.

    low_cell, high_cell: the cells between which Wasserstein looks (the reference's 0.5 % and
    99.5 % quantiles). scale: the reference's std, or IQR / 1.349 when it is heavy-tailed; 0 when
    it is constant. minimum, maximum: the reference's range of finite values. known: by what a
    reference without rows is known ("quantiles"; "moments": then the one bin says nothing); "":
    its rows were counted.
    """

    grid: Grid
    cuts: tuple[int, ...]
    discrete: bool
    minimum: float
    maximum: float
    scale: float
    scale_rule: str
    low_cell: int
    high_cell: int
    known: str = ""

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins [a, b): -inf, the inner ones in ascending order, +inf."""
        return self.grid.all_borders[[*self.cuts, self.grid.size]]


@dataclass(frozen=True)
class Levels:
    """Levels of the reference, most frequent first, and the group of each."""

    names: tuple[str, ...]
    groups: tuple[int, ...]

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each level stands in `names`."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def group_array(self) -> NDArray[np.int64]:
        """`groups` as an array."""
        return np.array(self.groups, dtype=np.int64)


@dataclass(frozen=True)
class Layout:
    """Kind and bins or levels of a column; neither when the reference holds no value to bin.

    labels: one per bin or group; a categorical column's last one stands for unseen levels.

    >>> from mondrift.measures.column import numeric
    >>> from mondrift.measures.fitting import fit_layout
    >>> fit_layout(numeric([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])).labels
    ('0', '1')
    """

    kind: str
    labels: tuple[str, ...] = ()
    bins: Bins | None = None
    levels: Levels | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid, for the store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Layout:
        """The way back from `to_dict`, also after a journey through JSON."""
        bins, levels = stored["bins"], stored["levels"]
        if bins is not None:
            bins = Bins(**{**bins, "grid": Grid(**bins["grid"]), "cuts": tuple(bins["cuts"])})
        if levels is not None:
            levels = Levels(tuple(levels["names"]), tuple(levels["groups"]))
        return cls(stored["kind"], tuple(stored["labels"]), bins, levels)
