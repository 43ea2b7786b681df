"""Rows counted on a layout: arrays in, one `Counts` per group of rows out.

A column's values are float64 with NaN for missing (numeric, boolean, datetime), the store's codes
with -1 for missing (categorical), or a boolean array that says "is missing" (text).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mondrift.store import packing
from mondrift.store.layouts import Counted, RollupLayout, counted_names
from mondrift.store.packing import (
    M2,
    MAXIMUM,
    MEAN,
    MINIMUM,
    MISSING,
    NEGATIVE,
    POSITIVE,
    Counts,
    Ints,
)
from mondrift.store.records import Record
from mondrift.store.ties import places
from mondrift.store.validate import Checked

Values = Mapping[str, NDArray[Any]]

QUARTER, HOUR, DAY = 900, 3600, 86_400  # seconds
_SPARSE = 1024  # rows per quarter (or hour) below which a batch is counted by the next longer span
_MANY = 24  # quarters (or hours) that a batch may have all the same
_ROOM = 1 << 16  # cells that may be counted without sorting, however few the rows


@dataclass(frozen=True)
class Delta:
    """Counts of the rows of one segment (0: all) in [start, start + seconds), in µs and s."""

    segment: int
    start: int
    seconds: int
    n: int
    counts: Counts


def values_of(
    checked: Checked, record: Record, coded: Mapping[str, NDArray[np.int32]], keep: Ints
) -> Values:
    """The counted columns of checked rows; `coded` holds the store's codes of the rows `keep`."""
    every = len(keep) == checked.n

    def kept(values: NDArray[Any]) -> NDArray[Any]:
        return values if every else values[keep]

    found: dict[str, NDArray[Any]] = {}
    for name in counted_names(record):
        if name in coded:
            found[name] = coded[name]
        elif name in checked.numbers:
            found[name] = kept(checked.numbers[name])
        elif name in checked.texts:
            gone = [value is None for value in checked.texts[name]]
            found[name] = kept(np.array(gone, dtype=bool))
        else:
            found[name] = absent(record.kind(name), len(keep))
    return found


def absent(kind: str, n: int) -> NDArray[Any]:
    """A column of a kind whose values are all missing."""
    if kind == "categorical":
        return np.full(n, -1, dtype=np.int32)
    return np.ones(n, dtype=bool) if kind == "text" else np.full(n, np.nan)


def deltas(layout: RollupLayout, values: Values, times: Ints) -> Iterator[Delta]:
    """The rows counted by span of time and segment; `times` in µs since 1970."""
    seconds = _span(times)
    slots, slot = np.unique(times // (seconds * 1_000_000), return_inverse=True)
    for group, counts in enumerate(_groups(layout, values, slot, len(slots))):
        yield Delta(0, int(slots[group]) * seconds * 1_000_000, seconds, counts.n, counts)
    for name, codes in layout.segments.items():
        rows = np.flatnonzero(np.isin(values[name], codes))
        if not len(rows):
            continue
        keys = slot[rows].astype(np.int64) << 32 | values[name][rows]
        pairs, where = np.unique(keys, return_inverse=True)
        part = {each: column[rows] for each, column in values.items()}
        for group, counts in enumerate(_groups(layout, part, where, len(pairs))):
            number = layout.segment_numbers[name, int(pairs[group] & 0xFFFFFFFF)]
            start = int(slots[pairs[group] >> 32]) * seconds * 1_000_000
            yield Delta(number, start, seconds, counts.n, counts)


def count(layout: RollupLayout, values: Values, n: int) -> Counts:
    """All n rows counted together."""
    [counts] = _groups(layout, values, np.zeros(n, dtype=np.int64), 1)
    return counts


def _span(times: Ints) -> int:
    """The shortest span that does not scatter the rows over very many of them."""
    for seconds in (QUARTER, HOUR):
        slots = len(np.unique(times // (seconds * 1_000_000)))
        if slots <= max(_MANY, len(times) // _SPARSE):
            return seconds
    return DAY


@dataclass(frozen=True)
class _Parts:
    """What is known of one column, by group."""

    whole: Ints
    real: NDArray[np.float64]
    group: Ints
    at: Ints
    count: Ints


def _groups(layout: RollupLayout, values: Values, group: Ints, groups: int) -> list[Counts]:
    """The counts of each group of rows, in order."""
    order = None if groups == 1 else np.argsort(group, kind="stable")
    group = group if order is None else group[order]
    sizes = np.bincount(group, minlength=groups)
    k = len(layout.columns)
    whole = np.zeros((groups, 3, k), dtype=np.int64)
    real = np.full((groups, 4, k), np.nan)
    real[:, M2] = 0.0
    cells, levels = _Entries(groups), _Entries(groups)
    for position, column in enumerate(layout.columns):
        taken = values[column.name] if order is None else values[column.name][order]
        parts = _column(column, taken, group, groups)
        whole[:, :, position], real[:, :, position] = parts.whole, parts.real
        if column.kind == "categorical":
            levels.add(parts, position << 32)
        elif column.size:
            cells.add(parts, layout.begins[position])
    found = []
    for number, (at, levelled) in enumerate(zip(cells.split(), levels.split(), strict=True)):
        key, rows = levelled
        found.append(
            Counts(
                int(sizes[number]), whole[number], real[number], *at,
                key >> 32, key & 0xFFFFFFFF, rows,
            )
        )  # fmt: skip
    return found


class _Entries:
    """Places and their counts, column after column, to be split by group."""

    def __init__(self, groups: int) -> None:
        self._groups = groups
        self._parts: list[tuple[Ints, Ints, Ints]] = []

    def add(self, parts: _Parts, begin: int) -> None:
        self._parts.append((parts.group, parts.at + begin, parts.count))

    def split(self) -> Iterator[tuple[Ints, Ints]]:
        group, at, count = (
            packing.concatenated([part[which] for part in self._parts]) for which in range(3)
        )
        if self._groups > 1:
            order = np.argsort(group, kind="stable")
            group, at, count = group[order], at[order], count[order]
        ends = np.searchsorted(group, np.arange(self._groups + 1))
        for number in range(self._groups):
            some = slice(ends[number], ends[number + 1])
            yield at[some], count[some]


def _column(column: Counted, values: NDArray[Any], group: Ints, groups: int) -> _Parts:
    """One column; rows are in order of their groups."""
    whole = np.zeros((groups, 3), dtype=np.int64)
    real = np.full((groups, 4), np.nan)
    real[:, M2] = 0.0
    none = np.zeros(0, dtype=np.int64)
    if column.kind in ("text", "datetime"):
        gone = values if column.kind == "text" else np.isnan(values)
        whole[:, MISSING] = np.bincount(group[gone], minlength=groups)
        return _Parts(whole, real, none, none, none)
    # without a grid: NaN is not at least 0, and neither is -1
    usable = np.isfinite(values) if column.grid is not None else values >= 0
    if not usable.all():
        lost, where = values[~usable], group[~usable]
        for row, bound in ((NEGATIVE, -np.inf), (POSITIVE, np.inf)):
            whole[:, row] = np.bincount(where[lost == bound], minlength=groups)
        whole[:, MISSING] = np.bincount(where, minlength=groups)
        whole[:, MISSING] -= whole[:, NEGATIVE] + whole[:, POSITIVE]
        values, group = values[usable], group[usable]
    if column.grid is None:
        cells = values.astype(np.int64)
        size = 2 if column.kind == "boolean" else int(cells.max(initial=0)) + 1
        return _Parts(whole, real, *_tally(cells, size, group, groups))
    _moments(values, group, groups, real)
    found = _tally(column.grid.locate(values), column.grid.size, group, groups)
    if column.ties:
        is_tie, at = places(values, column.ties)
        where, tie, rows = _tally(at, len(column.ties), group[is_tie], groups)
        more = (where, tie + column.grid.size, rows)
        found = (
            np.concatenate([found[0], more[0]]),
            np.concatenate([found[1], more[1]]),
            np.concatenate([found[2], more[2]]),
        )
    return _Parts(whole, real, *found)


def _moments(
    values: NDArray[np.float64], group: Ints, groups: int, real: NDArray[np.float64]
) -> None:
    """Minimum, maximum, mean and m2 of each group, written into `real`."""
    sizes = np.bincount(group, minlength=groups)
    some = np.flatnonzero(sizes)
    if not len(some):
        return
    starts = (np.cumsum(sizes) - sizes)[some]
    with np.errstate(over="ignore", invalid="ignore"):
        if groups == 1:
            mean = np.array([values.mean()])
            away = values - mean[0]
        else:
            mean = np.add.reduceat(values, starts) / sizes[some]
            away = values - np.repeat(mean, sizes[some])
        np.square(away, out=away)
        m2 = np.array([away.sum()]) if groups == 1 else np.add.reduceat(away, starts)
    real[some, MINIMUM] = np.minimum.reduceat(values, starts) + 0.0  # no -0.0
    real[some, MAXIMUM] = np.maximum.reduceat(values, starts) + 0.0
    real[some, MEAN], real[some, M2] = mean, m2


def _tally(cells: Ints, size: int, group: Ints, groups: int) -> tuple[Ints, Ints, Ints]:
    """(group, cell, rows) of every cell that holds something, ascending."""
    keys = cells if groups == 1 else group * size + cells
    if groups * size <= max(16 * len(cells), _ROOM):
        counts = np.bincount(keys, minlength=1)
        held = np.flatnonzero(counts)
        counts = counts[held]
    else:
        held, counts = np.unique(keys, return_counts=True)
    return held // size, held % size, counts.astype(np.int64)
