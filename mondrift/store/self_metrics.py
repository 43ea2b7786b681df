"""How the store itself does: rows taken in, windows read, checks, and the seconds they took.

Each process sums up what it does and hands the sums over now and then, and when it closes: the cost
of a batch is an addition. A process that is killed loses at most its last half minute of sums, and
nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pandas as pd
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from mondrift.errors import MondriftError
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.tables_upkeep import self_metrics

_log = logging.getLogger("mondrift.store")

_EVERY_SECONDS = 30.0

#: What is measured: what `n` counts. Seconds are those of the calls, and of the slowest of them.
NAMES = {
    "ingest": "rows stored",
    "labels": "labels stored",
    "read": "windows read as rows",
    "read counts": "windows read as counts",
    "checks": "windows checked",
}


class Meter:
    """Sums of one process, by name; safe in several threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[int, float, float]] = {}
        self._handed_over = time.monotonic()

    def add(self, name: str, n: int, seconds: float) -> None:
        """Something was done `n` times in so many seconds."""
        with self._lock:
            before, total, worst = self._sums.get(name, (0, 0.0, 0.0))
            self._sums[name] = (before + n, total + seconds, max(worst, seconds))
        if time.monotonic() - self._handed_over > _EVERY_SECONDS:
            self.hand_over()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count one call, if it succeeds, and its seconds."""
        began = time.perf_counter()
        yield
        self.add(name, 1, time.perf_counter() - began)

    def hand_over(self) -> None:
        """Write the sums down. They are a help: where that fails, work goes on without."""
        with self._lock:
            self._handed_over = time.monotonic()
            sums, self._sums = self._sums, {}
        at = self._db.clock()
        rows = [
            {"at": at, "name": name, "n": n, "total": total, "worst": worst}
            for name, (n, total, worst) in sums.items()
        ]
        if not rows:
            return
        try:
            with transaction(self._db.engine) as connection:
                connection.execute(insert(self_metrics), rows)
        except (MondriftError, SQLAlchemyError) as error:
            _log.warning("self-metrics are lost: %s", error)


def to_frame(db: Database, hours: float) -> pd.DataFrame:
    """What all processes did of late; see `Store.self_metrics`."""
    parameters = {"since": db.clock() - timedelta(hours=hours)}
    with told(db.reader), db.reader.connect() as connection:
        found = {row.name: row for row in connection.execute(text(_SUMS), parameters)}
    lines = [
        {
            "name": name,
            "n": found[name].n if name in found else 0,
            "seconds": found[name].total if name in found else 0.0,
            "worst": found[name].worst if name in found else float("nan"),
            "counts": counted,
        }
        for name, counted in NAMES.items()
    ]
    return pd.DataFrame(lines).astype({"n": "int64", "seconds": "float64", "worst": "float64"})


# Checks are timed by their runs: from the beginning of the run to the stored verdict.
_SUMS = """
SELECT name, sum(n)::bigint AS n, sum(total) AS total, max(worst) AS worst
FROM self_metrics WHERE at >= :since GROUP BY name
UNION ALL
SELECT 'checks', count(*), coalesce(sum(seconds), 0), max(seconds) FROM (
  SELECT extract(epoch FROM checked_at - started_at)::float8 AS seconds
  FROM runs WHERE checked_at >= :since
) checked
"""
