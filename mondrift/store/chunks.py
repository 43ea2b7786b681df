"""A window larger than memory, in frames of at most so many rows, all of one snapshot.

The primary key tells where the next frame begins: nothing is counted ahead, nothing is sorted, and
no more than one frame is ever held. Works through a read-only connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from mondrift.errors import InputError
from mondrift.store import models, windows
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.windows import Source

_Key = tuple[datetime, str]


def chunks(
    db: Database,
    model: Model,
    start: datetime,
    end: datetime,
    *,
    columns: Iterable[str] | None,
    rows: int,
) -> Iterator[pd.DataFrame]:
    """The window in frames of at most `rows` rows; see `Store.chunks`. Errors come at once."""
    if rows < 1:
        raise InputError(f"rows is {rows}; a frame holds at least 1 row.")
    source = windows.source(model, start, end)
    names = windows.chosen(model, columns)
    return _frames(db, model, source, names, rows)


def _frames(
    db: Database, model: Model, source: Source, names: tuple[str, ...], rows: int
) -> Iterator[pd.DataFrame]:
    levels = Levels(db.reader, model.number)
    with told(db.reader), windows.snapshot(db.reader) as connection:
        records = models.records(connection, model)
        categories = _categories(model, names, levels)
        start: _Key | None = (source.parameters["low"], "")
        while start is not None:
            after = _next(connection, source, start, rows)
            part = _between(source, start, after)
            frame = windows.rows_of(connection, records, part, (model, names), levels)
            start = after
            if len(frame):
                yield _with_categories(frame, categories)


def _next(connection: Connection, source: Source, start: _Key, rows: int) -> _Key | None:
    """Where the frame after the one from `start` on begins; None when there is none.

    At the beginning of an instant, so that its rows stay together; inside one only when it has
    more rows than a frame holds.
    """
    parameters = {**source.parameters, "low": start[0], "id": start[1], "rows": rows}
    found = connection.execute(text(_BOUNDARY), parameters).one_or_none()
    if found is None:
        return None
    moment, name = found
    return (moment, name) if moment == start[0] else (moment, "")


_BOUNDARY = """
SELECT timestamp, id FROM predictions
WHERE model = :model AND timestamp >= :low AND timestamp < :high AND (timestamp, id) >= (:low, :id)
ORDER BY timestamp, id OFFSET :rows LIMIT 1
"""


def _between(source: Source, start: _Key, after: _Key | None) -> Source:
    """The rows of `source` from one key up to another; the plain bounds choose partitions."""
    parameters: dict[str, Any] = {**source.parameters, "low": start[0], "low_id": start[1]}
    where = f"{source.where} AND (r.timestamp, r.id) >= (%(low)s, %(low_id)s)"
    if after is not None:
        parameters |= {"last": after[0], "last_id": after[1]}
        where += " AND r.timestamp <= %(last)s AND (r.timestamp, r.id) < (%(last)s, %(last_id)s)"
    return Source(source.table, where, parameters)


def _categories(
    model: Model, names: tuple[str, ...], levels: Levels
) -> dict[str, pd.CategoricalDtype]:
    """Every level that the store knows of each categorical column, sorted: alike in all frames."""
    record = model.record
    groups = {name: record.levels_of(name) for name in names}
    return {
        name: pd.CategoricalDtype(pd.Index(sorted(levels.names(group)), dtype="str"))
        for name, group in groups.items()
        if group is not None
    }


def _with_categories(
    frame: pd.DataFrame, categories: dict[str, pd.CategoricalDtype]
) -> pd.DataFrame:
    found = {}
    for name, dtype in categories.items():
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            others = column.cat.categories.difference(dtype.categories)
            union = dtype if others.empty else pd.CategoricalDtype(dtype.categories.append(others))
            found[name] = column.cat.set_categories(union.categories)
    return frame.assign(**found)
