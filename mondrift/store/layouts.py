"""How the rows of a schema version are counted: fixed once, and the same for ever.

A numeric column gets a grid, from the first baseline or the first large batch, and a later schema
version takes over the grids of the columns it shares: counts of both add. Levels are counted by
the store's codes, so that new ones need no new layout. A segment column gets its largest levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select, text

from mondrift.kinds import Kind
from mondrift.measures.grid import MANY_ROWS, Grid, landmarks
from mondrift.schema import COMPARED
from mondrift.store.database import Database
from mondrift.store.records import Record
from mondrift.store.tables_rollups import rollup_layouts
from mondrift.store.ties import frequent

#: Rows of a batch from which a layout is fixed on it.
ENOUGH = 1000

#: Levels of a segment column that are counted apart; a comparison looks at 20 of the reference's.
SEGMENTS = 40

# For a column without any value yet: 256 cells per power of two, from 0.008 to 131,072 on either
# side of zero, evenly below.
_BLANK = Grid(centre=0.0, core=2.0**-7, shift=44, first=-(24 << 8), size=48 << 8)

_LOCK = 0x726F6C6C  # "roll": an advisory lock, with the model


@dataclass(frozen=True)
class Counted:
    """A column as it is counted; `grid` of a numeric one, and frequent values of it."""

    name: str
    kind: Kind
    grid: Grid | None = None
    ties: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Places that the column takes in the line of all cells."""
        cells = self.grid.size if self.grid else 2 * (self.kind == "boolean")
        return cells + len(self.ties)


@dataclass(frozen=True)
class RollupLayout:
    """Columns and segments of one schema version; `number` is its key in SQL."""

    number: int
    schema_version: int
    columns: tuple[Counted, ...]
    segments: Mapping[str, tuple[int, ...]]

    @cached_property
    def places(self) -> int:
        """Cells of all columns together."""
        return sum(each.size for each in self.columns)

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """Where the cells of each column begin."""
        sizes = [each.size for each in self.columns]
        return tuple(np.cumsum([0, *sizes])[:-1].tolist())

    @cached_property
    def segment_numbers(self) -> Mapping[tuple[str, int], int]:
        """{(column, code): number of the segment}, from 1 on."""
        named = [(name, code) for name, codes in self.segments.items() for code in codes]
        return {each: number for number, each in enumerate(named, start=1)}

    def column(self, name: str) -> Counted | None:
        """How a column is counted; None when it is not."""
        return next((each for each in self.columns if each.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid."""
        columns = [
            [each.name, each.kind, each.grid.to_dict() if each.grid else None, list(each.ties)]
            for each in self.columns
        ]
        return {"columns": columns, "segments": {k: list(v) for k, v in self.segments.items()}}


def counted_names(record: Record) -> tuple[str, ...]:
    """Columns that are counted: all that are compared but the target, whose values come later."""
    roles = {name: record.schema.role(name) for name in record.schema.kinds}
    return tuple(n for n, role in roles.items() if role in COMPARED and role != "target")


def find(connection: Connection, model: int, schema_version: int) -> RollupLayout | None:
    """The layout of a schema version; None when it is not fixed yet."""
    return all_of(connection, model).get(schema_version)


def all_of(connection: Connection, model: int) -> dict[int, RollupLayout]:
    """{schema version: layout} of a model."""
    query = text(
        "SELECT layout, schema_version, CAST(definition AS text) FROM rollup_layouts "
        "WHERE model = :model ORDER BY schema_version"
    )
    rows = connection.execute(query, {"model": model})
    return {version: _read(number, version, stored) for number, version, stored in rows}


@lru_cache(maxsize=64)
def _read(number: int, schema_version: int, stored: str) -> RollupLayout:
    """Layouts are read with every batch, and never change."""
    import json

    data = json.loads(stored)
    columns = tuple(
        Counted(name, kind, Grid(**grid) if grid else None, tuple(ties))
        for name, kind, grid, ties in data["columns"]
    )
    segments = {name: tuple(codes) for name, codes in data["segments"].items()}
    return RollupLayout(number, schema_version, columns, segments)


def lock(connection: Connection, model: int, *, shared: bool = False) -> None:
    """Wait for whoever fixes a layout or counts a day; `shared`: only batches of rows do so.

    The last lock of a transaction, so that nobody who holds it waits for another.
    """
    kind = "_shared" if shared else ""
    query = text(f"SELECT pg_advisory_xact_lock{kind}(:lock, :model)")
    connection.execute(query, {"lock": _LOCK, "model": model})


def fix(
    db: Database,
    connection: Connection,
    model: int,
    record: Record,
    values: Mapping[str, NDArray[Any]],
) -> RollupLayout:
    """Fix the layout of a schema version on these values, unless it is; the lock is held.

    `values` are as `mondrift.store.counting` has them.
    """
    known = all_of(connection, model)
    if record.schema_version in known:
        return known[record.schema_version]
    columns = tuple(_counted(record, name, values, known) for name in counted_names(record))
    segments = {
        name: _largest(values[name])
        for name in record.schema.segments
        if record.kind(name) == "categorical"
    }
    layout = RollupLayout(0, record.schema_version, columns, segments)
    definition = layout.to_dict()
    row = {
        "model": model,
        "schema_version": record.schema_version,
        "definition": definition,
        "created_at": db.clock(),
    }
    connection.execute(insert(rollup_layouts), row)
    query = select(rollup_layouts.c.layout).where(
        rollup_layouts.c.model == model,
        rollup_layouts.c.schema_version == record.schema_version,
    )
    subject = f"schema version {record.schema_version}"
    db.audit(
        connection, "fix layout of counts", subject, model=model, before=None, after=definition
    )
    number = connection.execute(query).scalar_one()
    return RollupLayout(number, record.schema_version, columns, segments)


def _counted(
    record: Record,
    name: str,
    values: Mapping[str, NDArray[Any]],
    known: Mapping[int, RollupLayout],
) -> Counted:
    kind = record.kind(name)
    if kind != "numeric":
        return Counted(name, kind)
    for version in sorted(known, reverse=True):
        before = known[version].column(name)
        if before is not None and before.kind == kind:
            return before
    return Counted(name, kind, grid_for(values[name]), frequent(values[name]))


def grid_for(values: NDArray[np.float64]) -> Grid:
    """The grid for a column that begins with these values: up to 2**12 cells.

    It reaches further than they do, by their whole range on either side: later rows may well.

    >>> grid = grid_for(np.linspace(0.0, 1.0, 1001))
    >>> grid.size <= 4096, int(grid.locate(np.array([-0.9]))[0]) > 0, grid_for(np.zeros(0)).size
    (True, True, 12288)
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return _BLANK
    points = landmarks(finite)
    with np.errstate(over="ignore"):
        reach = points[-1] - points[0]
        ends = points[0] - reach, points[-1] + reach
    if np.isfinite(ends).all():
        points[0], points[-1] = ends
    return Grid.around(points, min(len(finite), MANY_ROWS - 1))


def _largest(codes: NDArray[np.int32]) -> tuple[int, ...]:
    counts = np.bincount(codes[codes >= 0])
    order: Sequence[int] = np.argsort(-counts, kind="stable")[:SEGMENTS].tolist()
    return tuple(code for code in order if counts[code])
