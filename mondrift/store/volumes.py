"""How many rows came when: counted in PostgreSQL; recent hours live in the cache."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import text

from mondrift.errors import WindowError, shown
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.sampling import beyond
from mondrift.store.timestamps import to_microseconds

_PERIODS = {
    "15min": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1D": timedelta(days=1),
    "7D": timedelta(days=7),
}


def volume(db: Database, model: Model, start: datetime, end: datetime, every: str) -> pd.DataFrame:
    """Rows per period that begins at `start` and after it; see `Store.volume`."""
    if every not in _PERIODS:
        raise WindowError(f"every is {every!r}; it is one of {shown(_PERIODS)}.")
    if to_microseconds(end, "end") <= to_microseconds(start, "start"):
        raise WindowError(f"The window is empty: it starts at {start}, ends at {end}.")
    parameters = {"model": model.number, "low": start, "high": end, "every": _PERIODS[every]}
    with told(db.reader), db.reader.connect() as connection:
        rows = connection.execute(text(_COUNT), parameters).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["start", "n"])
    frame["start"] = pd.to_datetime(frame["start"], utc=True).dt.as_unit("us")
    return frame.astype({"n": "int64"})


def live(db: Database, model: Model, hours: int) -> pd.DataFrame:
    """Rows of the last hours, from counters that `log` moves; see `Store.live_volume`."""
    if hours < 1:
        raise WindowError(f"hours is {hours}; it must be at least 1.")
    now = latest(db, model) if model.clock == "data" else db.clock()
    if now is None:
        return pd.DataFrame({"start": pd.to_datetime([], utc=True), "n": []})
    this = now.replace(minute=0, second=0, microsecond=0)
    starts = [this - timedelta(hours=back) for back in range(hours, -1, -1)]
    counts = [_hour(db, model, start) for start in starts]
    return pd.DataFrame({"start": pd.to_datetime(starts, utc=True).as_unit("us"), "n": counts})


def _hour(db: Database, model: Model, start: datetime) -> int:
    def count() -> int:
        return int(volume(db, model, start, start + timedelta(hours=1), "1h")["n"].iloc[0])

    number = to_microseconds(start, "start") // 3_600_000_000
    return db.cache.remember("volume", model.model_id, str(number), count, age="realtime")


def latest(db: Database, model: Model) -> datetime | None:
    """Timestamp of the newest row of a model; see `Store.latest`."""
    query = text(
        "SELECT timestamp FROM predictions WHERE model = :model ORDER BY timestamp DESC LIMIT 1"
    )
    with told(db.reader), db.reader.connect() as connection:
        return connection.execute(query, {"model": model.number}).scalar_one_or_none()


# Rows that are stored, and those that a sample left out.
_COUNT = f"""
WITH periods AS (
  SELECT period, least(period + :every, :high) AS until
  FROM generate_series(CAST(:low AS timestamptz), CAST(:high AS timestamptz) - interval '1 us',
                       :every) AS period
), counted AS (
  SELECT date_bin(:every, timestamp, :low) AS period, count(*) AS n FROM predictions
  WHERE model = :model AND timestamp >= :low AND timestamp < :high GROUP BY 1
)
SELECT period AS start, coalesce(counted.n, 0) + unkept.n AS n
FROM periods LEFT JOIN counted USING (period)
CROSS JOIN LATERAL ({beyond("period", "until")}) unkept
ORDER BY period
"""  # noqa: S608 - our own words
