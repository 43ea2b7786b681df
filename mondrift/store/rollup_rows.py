"""Rows of the store as the arrays that are counted: what no rollup holds is read from here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mondrift.store import copy, windows
from mondrift.store.connect import raw_cursor
from mondrift.store.copy import Wanted
from mondrift.store.counting import Values
from mondrift.store.layouts import counted_names
from mondrift.store.packing import Ints
from mondrift.store.records import Record
from mondrift.store.timestamps import from_microseconds

_INT, _LONG = np.dtype(">i4"), np.dtype(">i8")
_TIME = "\0time"  # no column of a schema has a NUL in its name


def read(
    connection: Connection, model: int, record: Record, low: int, high: int, *, most: int = 0
) -> tuple[Values, Ints]:
    """The counted columns, and the times, of a schema version's rows in [low, high) (µs).

    `most` rows at most, the first ones; 0: all.
    """
    selected = [("r.timestamp", Wanted(_TIME, _LONG))]
    names = counted_names(record)
    for name in names:
        found = windows.expression(record, name, "r.ground_truth")
        assert found is not None
        where, wanted = found
        if wanted.wire is None:
            where, wanted = f"({where} IS NULL)::int", Wanted(name, _INT)
        selected.append((where, wanted))
    columns = ", ".join(where for where, _ in selected)
    query = (
        f"SELECT {columns} FROM predictions r "  # noqa: S608 - only positions and fixed names
        "WHERE r.model = %(model)s AND r.timestamp >= %(low)s AND r.timestamp < %(high)s "
        "AND r.schema_version = %(version)s LIMIT %(most)s"
    )
    parameters = {
        "model": model,
        "low": from_microseconds(low),
        "high": from_microseconds(high),
        "version": record.schema_version,
        "most": most or None,
    }
    cursor = raw_cursor(connection)
    told = cursor.mogrify(query, parameters).decode()
    raw = copy.read(cursor, told, [wanted for _, wanted in selected])
    times = raw[_TIME].astype(np.int64) + copy.EPOCH
    return {name: _values(record, name, raw[name]) for name in names}, times


def _values(record: Record, name: str, raw: NDArray[Any]) -> NDArray[Any]:
    kind = record.kind(name)
    if record.levels_of(name) is not None:  # a class is kept as a float, missing as NaN
        return np.where(raw == raw, raw, -1).astype(np.int32)
    if kind == "text":
        return raw.astype(bool)
    return raw.astype(np.float64)
