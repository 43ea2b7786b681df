"""Labels that wait for their prediction: sent for ids that nobody has logged, so far or ever."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import text

from mondrift.errors import InputError
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model


def waiting(db: Database, model: Model, *, limit: int | None) -> pd.DataFrame:
    """Labels that wait, in the order in which they came; see `Store.waiting_labels`."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be at least 1.")
    parameters = {"model": model.number, "limit": limit}
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(text(_WAITING), parameters).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["id", "value", "received_at"])
    frame["received_at"] = pd.to_datetime(frame["received_at"], utc=True).dt.as_unit("us")
    target = model.schema.target
    group = None if target is None else model.record.levels_of(target)
    if group is None:
        return frame.astype({"value": "float64"})
    names = Levels(db.engine, model.number).names(group)
    return frame.assign(value=[names[int(code)] for code in frame["value"]])


def count(db: Database, model: Model) -> int:
    """How many ids have labels that wait."""
    with told(db.engine), db.engine.connect() as connection:
        return int(connection.execute(text(_COUNT), {"model": model.number}).scalar_one())


_WAITING = """
SELECT prediction_id AS id, value, received_at FROM waiting_labels
WHERE model = :model ORDER BY label_no LIMIT :limit
"""

_COUNT = "SELECT count(DISTINCT prediction_id) FROM waiting_labels WHERE model = :model"
