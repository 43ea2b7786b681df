"""Rows and labels that did not fit, kept whole with the reason, until somebody replays them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from mondrift.store import copy
from mondrift.store.connect import raw_cursor, told
from mondrift.store.copy import Field
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import quarantine
from mondrift.store.timestamps import to_microseconds


def add(
    connection: Connection,
    model: int,
    part: str,
    entries: Sequence[tuple[str, str]],
    received_at: datetime,
) -> None:
    """Keep (reason, row as JSON) entries; `part` is "prediction" or "label"."""
    n = len(entries)
    if not n:
        return
    received = to_microseconds(received_at, "received_at")
    fields = [
        Field(np.full(n, model, dtype=np.int32)),
        Field([part.encode()] * n),
        # A reason quotes what came, and what came may not be text that PostgreSQL can keep.
        Field([_printable(reason).encode() for reason, _ in entries]),
        Field([row.encode() for _, row in entries]),
        Field(copy.moments(np.full(n, received, dtype=np.int64))),
    ]
    target = "quarantine (model, part, reason, row, received_at)"
    copy.write(raw_cursor(connection), target, fields, n)


def to_frame(db: Database, model: Model) -> pd.DataFrame:
    """What is in quarantine: entry, part, reason, row (a dict), received_at; oldest first."""
    table = quarantine.c
    query = (
        select(table.entry, table.part, table.reason, table.row, table.received_at)
        .where(table.model == model.number)
        .order_by(table.entry)
    )
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def _printable(reason: str) -> str:
    return reason.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
