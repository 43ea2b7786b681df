"""How a model stands: incidents open now and alerts so far, by severity, through the cache."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import text

from mondrift.severity import SEVERITIES
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.results import results_version


def alert_counts(db: Database, model: Model) -> pd.DataFrame:
    """See `Store.alert_counts`. Only checks move incidents and raise alerts, and each of them is
    another version of the results: what the cache holds is never stale."""
    with told(db.reader), db.reader.connect() as connection:
        version = results_version(connection, model)
        found = db.cache.remember(
            "alerts",
            model.model_id,
            f"counts:{version}",
            lambda: [
                list(row) for row in connection.execute(text(_COUNTS), {"model": model.number})
            ],
            age="realtime",
        )
    known = {severity: (opened, raised) for severity, opened, raised in found}
    worst_first = SEVERITIES[::-1]
    counts = [(severity, *known.get(severity, (0, 0))) for severity in worst_first]
    return pd.DataFrame(counts, columns=["severity", "open", "alerts"])


_COUNTS = """
SELECT severity, sum(open)::integer, sum(alerts)::integer FROM (
  SELECT severity, count(*) AS open, 0 AS alerts FROM incidents
  WHERE model = :model AND closed_at IS NULL GROUP BY severity
  UNION ALL
  SELECT severity, 0, count(*) FROM alerts WHERE model = :model GROUP BY severity
) each GROUP BY severity
"""
