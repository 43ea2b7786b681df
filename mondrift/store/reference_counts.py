"""What a baseline's rows come to, kept when it is registered: a check never reads them again.

All n rows are counted, not the sample, on the grids of the model's layout; the bins are picked from
these grids once, for the whole window and for each of its largest segments, and windows that are
read as rows are measured with the same bins.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from mondrift.kinds import Kind
from mondrift.measures import Column, Layout, Summary, fit_layout, summarize
from mondrift.pair import largest_levels
from mondrift.rows import Rows
from mondrift.schema import COMPARED, Schema
from mondrift.store import encode, layouts, packing
from mondrift.store.connect import told
from mondrift.store.counting import Values, absent, values_of
from mondrift.store.database import Database
from mondrift.store.layouts import Counted
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.packing import M2, MAXIMUM, MEAN, MINIMUM, MISSING, NEGATIVE, POSITIVE, Counts
from mondrift.store.tables_rollups import baseline_counts
from mondrift.store.ties import held, places
from mondrift.store.timestamps import NO_TIME, from_microseconds
from mondrift.store.validate import Checked
from mondrift.summaries import Summaries, empty
from mondrift.window import Window

LayoutOf = Callable[[str, Column], Layout]


@dataclass(frozen=True)
class Reference:
    """The rows of a baseline, ready to be counted in the transaction that registers it."""

    db: Database
    model: Model
    rows: Rows
    values: Values

    @classmethod
    def of(cls, db: Database, model: Model, checked: Checked) -> Reference:
        """All checked rows; levels that are new get their codes."""
        every = np.arange(checked.n)
        coded = encode.codes(checked, model.record, Levels(db.engine, model.number), every)
        window = Window(*_ends(checked.timestamps), n=checked.n, label="reference")
        names = [n for n in model.schema.kinds if model.schema.role(n) in COMPARED]
        columns = {name: _column(checked, model.schema, name) for name in names}
        rows = Rows(model.schema, columns, window, unreadable={})
        return cls(db, model, rows, values_of(checked, model.record, coded, every))

    def keep(self, connection: Connection, baseline: int) -> None:
        """Write the counts; fix the model's layout on these rows where it is not fixed yet."""
        model = self.model
        layout = layouts.find(connection, model.number, model.schema_version)
        if layout is None:
            layouts.lock(connection, model.number)
            layout = layouts.fix(self.db, connection, model.number, model.record, self.values)
        ways = {each.name: each for each in layout.columns}

        def layout_of(_: str, column: Column) -> Layout:
            way = ways.get(column.name)
            return fit_layout(column, grid=way.grid if way else None)

        fitted = counted(self.rows, layout_of)
        connection.execute(insert(baseline_counts), list(_stored(baseline, fitted, ways)))


def write(connection: Connection, baseline: int, summaries: Summaries) -> None:
    """Write the counts of a baseline that is known by its statistics alone."""
    connection.execute(insert(baseline_counts), list(_stored(baseline, summaries, {})))


def counted(rows: Rows, layout_of: LayoutOf, like: Summaries | None = None) -> Summaries:
    """Rows as summaries that hold on to them: the whole window, and its segments.

    `layout_of` gives the layout of a column in a segment ("": the whole window). Segments are
    those of `like`, or else the largest levels of each segment column.
    """
    parts = {"": rows}
    for name in rows.schema.segments:
        for level in like.levels(name) if like else largest_levels(rows.columns[name]):
            parts[f"{name}={level}"] = rows.segment(name, level)
    columns = {label: _summarized(part, label, layout_of) for label, part in parts.items()}
    sizes = {label: part.n for label, part in parts.items()}
    return Summaries(rows.schema, rows.window, columns, sizes)


def _summarized(part: Rows, label: str, layout_of: LayoutOf) -> dict[str, Summary]:
    return {
        name: summarize(column, layout_of(label, column))
        for name, column in part.columns.items()
        if part.schema.role(name) in COMPARED
    }


def _ends(times: packing.Ints) -> tuple[datetime | None, datetime | None]:
    known = times[times != NO_TIME]
    if not len(known):
        return None, None
    return from_microseconds(int(known.min())), from_microseconds(int(known.max()))


def _column(checked: Checked, schema: Schema, name: str) -> Column:
    """A column as `mondrift.rows` would read it from the stored rows."""
    kind, n = schema.kinds[name], checked.n
    if name in checked.codes:
        return Column(name, kind, checked.codes[name], checked.levels[name])
    if name in checked.texts:
        gone = [value is None for value in checked.texts[name]]
        return Column(name, kind, np.array(gone, dtype=bool))
    if name not in checked.numbers:
        return _lost(name, kind, n)
    values = checked.numbers[name]
    return Column(name, kind, np.isnan(values) if kind == "datetime" else values)


def _lost(name: str, kind: Kind, n: int) -> Column:
    """A column that is missing in all n rows."""
    return Column(name, kind, np.ones(n, bool) if kind == "datetime" else absent(kind, n))


# Kept, and read again


def _stored(
    baseline: int, summaries: Summaries, ways: Mapping[str, Counted]
) -> Iterator[dict[str, Any]]:
    for position, (label, columns) in enumerate(summaries.columns.items()):
        yield {
            "baseline": baseline,
            "segment": label,
            "position": position,
            "n": summaries.sizes[label],
            "first": summaries.window.start,
            "last": summaries.window.end,
            "layouts": {
                name: {**each.layout.to_dict(), "held": _single(each, ways.get(name))}
                for name, each in columns.items()
            },
            "counts": _packed(list(columns.values()), summaries.sizes[label]),
        }


def _single(summary: Summary, way: Counted | None) -> list[list[float]]:
    """The cells that hold one frequent value, and these values."""
    if way is None or way.grid is None or not way.ties or summary.layout.bins is None:
        return [[], []]
    rows = np.bincount(places(summary.finite, way.ties)[1], minlength=len(way.ties))
    values = held(way.grid, summary.cells, way.ties, rows)
    at = np.flatnonzero(~np.isnan(values))
    return [at.tolist(), values[at].tolist()]


def _packed(summaries: list[Summary], n: int) -> bytes:
    k = len(summaries)
    whole, real = np.zeros((3, k), dtype=np.int64), np.full((4, k), np.nan)
    for at, each in enumerate(summaries):
        whole[:, at] = each.missing, each.negative_infinite, each.positive_infinite
        real[:, at] = each.minimum, each.maximum, each.mean, each.m2
    line = packing.concatenated([each.cells for each in summaries])
    held = np.flatnonzero(line)
    counts = replace(Counts.nothing(k), n=n, whole=whole, real=real, at=held, count=line[held])
    return counts.pack(len(line))


def _unpacked(layouts_: Mapping[str, Any], packed: bytes) -> dict[str, Summary]:
    read = {name: Layout.from_dict(each) for name, each in layouts_.items()}
    nothing = {name: empty(layout) for name, layout in read.items()}
    sizes = [len(each.cells) for each in nothing.values()]
    counts = packing.total([packed], sum(sizes), len(sizes))
    line = np.zeros(sum(sizes), dtype=np.int64)
    line[counts.at] = counts.count
    cells = np.split(line, np.cumsum(sizes)[:-1])
    found: dict[str, Summary] = {}
    for at, (name, layout) in enumerate(read.items()):
        whole, real = counts.whole[:, at].tolist(), counts.real[:, at].tolist()
        single = np.full(sizes[at], np.nan)
        single[np.array(layouts_[name]["held"][0], dtype=np.int64)] = layouts_[name]["held"][1]
        found[name] = Summary(
            layout, counts.n, whole[MISSING], whole[NEGATIVE], whole[POSITIVE],
            real[MINIMUM], real[MAXIMUM], real[MEAN], real[M2], cells=cells[at], held=single,
        )  # fmt: skip
    return found


def read(db: Database, model: Model, baseline: int) -> Summaries | None:
    """The counts of a baseline as the model's newest schema sees them.

    A column that the baseline does not have is missing in all of its rows. None when nothing was
    kept (a baseline of an older mondrift, before `complete`) or a column has changed its kind.
    """
    stored = db.cache.remember(
        "baseline", model.model_id, f"counts:{baseline}", lambda: _select(db, baseline), age="daily"
    )
    if not stored:
        return None
    columns, sizes = {}, {}
    for label, n, _, _, layouts_, counts in stored:
        columns[label] = _unpacked(layouts_, b64decode(counts))
        sizes[label] = n
    for name in (n for n in model.schema.kinds if model.schema.role(n) in COMPARED):
        kind = model.schema.kinds[name]
        if name in columns[""] and columns[""][name].layout.kind != kind:
            return None
        for label, each in columns.items():
            if name not in each:
                lost = _lost(name, kind, sizes[label])
                each[name] = summarize(lost, fit_layout(lost))
    _, n, *ends = stored[0][:4]
    first, last = (None if each is None else datetime.fromisoformat(each) for each in ends)
    return Summaries(model.schema, Window(first, last, n=n, label="reference"), columns, sizes)


def _select(db: Database, baseline: int) -> list[list[Any]]:
    """JSON-valid, for the cache."""
    table = baseline_counts.c
    query = (
        select(table.segment, table.n, table.first, table.last, table.layouts, table.counts)
        .where(table.baseline == baseline)
        .order_by(table.position)
    )
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(query).all()
    return [
        [
            row.segment,
            row.n,
            row.first and row.first.isoformat(),
            row.last and row.last.isoformat(),
            row.layouts,
            b64encode(row.counts).decode(),
        ]
        for row in rows
    ]
