"""Any window as a sum of rollups: the counterpart of `Store.window`, in milliseconds.

Where a rollup straddles the window's start or end, the rows between are read and counted on the
same layout; a day that is cut is replaced by its hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import numpy as np
from sqlalchemy import Connection, text

from mondrift.measures import Layout, Summary
from mondrift.measures.grid import Grid
from mondrift.measures.layout import UNSEEN, Bins
from mondrift.measures.layout import Levels as LevelNames
from mondrift.store import horizon, layouts, models, packing, rollup_rows
from mondrift.store.connect import told
from mondrift.store.counting import DAY, HOUR, QUARTER, deltas
from mondrift.store.database import Database
from mondrift.store.layouts import Counted, RollupLayout, counted_names
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.packing import MAXIMUM, MEAN, MINIMUM, MISSING, NEGATIVE, POSITIVE, Counts
from mondrift.store.records import Record
from mondrift.store.ties import held
from mondrift.store.timestamps import from_microseconds, to_microseconds
from mondrift.summaries import Summaries
from mondrift.window import Window

_SECOND = 1_000_000  # µs


def summaries(
    db: Database, model: Model, start: datetime, end: datetime, *, segments: bool = True
) -> Summaries | None:
    """The rows with timestamp in [start, end), counted; None when counts cannot answer.

    That is while rows of the window are not counted yet (`Store.fold` counts them), when it cuts a
    span whose rows are gone or begins where counts are gone, too, or when a column had another kind
    in an older schema version. What is counted is every compared column but the target, whose
    values come later; a column that an older version lacks is missing there. `segments`: also the
    largest levels of the segment columns. The result is a *current* window: its layouts have grids
    and levels but no bins, which the reference brings.
    """
    low, high = to_microseconds(start, "start"), to_microseconds(end, "end")
    with told(db.reader), db.reader.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        if low < high and _is_pending(connection, model.number, low, high):
            return None
        versions = [
            _Version(record, layout)
            for record in models.records(connection, model)
            if (layout := layouts.find(connection, model.number, record.schema_version))
        ]
        if not versions:
            return None
        first = horizon.counts_from(connection, model.number)
        if first is not None and start < first:
            return None
        stretch = _stretch(connection, versions, (low, high))
        gone = horizon.kept_from(connection, model.number)
        if gone is not None and stretch.reads_before(to_microseconds(gone, "kept_from")):
            return None
        found = _read(connection, model.number, versions, stretch, segments=segments)
    filled = [each for each in versions if found.get((each.layout.number, 0), _NOTHING).n]
    if any(not _alike(each.record, model.record) for each in filled):
        return None
    window = Window(start, end)
    ways = {name: _counted(versions, name) for name in counted_names(model.record)}
    levels = Levels(db.reader, model.number)
    return _Assembly(model.record, filled, ways, found, levels).summaries(window)


@dataclass(frozen=True)
class _Version:
    record: Record
    layout: RollupLayout


def _counted(versions: Sequence[_Version], name: str) -> Counted | None:
    """How a column is counted: alike in every version that has it."""
    found = [each.layout.column(name) for each in versions if each.layout.column(name)]
    return found[-1] if found else None


_Found = Mapping[tuple[int, int], Counts]  # by layout and segment
_NOTHING = Counts.nothing(0)


def _alike(older: Record, newest: Record) -> bool:
    """Whether the columns that both versions have are of one kind and share their levels."""
    return all(
        older.kind(name) == newest.kind(name) and older.levels_of(name) == newest.levels_of(name)
        for name in counted_names(newest)
        if name in older.schema.kinds and name in counted_names(older)
    )


def _is_pending(connection: Connection, model: int, low: int, high: int) -> bool:
    query = text(
        "SELECT EXISTS (SELECT 1 FROM rollup_pending WHERE model = :model "
        "AND day BETWEEN :first AND :last)"
    )
    first, last = from_microseconds(low).date(), from_microseconds(high - 1).date()
    parameters = {"model": model, "first": first, "last": last}
    return bool(connection.execute(query, parameters).scalar_one())


# Which rollups, and which rows


_CUT = """
SELECT coalesce(max(seconds), 0) FROM rollups
WHERE layout = ANY(:layouts) AND start = ANY(:starts) AND NOT divisible
  AND start < :moment AND start + seconds * interval '1 second' > :moment
"""

# A folded hour is part of its day, and counts only where that day reaches out of the span.
_WITHIN = """
SELECT layout, segment, counts FROM rollups
WHERE layout = ANY(%(layouts)s) AND start >= %(low)s AND start < %(high)s
  AND start + seconds * interval '1 second' <= %(high)s
  AND (segment = 0 OR %(segments)s)
  AND (NOT folded OR date_trunc('day', start) < %(low)s
       OR date_trunc('day', start) + interval '1 day' > %(high)s)
"""


@dataclass(frozen=True)
class _Stretch:
    """A span (µs): rollups answer for [first, last), and rows for the edges that these cut off."""

    first: int
    last: int
    edges: tuple[tuple[int, int], ...]

    def reads_before(self, moment: int) -> bool:
        """Whether an edge begins before `moment`."""
        return any(begin < min(stop, moment) for begin, stop in self.edges)


def _stretch(
    connection: Connection, versions: Sequence[_Version], span: tuple[int, int]
) -> _Stretch:
    numbers = [each.layout.number for each in versions]
    low, high = span
    first = -(-low // (step := _cut(connection, numbers, low))) * step
    last = high // (step := _cut(connection, numbers, high)) * step
    return _Stretch(first, last, (span,) if first >= last else ((low, first), (last, high)))


def _read(
    connection: Connection,
    model: int,
    versions: Sequence[_Version],
    stretch: _Stretch,
    *,
    segments: bool,
) -> _Found:
    """The sums of a stretch, of each layout and segment that has rows."""
    packed: dict[tuple[int, int], list[bytes]] = {}
    if stretch.first < stretch.last:
        parameters = {
            "layouts": [each.layout.number for each in versions],
            "low": from_microseconds(stretch.first),
            "high": from_microseconds(stretch.last),
            "segments": segments,
        }
        rows = connection.exec_driver_sql(_WITHIN, parameters)
        for layout, segment, counts in rows:
            packed.setdefault((layout, segment), []).append(counts)
    for each in versions:
        for begin, stop in stretch.edges:
            if begin < stop:
                _count_rows(connection, model, each, (begin, stop), packed)
    sizes = {each.layout.number: each.layout for each in versions}
    return {
        key: packing.total(parts, sizes[key[0]].places, len(sizes[key[0]].columns))
        for key, parts in packed.items()
    }


def _cut(connection: Connection, numbers: list[int], moment: int) -> int:
    """The longest span (µs) of a rollup that the moment cuts in two; 1 when there is none."""
    starts = [
        from_microseconds(moment // (seconds * _SECOND) * seconds * _SECOND)
        for seconds in (QUARTER, HOUR, DAY)
    ]
    parameters = {"layouts": numbers, "starts": starts, "moment": from_microseconds(moment)}
    return int(connection.execute(text(_CUT), parameters).scalar_one()) * _SECOND or 1


def _count_rows(
    connection: Connection,
    model: int,
    version: _Version,
    span: tuple[int, int],
    packed: dict[tuple[int, int], list[bytes]],
) -> None:
    """Count the rows of a span, and add them to what is packed."""
    values, times = rollup_rows.read(connection, model, version.record, *span)
    if not len(times):
        return
    layout = version.layout
    for each in deltas(layout, values, np.zeros_like(times)):  # all in one span
        block = each.counts.pack(layout.places)
        packed.setdefault((layout.number, each.segment), []).append(block)


# Counts as summaries


class _Assembly:
    """Sums of one or more schema versions, put together as the newest one sees its columns."""

    def __init__(
        self,
        record: Record,
        versions: Sequence[_Version],
        ways: Mapping[str, Counted | None],
        found: _Found,
        levels: Levels,
    ) -> None:
        self._record = record
        self._versions = versions
        self._ways = ways
        self._found = found
        self._levels = levels

    def summaries(self, window: Window) -> Summaries:
        """Of the whole window, and of every segment that all versions count."""
        names = counted_names(self._record)
        groups = {group for name in names if (group := self._record.levels_of(name))}
        self._levels.codes(dict.fromkeys(sorted(groups), ()))  # read at once, not one by one
        whole = {each.layout.number: 0 for each in self._versions}
        columns = {"": self._columns(whole)}
        sizes = {"": self._size(whole)}
        for label, numbers in self._segments():
            sizes[label] = self._size(numbers)
            columns[label] = self._columns(numbers) if sizes[label] else {}
        filled = Window(window.start, window.end, sizes[""], window.label)
        return Summaries(self._record.schema, filled, columns, sizes)

    def _segments(self) -> list[tuple[str, dict[int, int]]]:
        """Name of each segment, and its number in each layout; a layout without the column has
        no rows in it."""
        found = []
        having = {
            name: [each for each in self._versions if name in each.layout.segments]
            for name in self._record.schema.segments
        }
        for name, versions in having.items():
            lacking = [e for e in self._versions if e not in versions]
            if any(name in each.record.schema.kinds for each in lacking) or not versions:
                continue
            shared = set.intersection(*(set(each.layout.segments[name]) for each in versions))
            group = self._record.levels_of(name) or name
            names = self._levels.names(group, highest=max(shared, default=-1))
            for code in versions[-1].layout.segments[name]:
                if code in shared:
                    numbers = {
                        each.layout.number: each.layout.segment_numbers[name, code]
                        for each in versions
                    }
                    found.append((f"{name}={names[code]}", numbers))
        return found

    def _size(self, numbers: Mapping[int, int]) -> int:
        return sum(self._found.get(each, _NOTHING).n for each in numbers.items())

    def _columns(self, numbers: Mapping[int, int]) -> dict[str, Summary]:
        parts = [
            (each, self._found[key])
            for each in self._versions
            if (key := (each.layout.number, numbers.get(each.layout.number, -1))) in self._found
        ]
        return {name: self._column(name, parts) for name in counted_names(self._record)}

    def _column(self, name: str, parts: Sequence[tuple[_Version, Counts]]) -> Summary:
        kind = self._record.kind(name)
        places = [
            next((at for at, c in enumerate(each.layout.columns) if c.name == name), None)
            for each, _ in parts
        ]
        n = sum(counts.n for _, counts in parts)
        missing = sum(
            counts.n if at is None else int(counts.whole[MISSING, at])
            for at, (_, counts) in zip(places, parts, strict=True)
        )
        having = [
            (at, each, c) for at, (each, c) in zip(places, parts, strict=True) if at is not None
        ]
        if kind == "categorical":
            return self._categorical(name, n, missing, [(at, counts) for at, _, counts in having])
        if kind in ("datetime", "text"):
            return Summary(Layout(kind), n, missing)
        way = self._ways[name]
        grid = way.grid if way else None
        layout = _BOOLEAN if kind == "boolean" else _on(grid)
        size = 2 if kind == "boolean" else (grid.size if grid else 1)
        total = Summary(layout, 0, 0, cells=np.zeros(size, dtype=np.int64))
        for at, each, counts in having:
            total += _cells(layout, counts, at, each.layout.begins[at], size)
        unknown = n - total.n  # rows of versions without the column
        rest = Summary(layout, unknown, unknown, cells=np.zeros(size, dtype=np.int64))
        total = total + rest if unknown else total
        return total if way is None or grid is None else _tied(total, way, having)

    def _categorical(
        self, name: str, n: int, missing: int, parts: Sequence[tuple[int, Counts]]
    ) -> Summary:
        rows: dict[int, int] = {}
        for at, counts in parts:
            some = slice(*np.searchsorted(counts.column, [at, at + 1]).tolist())
            pairs = zip(counts.code[some].tolist(), counts.rows[some].tolist(), strict=True)
            for code, count in pairs:
                rows[code] = rows.get(code, 0) + count
        group = self._record.levels_of(name) or name
        names = self._levels.names(group, highest=max(rows, default=-1))
        known = tuple(names[code] for code in rows)
        layout = Layout(
            "categorical", (*known, UNSEEN), levels=LevelNames(known, tuple(range(len(known))))
        )
        cells = np.fromiter(rows.values(), dtype=np.int64, count=len(rows))
        return Summary(layout, n, missing, cells=cells)


_BOOLEAN = Layout("boolean", ("False", "True"), levels=LevelNames(("False", "True"), (0, 1)))


@lru_cache(maxsize=4096)
def _on(grid: Grid | None) -> Layout:
    """A grid without bins: the reference picks them."""
    if grid is None:
        return Layout("numeric")
    open_ended = Bins(
        grid, (0,), discrete=False, minimum=-np.inf, maximum=np.inf, scale=0.0,
        scale_rule="constant", low_cell=0, high_cell=grid.size,
    )  # fmt: skip
    return Layout("numeric", ("all",), open_ended)


def _cells(layout: Layout, counts: Counts, at: int, begin: int, size: int) -> Summary:
    """One column of one sum."""
    some = slice(*np.searchsorted(counts.at, [begin, begin + size]).tolist())
    cells = np.zeros(size, dtype=np.int64)
    cells[counts.at[some] - begin] = counts.count[some]
    whole, real = counts.whole[:, at], counts.real[:, at]
    return Summary(
        layout, counts.n, int(whole[MISSING]), int(whole[NEGATIVE]), int(whole[POSITIVE]),
        float(real[MINIMUM]), float(real[MAXIMUM]), float(real[MEAN]), float(real[packing.M2]),
        cells=cells,
    )  # fmt: skip


def _tied(total: Summary, way: Counted, having: Sequence[tuple[int, _Version, Counts]]) -> Summary:
    """The same summary, with the cells that hold one value."""
    assert way.grid is not None
    rows = np.zeros(len(way.ties), dtype=np.int64)
    for at, each, counts in having:
        begin = each.layout.begins[at] + way.grid.size
        some = slice(*np.searchsorted(counts.at, [begin, begin + len(way.ties)]).tolist())
        rows[counts.at[some] - begin] += counts.count[some]
    return replace(total, held=held(way.grid, total.cells, way.ties, rows))
