"""How often the model was wrong, hour by hour or day by day, summed in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import text

from mondrift.errors import WindowError, shown
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.timestamps import to_microseconds

_PLACES = {"1h": "hour", "1D": "day"}


def mistakes(
    db: Database, model: Model, start: datetime, end: datetime, every: str, zone: str
) -> pd.DataFrame:
    """Errors of the labelled rows per hour or day; see `Store.mistakes`."""
    if every not in _PLACES:
        raise WindowError(f"every is {every!r}; it is one of {shown(_PLACES)}.")
    if to_microseconds(end, "end") <= to_microseconds(start, "start"):
        raise WindowError(f"The window is empty: it starts at {start}, ends at {end}.")
    classes = model.schema.kinds.get(model.schema.target or "") == "categorical"
    parameters = {
        "model": model.number, "low": start, "high": end,
        "place": _PLACES[every], "zone": zone, "classes": classes,
    }  # fmt: skip
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(text(_SUMS), parameters).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["start", "n", "errors", "squares"])
    frame["start"] = pd.to_datetime(frame["start"], utc=True).dt.as_unit("us")
    return frame.astype({"n": "int64", "errors": "float64", "squares": "float64"})


# A class is the code of its level, and prediction and target share one list of levels.
_SUMS = """
SELECT place AS start, count(*) AS n, sum(error) AS errors, sum(error * error) AS squares
FROM (
  SELECT date_trunc(:place, timestamp, :zone) AS place,
    CASE WHEN :classes THEN CAST(CAST(prediction <> ground_truth AS integer) AS float8)
      ELSE abs(prediction - ground_truth) END AS error
  FROM predictions
  WHERE model = :model AND timestamp >= :low AND timestamp < :high
    AND prediction IS NOT NULL AND ground_truth IS NOT NULL
) rows
WHERE error < 1e150  -- squares of others cannot be summed
GROUP BY place ORDER BY place
"""
