"""Measurements over many windows, as a tidy frame, through the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

from mondrift.comparison import FRAME
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.results import results_version

COLUMNS = ("run_id", "monitor", "revision", *FRAME, "adjusted", "status")

_RUN = COLUMNS[:5]  # what a measurement has from its run; the queries give COLUMNS in their order
_MOMENTS = ("window_start", "window_end")
_FLOATS = ("statistic", "pvalue", "adjusted", "low", "high")


@dataclass(frozen=True)
class Wanted:
    """Which measurements: None means all; `whole`: without segments; `last` counts windows."""

    families: tuple[str, ...] | None = None
    measures: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    whole: bool = False
    monitor: str | None = None
    last: int | None = None

    @property
    def name(self) -> str:
        """What stands for it in a cache key."""
        return sha256(json.dumps(list(vars(self).values())).encode()).hexdigest()[:24]

    def parameters(self) -> dict[str, Any]:
        """What the queries below ask for."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


def history(db: Database, model: Model, wanted: Wanted) -> pd.DataFrame:
    """See `Store.history`. The cache key holds the version of the results: it is never stale."""
    with told(db.reader), db.reader.connect() as connection:
        version = results_version(connection, model)
        rows = db.cache.remember(
            "statistics",
            model.model_id,
            f"history:{version}:{wanted.name}",
            lambda: _read(connection, model, wanted),
            age="hourly",
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in _MOMENTS:
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").dt.as_unit("us")
    for name in _FLOATS:
        frame[name] = frame[name].astype("float64")
    for name in ("revision", "n_reference", "n_current"):
        frame[name] = frame[name].astype("int64")
    return frame


def _read(connection: Connection, model: Model, wanted: Wanted) -> list[list[Any]]:
    parameters = {"model": model.number, **wanted.parameters()}
    rows = [list(row) for row in connection.execute(text(_RUNS + _DRIFT), parameters)]
    for found in connection.execute(text(_RUNS + _PERFORMANCE), parameters):
        run, measured = found[: len(_RUN)], found[len(_RUN)]
        rows.append([*run, *(measured[name] for name in COLUMNS[len(_RUN) :])])
    moments = [COLUMNS.index(name) for name in _MOMENTS]
    for row in rows:
        for at in moments:
            row[at] = row[at].isoformat()
    order = [COLUMNS.index(name) for name in ("window_start", "monitor")]
    return sorted(rows, key=itemgetter(*order))


def names(values: Sequence[str] | str | None) -> tuple[str, ...] | None:
    """One name or several, as a tuple."""
    return (values,) if isinstance(values, str) else None if values is None else tuple(values)


# The newest checked run of each monitor and window, of the last windows.
_RUNS = """
WITH newest AS (
  SELECT DISTINCT ON (monitor, window_start, window_end)
    run_id, monitor, revision, window_start, window_end
  FROM runs
  WHERE model = :model AND checked_at IS NOT NULL
    AND (CAST(:monitor AS text) IS NULL OR monitor = :monitor)
  ORDER BY monitor, window_start, window_end, checked_at DESC, revision DESC, run_id DESC
), ranked AS (
  SELECT *, dense_rank() OVER (ORDER BY window_start DESC, window_end DESC) AS age FROM newest
), chosen AS (
  SELECT * FROM ranked WHERE CAST(:last AS integer) IS NULL OR age <= :last
)
"""

_DRIFT = """
SELECT c.run_id, c.monitor, c.revision, c.window_start, c.window_end, r.segment, r.family,
  r.feature AS column, r.role, r.kind, r.test_type AS measure, r.statistic, r.p_value AS pvalue,
  r.n_reference, r.n_current, r.low, r.high, r.reason, r.adjusted_p_value AS adjusted, r.status
FROM chosen c JOIN drift_results r ON r.run_id = c.run_id
WHERE (CAST(:families AS text[]) IS NULL OR r.family = ANY(CAST(:families AS text[])))
  AND (CAST(:measures AS text[]) IS NULL OR r.test_type = ANY(CAST(:measures AS text[])))
  AND (CAST(:columns AS text[]) IS NULL OR r.feature = ANY(CAST(:columns AS text[])))
  AND (NOT :whole OR r.segment = '')
ORDER BY c.window_start, c.monitor, r.position
"""

_PERFORMANCE = """
SELECT c.run_id, c.monitor, c.revision, c.window_start, c.window_end, m.measurement
FROM chosen c JOIN performance_metrics p ON p.run_id = c.run_id
CROSS JOIN LATERAL json_array_elements(p.measurements) WITH ORDINALITY AS m (measurement, position)
WHERE (CAST(:families AS text[]) IS NULL
    OR m.measurement->>'family' = ANY(CAST(:families AS text[])))
  AND (CAST(:measures AS text[]) IS NULL
    OR m.measurement->>'measure' = ANY(CAST(:measures AS text[])))
  AND (CAST(:columns AS text[]) IS NULL
    OR m.measurement->>'column' = ANY(CAST(:columns AS text[])))
  AND (NOT :whole OR p.segment = '')
ORDER BY c.window_start, c.monitor, p.position, m.position
"""
