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
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.measures.column import Column
from mondrift.measures.grid import Grid, landmarks

BINS = 10
SPIKE = 0.1  # share of the rows from which one value keeps a bin of its own
SLIVER = 0.01  # a stretch beside a spike with a smaller share joins the spike's bin
DISCRETE = 50  # more distinct values than this are not called discrete
REPEATS = 5  # nor are values that occur less often than this on average
COMMON = 0.01  # share of the rows from which a level is a group of its own
PACK = 0.05  # share of the rows that a group of rarer levels collects
WINSOR = (0.005, 0.995)
HEAVY = 2.0  # a std of more than this many IQR / 1.349 is called heavy-tailed
NORMAL_IQR = 1.3489795003921634
_NOISE = 2.0**-20  # an IQR below this share of the std is that of a spike, no scale
UNSEEN = "(unseen levels)"
_SAME = 0.99


@dataclass(frozen=True)
class Bins:
    """Bins of a numeric column: bin b holds the grid's cells `cuts[b]` up to `cuts[b + 1]`.

    low_cell, high_cell: the cells between which Wasserstein looks (the reference's 0.5 % and
    99.5 % quantiles). scale: the reference's std, or IQR / 1.349 when it is heavy-tailed; 0 when
    it is constant. minimum, maximum: the reference's range of finite values.
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

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins [a, b): -inf, the inner ones in ascending order, +inf."""
        return self.grid.borders(np.array([*self.cuts, self.grid.size]))


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


def fit_layout(column: Column, *, grid: Grid | None = None) -> Layout:
    """The layout of a reference column; the order of its rows does not matter.

    `grid` is that of windows that were counted before: bins are then picked from its borders, so
    that their counts can be read with this layout (`Summary.on`). The range, the scale and the
    bins are this reference's; only the cells are not. None fits a grid to the column.

    >>> from mondrift.measures.column import numeric
    >>> first = fit_layout(numeric(range(100))).bins.grid
    >>> fit_layout(numeric(range(50, 150)), grid=first).bins.grid is first
    True
    """
    if column.kind == "numeric":
        finite = column.values[np.isfinite(column.values)]
        return _numeric(finite, grid) if len(finite) else Layout("numeric")
    if column.kind == "boolean":
        return Layout("boolean", ("False", "True"), levels=Levels(("False", "True"), (0, 1)))
    if column.kind == "categorical":
        return _categorical(column)
    return Layout(column.kind)


def _numeric(values: NDArray[np.float64], given: Grid | None) -> Layout:
    points = landmarks(values)
    grid = given or Grid.around(points, len(values))
    cells = grid.locate(values)
    counts = np.bincount(cells, minlength=grid.size)
    occupied = np.flatnonzero(counts)
    minimum, maximum = float(points[0]) + 0.0, float(points[-1]) + 0.0  # no -0.0
    discrete = len(occupied) <= DISCRETE and REPEATS * len(occupied) <= len(values)
    per_value = minimum == maximum or (discrete and len(occupied) <= BINS)
    cuts = _between(grid, occupied) if per_value else _quantile_cuts(counts)
    cumulative = np.cumsum(counts)
    low, high = np.searchsorted(cumulative, np.array(WINSOR) * len(values))
    scale, rule = _scale(values, points)
    spiky = bool(counts.max() >= SPIKE * len(values))
    bins = Bins(
        grid, cuts, discrete or spiky, minimum, maximum, scale, rule, int(low), int(high) + 1
    )
    return Layout("numeric", _labels(bins, values, cells), bins)


def _between(grid: Grid, occupied: NDArray[np.int64]) -> tuple[int, ...]:
    """Cuts halfway (in value) between neighbouring occupied cells."""
    starts = grid.borders(np.maximum(occupied, 1))
    middles = grid.locate((starts[:-1] + starts[1:]) / 2)
    return (0, *(int(cut) for cut in np.maximum(middles, occupied[:-1] + 1)))


def _quantile_cuts(counts: NDArray[np.int64]) -> tuple[int, ...]:
    """At most BINS cuts into bins of about equal mass; a spike is a bin of its own."""
    n = counts.sum()
    spikes = np.flatnonzero(counts >= SPIKE * n)[:BINS]
    fences = np.unique(np.concatenate([[0], spikes, spikes + 1, [len(counts)]]))
    cumulative = np.concatenate([[0], np.cumsum(counts)])
    rest = n - counts[spikes].sum()
    target = rest / max(BINS - len(spikes), 1)
    cuts = [0]
    for start, end in pairwise(fences.tolist()):
        mass = cumulative[end] - cumulative[start]
        if start in spikes:
            cuts.append(int(start))
        elif mass >= SLIVER * n:
            parts = max(round(float(mass / target)), 1)
            wanted = cumulative[start] + mass * np.arange(parts) / parts
            after = np.searchsorted(cumulative, wanted)
            before = np.maximum(after - 1, start)
            nearer = wanted - cumulative[before] < cumulative[after] - wanted
            cuts.extend(int(cut) for cut in np.where(nearer, before, after))
    merged = sorted({cut for cut in cuts if cut < len(counts)})
    full = np.flatnonzero(np.add.reduceat(counts, merged))  # an empty stretch joins a neighbour
    return (0, *(merged[place] for place in full[1:]))


def _scale(values: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[float, str]:
    """The reference scale, and the rule that chose it."""
    with np.errstate(over="ignore", invalid="ignore"):
        std = float(f"{values.std():.12g}")  # the order of rows shows in later digits
        robust = float(points[15] - points[5]) / NORMAL_IQR
    if points[0] == points[-1]:
        return 0.0, "constant"
    if not std <= HEAVY * robust and robust < np.inf and (robust > _NOISE * std or std == np.inf):
        return robust, "IQR / 1.349"
    return (std, "std") if np.isfinite(std) else (0.0, "overflow")


def _labels(bins: Bins, values: NDArray[np.float64], cells: NDArray[np.int64]) -> tuple[str, ...]:
    """A bin of one value (but for one row in a hundred) is called by it, any other by its edges."""
    edges = bins.edges
    counts = np.bincount(cells, minlength=bins.grid.size)
    fences = [*bins.cuts, bins.grid.size]
    texts = []
    for (first, stop), (start, end) in zip(pairwise(fences), pairwise(edges), strict=True):
        within = np.flatnonzero(counts[first:stop]) + first
        held = values[cells == within[0]] if len(within) == 1 else np.zeros(0)
        middle = len(held) // 2
        usual = float(np.partition(held, middle)[middle]) + 0.0 if len(held) else 0.0
        if np.count_nonzero(held == usual) > _SAME * len(held):
            texts.append(f"{usual:.6g}")
        elif start == -np.inf:
            texts.append("all" if end == np.inf else f"< {end:.4g}")
        elif end == np.inf:
            texts.append(f"≥ {start:.4g}")
        else:
            texts.append(f"{start:.4g} – {end:.4g}")
    return tuple(texts)


def _categorical(column: Column) -> Layout:
    counts = np.bincount(column.values[column.values >= 0], minlength=len(column.levels))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    ranked, n = counts[order], int(counts.sum())
    names = tuple(column.levels[place] for place in order)
    common = int(np.count_nonzero(ranked >= COMMON * n)) if n else 0
    mass = np.cumsum(ranked[common:]) if common < len(ranked) else np.zeros(0)
    packs = ((mass - ranked[common:]) // max(PACK * n, 1)).astype(np.int64)
    packs = np.unique(packs, return_inverse=True)[1].ravel()
    if len(packs) and packs[-1] > 0 and ranked[common:][packs == packs[-1]].sum() < COMMON * n:
        packs = np.minimum(packs, packs[-1] - 1)  # the last pack is too small to stand alone
    groups = (*range(common), *(int(pack) + common for pack in packs))
    sizes = np.bincount(packs).tolist() if len(packs) else []
    rare = [f"({size} rare level{'s' if size > 1 else ''})" for size in sizes]
    labels = [*names[:common], *rare]
    return Layout("categorical", (*_told_apart(labels), UNSEEN), levels=Levels(names, groups))


def _told_apart(labels: list[str]) -> list[str]:
    """The same labels, with a number behind those that occur again."""
    seen: dict[str, int] = {}
    unique = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        unique.append(label if seen[label] == 1 else f"{label} #{seen[label]}")
    return unique
