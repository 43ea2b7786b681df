"""Chance when rows come in clusters: what all columns share, and the p-values it gives.

The difference of shares of a cell is a sum of one contribution per cluster, so that a draw of
the null is one row of a matrix product. Clusters of only one window exchange their labels (a
permutation: exact when both windows draw clusters alike); the statistic is divided by its own
cluster-robust standard error in every draw, so that windows with clusters of different sizes are
judged rightly, too. Where clusters live in both windows their contributions, already differences
within the cluster, change sign. Swapping their two parts whole would be wrong for windows of
unequal length: it makes them equal, and chance looks smaller than it is.

More than a thousand clusters a window are pooled at random: a pool of independent clusters is
independent of the others. A p-value is counted, a thousand draws at a time, until twenty of them
reach the statistic (after Besag and Clifford 1991); where 8000 have not shown twenty, it is read
off the tail that the contributions' covariance implies, tied to the draws at their 1/200 point.

Source: Chung and Romano 2013 (studentised permutations); Cameron, Gelbach and Miller 2008 (signs
by cluster); Kuonen 1999 (tail of a quadratic form); Adler 1990 (tail of a supremum).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

BATCH, BATCHES = 1000, 8
REACHED = 20
TIED = 40  # the order statistic of all draws where the tail is tied to them
POOLS, FEWEST_POOLS, MOST_MOVED = 2000, 200, 4000

Values = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Design:
    """Units (clusters, or pools of them) of two windows, and the draws that all columns share.

    reference, current: the unit of each row. size: number of units. moved: how many of them take
    part in permutations; a unit beyond, the last, keeps its label and stands for `lump` as many
    clusters as its window's moved units. labelled: 1 for the units of the current window; empty
    when units change signs instead.
    """

    reference: Codes
    current: Codes
    size: int
    moved: int
    lump: float
    labelled: NDArray[np.int8]
    seed: int
    _drawn: dict[int, NDArray[np.int8]] = field(default_factory=dict, repr=False)

    @property
    def signs(self) -> bool:
        """Whether units change signs (clusters in both windows) and not labels."""
        return not len(self.labelled)

    def draw(self, batch: int) -> NDArray[np.float32]:
        """A thousand rows of labels (1: current, 0: reference) or signs, one column per unit."""
        if batch not in self._drawn:
            random = np.random.default_rng([self.seed, batch])
            drawn = np.empty((BATCH, self.size), dtype=np.int8)
            if self.signs:
                drawn[:] = 2 * random.integers(0, 2, drawn.shape, dtype=np.int8) - 1
            else:
                many = int(self.labelled[: self.moved].sum())
                order = random.random((BATCH, self.moved), dtype=np.float32)
                drawn[:] = np.where(np.arange(self.size) < self.moved, 0, self.labelled)
                chosen = np.argpartition(order, many - 1, axis=1)[:, :many]
                np.put_along_axis(drawn, chosen, np.int8(1), axis=1)
            self._drawn[batch] = drawn
        return self._drawn[batch].astype(np.float32)


def exchanged(reference: Codes, current: Codes, sizes: tuple[int, int], seed: int) -> Design:
    """The design of clusters that each live in one window; codes count from 0 in each window."""
    random = np.random.default_rng(seed)
    together = max(1, min(-(-sum(sizes) // POOLS), min(sizes) // FEWEST_POOLS))
    pools = [-(-size // together) for size in sizes]
    pool = [random.permutation(size) % many for size, many in zip(sizes, pools, strict=True)]
    moved = [min(many, MOST_MOVED) for many in pools]
    lump = max(0.0, *(many / max(some, 1) - 1 for many, some in zip(pools, moved, strict=True)))
    last = sum(moved)
    one = np.where(pool[0] < moved[0], pool[0], last)[reference]
    other = np.where(pool[1] < moved[1], pool[1] + moved[0], last)[current]
    labelled = np.repeat(np.array([0, 1], dtype=np.int8), moved)
    if lump > 0:
        labelled = np.append(labelled, np.int8(pools[1] > moved[1]))
    return Design(one, other, len(labelled), last, lump, labelled, seed)


def flipped(reference: Codes, current: Codes, home: Codes, seed: int) -> Design:
    """The design of clusters in both windows; `home` says per cluster which windows it is in."""
    random = np.random.default_rng(seed)
    units, size = np.zeros(len(home), dtype=np.int64), 0
    for kind in np.unique(home):
        mine = np.flatnonzero(home == kind)
        many = min(len(mine), POOLS // 2)
        units[mine] = random.permutation(len(mine)) % many + size
        size += many
    return Design(
        units[reference], units[current], size, size, 0.0, np.zeros(0, dtype=np.int8), seed
    )


@dataclass(frozen=True, eq=False)
class Contrast:
    """What each unit adds to the differences of shares.

    away: one row per unit, one column per cell; in a design of labels the unit's rows less those
    it would have at the pooled shares, else its part of the difference itself. rows: rows per
    unit. shares: the pooled shares. held: units with a row in each cell, as counted at first.
    n, m: rows of reference and current.
    """

    design: Design
    away: Values
    rows: Values
    shares: Values
    held: Codes
    n: int
    m: int

    @classmethod
    def of(cls, design: Design, places: tuple[Codes, Codes], cells: int) -> Contrast:
        """From the cell of each row of both windows; -1 for a row that takes no part."""
        counts = []
        for units, cell in zip((design.reference, design.current), places, strict=True):
            if len(some := np.flatnonzero(cell >= 0)) < len(cell):
                units, cell = units[some], cell[some]
            flat = np.bincount(units * cells + cell, minlength=design.size * cells)
            counts.append(flat.reshape(design.size, cells).astype(np.float64))
        (n, m), together = (int(each.sum()) for each in counts), counts[0] + counts[1]
        shares = together.sum(axis=0) / max(n + m, 1)
        held = np.count_nonzero(together, axis=0)
        if not design.signs:
            rows = together.sum(axis=1)
            return cls(design, together - rows[:, None] * shares, rows, shares, held, n, m)
        parts = [each - each.sum(axis=1, keepdims=True) * shares for each in counts]
        away = parts[1] / max(m, 1) - parts[0] / max(n, 1)
        return cls(design, away, np.zeros(design.size), shares, held, n, m)

    def cumulated(self) -> Contrast:
        """Of the distribution functions at the cells' ends, the last (always 0) left out."""
        away, shares = np.cumsum(self.away, axis=1)[:, :-1], np.cumsum(self.shares)[:-1]
        return replace(self, away=away, shares=shares)

    def midway(self) -> Contrast:
        """Of the distribution functions in the middle of each cell, all its rows tied there."""
        away = np.cumsum(self.away, axis=1) - self.away / 2
        return replace(self, away=away, shares=np.cumsum(self.shares) - self.shares / 2)

    def pooled(self, groups: Codes) -> Contrast:
        """Cells of one group together; groups count from 0 and none is empty."""
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        away = np.add.reduceat(self.away[:, order], starts, axis=1)
        shares = np.add.reduceat(self.shares[order], starts)
        return replace(self, away=away, shares=shares)

    def scaled(self, by: Values) -> Contrast:
        """Every cell times a weight."""
        return replace(self, away=self.away * by)

    def only(self, cell: int) -> Contrast:
        """Of a single cell."""
        return replace(self, away=self.away[:, [cell]], shares=self.shares[[cell]])

    @property
    def parts(self) -> Values:
        """Contributions to the difference of shares itself; their sum is that difference."""
        if self.design.signs:
            return self.away
        weight = np.where(self.design.labelled, 1 / max(self.m, 1), -1 / max(self.n, 1))
        return self.away * weight[:, None]

    def variances(self) -> Values:
        """The estimated variance of the difference, cell by cell, when nothing has changed."""
        squares = self.parts**2
        if self.design.lump:
            squares[-1] = self._lumped(squares)
        return np.asarray(squares.sum(axis=0) * self._degrees())

    def covariance(self) -> Values:
        """The same with the covariances between cells (a lump taken for noise of its like)."""
        parts = self.parts[: self.design.moved]
        return parts.T @ parts * self._degrees()

    def _degrees(self) -> float:
        return self.design.size / max(self.design.size - 1, 1)

    def _lumped(self, squares: Values) -> Values:
        labelled = self.design.labelled
        alike = np.flatnonzero(labelled[:-1] == labelled[-1])
        return np.asarray(self.design.lump * squares[alike].sum(axis=0))


@dataclass(frozen=True)
class Null:
    """Where a statistic stands among its draws.

    pvalue; draws: how many were made; tail: whether the p-value lies beyond what they resolve;
    usual: the difference (not studentised) that 5 % of the first draws exceed.
    """

    pvalue: float
    draws: int
    tail: bool
    usual: float


def null(contrast: Contrast, *, largest: bool) -> Null:
    """Is the largest cell (or the sum of squares of all) more than the clusters' chance?

    The same contrast gives the same p-value. 1 where nothing can differ.
    """
    design = contrast.design
    weights = (contrast.away**2).sum(axis=1)
    if not weights.sum() > 1e-18 or not contrast.n or not contrast.m:
        return Null(1.0, 0, False, 0.0)
    if design.lump:
        weights[-1] = float(contrast._lumped(weights[:, None])[0])
    away = contrast.away.astype(np.float32)
    first = np.ones((1, design.size)) if design.signs else design.labelled[None, :]
    seen = _statistics(contrast, first.astype(np.float32), away, weights, largest)[0][0]
    drawn: list[Values] = []
    hits, usual = 0, 0.0
    for batch in range(BATCHES):
        values, plain = _statistics(contrast, design.draw(batch), away, weights, largest)
        usual = usual or float(np.quantile(plain, 0.95))
        hits += int(np.count_nonzero(values >= seen * (1 - 1e-5)))
        if hits >= REACHED:
            made = (batch + 1) * BATCH
            return Null((hits + 1) / (made + 1), made, False, usual)
        drawn.append(values)
    every = np.concatenate(drawn)
    tie = float(np.partition(every, -TIED)[-TIED])
    beyond = _tail(contrast, float(seen), tie, largest)
    if beyond is None:
        return Null((hits + 1) / (len(every) + 1), len(every), False, usual)
    return Null(TIED / len(every) * beyond, len(every), True, usual)


def _statistics(
    contrast: Contrast,
    drawn: NDArray[np.float32],
    away: NDArray[np.float32],
    weights: Values,
    largest: bool,
) -> tuple[Values, Values]:
    """Studentised statistics of draws, and the plain ones."""
    apart = drawn @ away
    plain = np.abs(apart).max(axis=1) if largest else np.sqrt(np.square(apart).sum(axis=1))
    plain = plain.astype(np.float64)
    if contrast.design.signs:
        return plain / np.sqrt(weights.sum()), plain
    current = drawn @ np.stack([contrast.rows, weights], axis=1).astype(np.float32)
    m = np.maximum(current[:, 0].astype(np.float64), 1)
    n = np.maximum(contrast.rows.sum() - m, 1)
    plain = plain * (1 / m + 1 / n)
    error = np.sqrt(current[:, 1] / m**2 + np.maximum(weights.sum() - current[:, 1], 0) / n**2)
    return plain / np.maximum(error, 1e-300), plain


def _tail(contrast: Contrast, seen: float, tie: float, largest: bool) -> float | None:
    """P(statistic ≥ seen) / P(statistic ≥ tie) of normal contributions; None if out of reach."""
    if largest:
        variances = contrast.variances()
        return float(np.exp((tie**2 - seen**2) * variances.sum() / (2 * variances.max())))
    roots = np.linalg.eigvalsh(contrast.covariance())
    roots = roots[roots > roots[-1] * 1e-9] / roots.sum()
    here, there = (log_quadratic_tail(x**2, roots) for x in (seen, tie))
    return None if there is None or here is None else float(np.exp(here - there))


def log_quadratic_tail(x: float, roots: Values) -> float | None:
    """log P(Σ roots · χ²(1) ≥ x), for x above the mean; None at or below it.

    Saddlepoint approximation (Lugannani and Rice), within a few per cent at any depth.

    >>> log_quadratic_tail(40.0, np.ones(9)), float(np.log(special.chdtrc(9, 40.0)))
    (-11.8, -11.8)
    """
    if x <= roots.sum() * 1.05:
        return None
    low, high = 0.0, 1 / (2 * roots.max())
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(middle, roots) < x else (low, middle)
    point = low
    height = -0.5 * np.log1p(-2 * point * roots).sum()
    curve = 2 * ((roots / (1 - 2 * point * roots)) ** 2).sum()
    w = np.sqrt(2 * (point * x - height))
    return float(special.log_ndtr(-(w + np.log(point * np.sqrt(curve) / w) / w)))


def _slope(point: float, roots: Values) -> float:
    return float((roots / (1 - 2 * point * roots)).sum())
