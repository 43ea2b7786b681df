"""How old labels were when they came: from the append-only `labels`, so as of any moment.

The age of a label is the time from its row's timestamp to the first `received_at`; corrections do
not count again. A row that is younger than a number of days cannot have a label that took so long,
so shares are among rows that are old enough. When *rows* came is not kept: one that was logged late
counts from its own timestamp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import text

from mondrift.errors import InputError
from mondrift.store import volumes, windows
from mondrift.store.connect import told
from mondrift.store.database import Database
from mondrift.store.levels import Levels
from mondrift.store.models import Model
from mondrift.store.timestamps import to_microseconds

DAYS = (1, 7, 30)
WITH_ROWS = "the labels came with their rows: when each became known is not told"


@dataclass(frozen=True)
class LabelAges:
    """What `Store.label_ages` knows of a window at the moment `as_of`.

    `maturity` has a row per number of days: `days`; `rows`, those at least so old; `labelled`, how
    many of them had a label within so many days; `share` in [0, 1], NaN with a `reason` where no
    row is so old, or where it is not told when labels became known. `classes` has a row per
    `value` of the target with how many first labels were `early` (within the first of the days)
    or `late`; without rows for numbers, and where ages are not told.
    """

    as_of: datetime | None
    maturity: pd.DataFrame
    classes: pd.DataFrame


def label_ages(
    db: Database,
    model: Model,
    window: tuple[datetime, datetime],
    *,
    days: Sequence[int] = DAYS,
    as_of: datetime | None = None,
) -> LabelAges:
    """See `Store.label_ages`."""
    if not days or list(days) != sorted(set(days)) or days[0] < 1:
        raise InputError(f"days is {tuple(days)}; give whole numbers from 1 on, ascending.")
    found = windows.source(model, *window).parameters
    if as_of is None:
        as_of = volumes.latest(db, model) if model.clock == "data" else db.clock()
    if as_of is None:
        return LabelAges(None, _maturity(days, _NO_ROWS, _NO_LABELS, ""), _classes(_NO_LABELS))
    to_microseconds(as_of, "as_of")
    parameters = {
        **found,
        "as_of": as_of,
        "ages": [timedelta(days=each) for each in days],
        "classes": model.task != "regression",
    }
    with told(db.reader), windows.snapshot(db.reader) as connection:
        rows = _frame(connection.execute(text(_ROWS), parameters).all(), _NO_ROWS)
        labels = _frame(connection.execute(text(_LABELS), parameters).all(), _NO_LABELS)
    at_once = int(labels.loc[labels["at_once"].astype(bool), "n"].sum())
    unknown = model.clock == "data" and 2 * at_once > int(labels["n"].sum())
    if unknown or model.task == "regression":
        by_class = _NO_LABELS
    else:
        by_class = labels.assign(value=_names(db, model, labels["value"].to_numpy()))
    reason = WITH_ROWS if unknown else ""
    return LabelAges(as_of, _maturity(days, rows, labels, reason), _classes(by_class))


def _frame(rows: Sequence[Sequence[object]], like: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([tuple(row) for row in rows], columns=list(like.columns))


def _maturity(
    days: Sequence[int], rows: pd.DataFrame, labels: pd.DataFrame, unknown: str
) -> pd.DataFrame:
    told_days = []
    for place, each in enumerate(days):
        old = int(rows.loc[rows["old"] > place, "n"].sum())
        in_time = (labels["old"] > place) & (labels["late"] <= place)
        within = int(labels.loc[in_time, "n"].sum())
        young = f"no row is {each} day{'s' if each > 1 else ''} old" if not old else ""
        reason = young or unknown
        share = math.nan if reason else within / old
        told_days.append((each, old, within, share, reason))
    names = ["days", "rows", "labelled", "share", "reason"]
    return pd.DataFrame(told_days, columns=names)


def _classes(labels: pd.DataFrame) -> pd.DataFrame:
    early = labels["late"] == 0
    values = sorted(labels["value"].unique())
    counts = [
        (
            value,
            int(labels.loc[early & (labels["value"] == value), "n"].sum()),
            int(labels.loc[~early & (labels["value"] == value), "n"].sum()),
        )
        for value in values
    ]
    return pd.DataFrame(counts, columns=["value", "early", "late"])


def _names(db: Database, model: Model, codes: np.ndarray) -> list[str]:
    group = model.record.levels_of(str(model.schema.target))
    assert group is not None  # the target of a class has levels
    names = Levels(db.reader, model.number).names(group)
    return [names[int(code)] for code in codes]


_NO_ROWS = pd.DataFrame({"old": [], "n": []})
_NO_LABELS = pd.DataFrame({"old": [], "late": [], "at_once": [], "value": [], "n": []})

# `old`: how many of the ages a row has reached; `late`: how many its first label has exceeded.
_ROWS = """
SELECT width_bucket(:as_of - timestamp, CAST(:ages AS interval[])) AS old, count(*) AS n
FROM predictions WHERE model = :model AND timestamp >= :low AND timestamp < :high
GROUP BY 1
"""

_LABELS = """
SELECT width_bucket(:as_of - prediction_ts, CAST(:ages AS interval[])) AS old,
  width_bucket(received_at - prediction_ts - interval '1 us', CAST(:ages AS interval[])) AS late,
  received_at = prediction_ts AS at_once,
  CASE WHEN :classes THEN value END AS value,
  count(*) AS n
FROM (
  SELECT DISTINCT ON (prediction_ts, prediction_id) prediction_ts, received_at, value
  FROM labels
  WHERE model = :model AND prediction_ts >= :low AND prediction_ts < :high
    AND received_at <= :as_of
  ORDER BY prediction_ts, prediction_id, received_at, label_no
) firsts
GROUP BY 1, 2, 3, 4
"""
