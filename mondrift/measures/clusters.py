"""Rows that come in clusters: p-values, corrected effects and intervals that respect them.

Many rows of one user, or of one hour, are not many independent rows. Declared by `cluster=`, whole
clusters carry the chance: the statistic of a measure stays what it is, and what chance does to it
is measured between clusters. `detail` then says `clusters` (of the window that has fewer),
`design_effect` (how many rows of this column weigh as much as one independent row, at least 1;
for a column that is constant within clusters Kish's Σm² / Σm) and `null`: "clusters".

A row without a cluster is a cluster of its own. Clusters in both windows are compared within
(`cluster_null.py` says how); fewer than a tenth of a window's rows in such clusters are taken for
two clusters each, which errs on the safe side. Kolmogorov-Smirnov is tested at about a hundred
quantiles: the p-value is of the largest distance there, which is at most the distance shown.

Blind spot: dependence between clusters; clusters whose number of rows itself depends on the value.
Source: Kish 1965; Rao and Scott 1981 for what dependence does to chi-square and PSI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mondrift.errors import InputError
from mondrift.measures.cluster_column import ClusteredColumn
from mondrift.measures.cluster_null import Design, exchanged, flipped
from mondrift.measures.cluster_results import CHANGES
from mondrift.measures.column import Column
from mondrift.measures.layout import Layout
from mondrift.measures.measure import Result

SHARED = 0.1  # share of a window's rows in clusters of both windows from which these are paired

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each row of two windows, in one numbering; -1: none named.

    One value serves all columns of a pair of windows: it remembers the draws they share.

    >>> clusters = Clusters(np.array([0, 0, 1, -1]), np.array([1, 2]))
    >>> clusters.fewer
    2
    """

    reference: Codes
    current: Codes
    _designs: dict[int, Design] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Take any integers."""
        object.__setattr__(self, "reference", np.asarray(self.reference, dtype=np.int64))
        object.__setattr__(self, "current", np.asarray(self.current, dtype=np.int64))

    @classmethod
    def match(cls, one: Column, other: Column) -> Clusters:
        """From the cluster column of both windows: the same name or number, the same cluster.

        Raises InputError for a column of kind datetime or text, of which only is known what is
        missing.

        >>> from mondrift.measures.column import categorical
        >>> clusters = Clusters.match(categorical(["a", "b"]), categorical(["b", "c", None]))
        >>> clusters.reference.tolist(), clusters.current.tolist()
        ([0, 1], [1, 2, -1])
        """
        for column in (one, other):
            if column.values.dtype.kind == "b":
                raise InputError(
                    f"Column {column.name!r} is declared as cluster but read as {column.kind}, "
                    "which keeps no values to tell clusters apart by. Declare its kind: "
                    f"Schema(cluster={column.name!r}, kinds={{{column.name!r}: 'categorical'}})"
                )
        if one.kind == "categorical":
            names = {name: code for code, name in enumerate(sorted({*one.levels, *other.levels}))}
            codes = [
                np.array([*(names[name] for name in each.levels), -1], dtype=np.int64)[each.values]
                for each in (one, other)
            ]
            return cls(codes[0], codes[1])
        both = np.concatenate([one.values, other.values])
        found = np.unique(both, return_inverse=True)[1].ravel().astype(np.int64)
        found[np.isnan(both)] = -1
        return cls(found[: one.n], found[one.n :])

    def where(self, reference: NDArray[np.bool_], current: NDArray[np.bool_]) -> Clusters:
        """The clusters of a segment: rows at two boolean masks."""
        return Clusters(self.reference[reference], self.current[current])

    @cached_property
    def units(self) -> tuple[Codes, Codes]:
        """Clusters of each window by itself, counted from 0; rows without one get their own."""
        return _counted(self.reference), _counted(self.current)

    @property
    def sizes(self) -> tuple[int, int]:
        """Clusters in the reference and in the current window."""
        one, other = self.units
        return int(one.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1

    @property
    def fewer(self) -> int:
        """Clusters of the window that has fewer."""
        return min(self.sizes)

    def design(self, seed: int) -> Design:
        """The units and draws that the null of every column is made of."""
        if seed not in self._designs:
            self._designs[seed] = self._designed(seed)
        return self._designs[seed]

    def _designed(self, seed: int) -> Design:
        windows = (self.reference, self.current)
        one, other = (codes[codes >= 0] for codes in windows)
        both = np.intersect1d(one, other)
        shared = min(np.isin(codes, both).sum() / max(len(codes), 1) for codes in windows)
        if shared < SHARED:
            return exchanged(*self.units, self.sizes, seed)
        every = _counted(np.concatenate(windows))
        one, other = every[: len(self.reference)], every[len(self.reference) :]
        held = [np.bincount(units, minlength=int(every.max()) + 1) > 0 for units in (one, other)]
        return flipped(one, other, held[0] + 2 * held[1], seed)


def _counted(codes: Codes) -> Codes:
    """Codes from 0 without gaps; each -1 becomes a code of its own, behind the others."""
    known = codes >= 0
    units = np.empty(len(codes), dtype=np.int64)
    names, places = np.unique(codes[known], return_inverse=True)
    units[known] = places.ravel()
    units[~known] = np.arange(len(names), len(names) + np.count_nonzero(~known))
    return units


def clustered(
    results: Mapping[str, Result],
    layout: Layout,
    one: Column,
    other: Column,
    clusters: Clusters,
    *,
    seed: int,
) -> dict[str, Result]:
    """The results of one column, made for independent rows, as clusters make them.

    Parameters
    ----------
    results : {name of measure: its Result}; the same names come back, and the same statistics.
    layout : on which the column was counted.
    one, other : the column's rows in the reference and the current window.
    clusters : of these rows.
    seed : of the draws; the same input gives the same p-values.

    Raises InputError when rows and clusters differ in number.

    Examples
    --------
    >>> from mondrift.measures import MEASURES, fit_layout, summarize
    >>> from mondrift.measures.column import numeric
    >>> random = np.random.default_rng(9)
    >>> users = np.repeat(np.arange(200), 20)
    >>> rows = np.repeat(random.normal(size=200), 20) + random.normal(size=4000)
    >>> one, other = numeric(rows[:2000]), numeric(rows[2000:])
    >>> layout = fit_layout(one)
    >>> ks = MEASURES["ks"](summarize(one, layout), summarize(other, layout))
    >>> pair = Clusters(users[:2000], users[2000:])
    >>> new = clustered({"ks": ks}, layout, one, other, pair, seed=0)["ks"]
    >>> ks.pvalue < 0.01, new.pvalue > 0.2, new.detail["clusters"]
    (True, True, 100)
    """
    for column, codes in ((one, clusters.reference), (other, clusters.current)):
        if column.n != len(codes):
            raise InputError(
                f"Column {column.name!r} has {column.n:,} rows and {len(codes):,} clusters named; "
                "give one cluster per row, -1 for none."
            )
    of = ClusteredColumn(layout, one, other, clusters.design(seed), clusters.units, seed)
    told = {"clusters": clusters.fewer, "design_effect": 1.0, "null": "clusters"}
    found = {}
    for name, result in results.items():
        made = replace(result, detail={**result.detail, **told})
        if name in CHANGES and not np.isnan(result.statistic):
            made = CHANGES[name](of, made)
        found[name] = made
    return found
