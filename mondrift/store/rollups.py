"""Rollups: counts beside the rows, written in the same transaction, so that any window is a sum.

A batch appends deltas per quarter of an hour and segment; nothing is ever counted twice or lost.
Days whose rows came before their layout was fixed are noted as pending and are counted from the
rows later (`mondrift.store.folding`), behind a lock that batches with rows of such a day share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from mondrift.store import copy, layouts
from mondrift.store.connect import raw_cursor
from mondrift.store.copy import Field
from mondrift.store.counting import Delta, Values, deltas, values_of
from mondrift.store.database import Database
from mondrift.store.layouts import RollupLayout
from mondrift.store.packing import Ints
from mondrift.store.records import Record
from mondrift.store.tables_rollups import rollup_pending
from mondrift.store.validate import Checked

_DAY = 86_400_000_000  # µs


@dataclass(frozen=True)
class Batch:
    """Rows logged together, ready to be counted: `coded` holds the store's codes of rows `keep`."""

    db: Database
    record: Record
    checked: Checked
    coded: Mapping[str, NDArray[np.int32]]
    keep: Ints

    def add(self, connection: Connection, model: int, stored: Ints) -> None:
        """Count the rows that were stored (places in `keep`), in the transaction that stores them.

        Nothing that waits for another transaction may follow. Until a layout is fixed, small
        batches only note their days; the first large one fixes it.
        """
        if not len(stored):
            return
        values = values_of(self.checked, self.record, self.coded, self.keep)
        times = self.checked.timestamps[self.keep]
        if len(stored) < len(self.keep):
            values = {name: each[stored] for name, each in values.items()}
            times = times[stored]
        day = times // _DAY
        days = [date.fromordinal(_EPOCH_DAY + each) for each in np.unique(day).tolist()]
        layout, waiting = self._layout(connection, model, values, days)
        if waiting:
            later = np.isin(day, [each.toordinal() - _EPOCH_DAY for each in waiting])
            values = {name: each[~later] for name, each in values.items()}
            times = times[~later]
        if layout is not None and len(times):
            write(connection, layout, deltas(layout, values, times))

    def _layout(
        self, connection: Connection, model: int, values: Values, days: list[date]
    ) -> tuple[RollupLayout | None, set[date]]:
        """The layout, and which of the days are counted later, from their rows."""
        version = self.record.schema_version
        layout = layouts.find(connection, model, version)
        waiting = _pending(connection, model, version, days)
        if layout is not None and not waiting:
            return layout, waiting  # a day that is not pending never becomes so again
        large = len(next(iter(values.values()), ())) >= layouts.ENOUGH
        layouts.lock(connection, model, shared=not large or layout is not None)
        layout = layouts.find(connection, model, version)
        if layout is None and large:
            layout = layouts.fix(self.db, connection, model, self.record, values)
        if layout is None:
            rows = [{"model": model, "schema_version": version, "day": each} for each in days]
            connection.execute(insert(rollup_pending).on_conflict_do_nothing(), rows)
        return layout, _pending(connection, model, version, days)


_EPOCH_DAY = date(1970, 1, 1).toordinal()


def _pending(
    connection: Connection, model: int, schema_version: int, days: Iterable[date]
) -> set[date]:
    table = rollup_pending.c
    query = select(table.day).where(
        table.model == model, table.schema_version == schema_version, table.day.in_(list(days))
    )
    return set(connection.execute(query).scalars())


def write(
    connection: Connection,
    layout: RollupLayout,
    counted: Iterable[Delta],
    *,
    folded: bool = False,
    divisible: bool = False,
) -> None:
    """Append deltas, within the transaction of `connection`."""
    rows = list(counted)
    n = len(rows)
    starts = np.array([each.start for each in rows], dtype=np.int64)
    fields = [
        Field(np.full(n, layout.number, dtype=np.int32)),
        Field(np.array([each.segment for each in rows], dtype=np.int32)),
        Field(copy.moments(starts)),
        Field(np.array([each.seconds for each in rows], dtype=np.int32)),
        Field(np.full(n, folded)),
        Field(np.full(n, divisible)),
        Field(np.array([each.n for each in rows], dtype=np.int64)),
        Field([each.counts.pack(layout.places) for each in rows]),
    ]
    columns = "layout, segment, start, seconds, folded, divisible, n, counts"
    copy.write(raw_cursor(connection), f"rollups ({columns})", fields, n)
