"""The audit log, read."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import select

from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.tables import audit_log, models


def to_frame(db: Database, model_id: str | None) -> pd.DataFrame:
    """Entries, oldest first: at, who, action, subject, before, after."""
    table = audit_log.c
    query = select(
        table.at, table.who, table.action, table.subject, table.before, table.after
    ).order_by(table.entry)
    if model_id is not None:
        query = query.join(models, models.c.model == table.model).where(
            models.c.model_id == model_id
        )
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))
