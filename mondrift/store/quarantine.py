"""Rows and labels that did not fit, kept whole with the reason, until somebody replays them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select

from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import quarantine

#: (reason, row): a row that was not stored, JSON-valid, and everything that is said against it.
Entry = tuple[str, Mapping[str, Any]]


def add(
    connection: Connection,
    model: int,
    part: str,
    entries: Sequence[Entry],
    received_at: datetime,
) -> None:
    """Keep rows that do not fit, in order; `part` is "prediction" or "label"."""
    rows = [
        {
            "model": model,
            "part": part,
            # A reason quotes what came, and what came may not be text that PostgreSQL can keep.
            "reason": _printable(reason),
            "row": row,
            "received_at": received_at,
        }
        for reason, row in entries
    ]
    if rows:
        connection.execute(insert(quarantine), rows)


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
