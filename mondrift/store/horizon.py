"""From when on a model's rows are kept: what is older has been taken away, and stays away.

The ids of rows that are gone are forgotten. Were such a row taken in again (a file sent twice), it
would be counted twice; so it goes to quarantine, with the reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables_upkeep import retention
from mondrift.store.timestamps import NO_TIME, to_microseconds
from mondrift.store.validate import Checked

#: Rows, and counts and results, are kept for so long unless `Store.retention` was told otherwise.
RAW = timedelta(days=90)
AGGREGATES = timedelta(days=365)


def kept_from(connection: Connection, model: int) -> datetime | None:
    """Rows before this moment are gone; None when retention has never taken any."""
    query = select(retention.c.kept_from).where(retention.c.model == model)
    return connection.execute(query).scalar_one_or_none()


def counts_from(connection: Connection, model: int) -> datetime | None:
    """Counts before this moment are gone, too, as retention was last set; None as `kept_from`."""
    query = select(retention).where(retention.c.model == model)
    row = connection.execute(query).one_or_none()
    if row is None or row.kept_from is None:
        return None
    first: datetime = row.kept_from + (row.raw or RAW) - (row.aggregates or AGGREGATES)
    return first


def refuse(db: Database, model: Model, checked: Checked) -> None:
    """Complain about the rows that are older than what is kept."""
    with told(db.engine), db.engine.connect() as connection:
        first = kept_from(connection, model.number)
    if first is None:
        return
    times = checked.timestamps
    old = (times < to_microseconds(first, "kept_from")) & (times != NO_TIME)
    checked.complaints.add(
        old, lambda _: f"it is older than retention keeps: rows are kept from {first:%Y-%m-%d} on"
    )
