"""Labels: append-only in `labels`, the last one also on the prediction, in one transaction.

The last label is the one received last; of two received at the same time, the one that came last.
A label that repeats one of the same value and the same time is not kept, nor one that says no time
and repeats what is known: whole tables may be sent every night. One that says its time is kept
although it repeats the value before: labels come in any order, and one that says otherwise may
still come from between. Labels of unknown ids wait and are matched when the prediction comes;
whether an id is unknown is decided behind a lock, after every batch under way has been committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from mondrift.errors import ColumnError, InputError, SchemaError, shown
from mondrift.kinds import Kind
from mondrift.schema import Schema
from mondrift.store import copy, ids, quarantine
from mondrift.store.connect import raw_cursor, transaction
from mondrift.store.copy import Field
from mondrift.store.database import Database
from mondrift.store.levels import MOST_LEVELS, Levels
from mondrift.store.models import Model
from mondrift.store.records import Record
from mondrift.store.timestamps import to_microseconds
from mondrift.store.validate import Checked, check, to_frame

_LABELS, _WAITING = 0x6C61626C, 0x77616974  # "labl", "wait": advisory locks, with the model


@dataclass(frozen=True)
class LabelResult:
    """What became of the labels of one `label`: each is counted once.

    `unchanged` repeat what was known; `unknown` wait for their prediction; `quarantined` could
    not be read.
    """

    stored: int
    unchanged: int
    unknown: int
    quarantined: int


def label(
    db: Database,
    model: Model,
    rows: Any,
    *,
    replayed: Sequence[int] = (),
    sent_at: datetime | None = None,
) -> LabelResult:
    """Check and store labels; see `Store.label`.

    `replayed`: the quarantine entries that the labels come from, one per label.
    """
    checked, timed = _check(db, model, rows, sent_at or db.clock())
    keep = np.flatnonzero(checked.complaints.keep(checked.n))
    values = _values(db, model, checked, keep)
    keep = np.flatnonzero(checked.complaints.keep(checked.n))
    names = [str(checked.ids[row]).encode() for row in keep.tolist()]
    rejected = checked.rejected()
    with transaction(db.engine) as connection:
        lock(connection, model.number)
        result = add(
            connection, model, ids=names, values=values[keep],
            received=checked.timestamps[keep], timed=timed,
        )  # fmt: skip
        failed = dict(zip(sorted(checked.complaints.reasons), rejected, strict=True))
        quarantine.settle(connection, model.number, "label", failed, db.clock(), replayed)
    return LabelResult(result.stored, result.unchanged, result.unknown, len(rejected))


def _check(db: Database, model: Model, rows: Any, sent_at: datetime) -> tuple[Checked, bool]:
    """The labels, and whether they say when they were received."""
    schema = model.schema
    if schema.target is None:
        raise SchemaError(
            f"Model {model.model_id!r} declares no target, so it takes no labels. Register it "
            "again with Schema(target='column')."
        )
    if not model.fitted:
        raise SchemaError(f"Model {model.model_id!r} has no rows yet, so nothing can be labelled.")
    frame, source = to_frame(rows, "Labels")
    for name in ("id", "value"):
        if name not in frame.columns and len(frame):
            raise ColumnError.unknown(name, frame.columns, "the labels")
    timed = "received_at" in frame.columns
    if not timed and model.clock == "data" and len(frame):
        raise InputError(
            f"Model {model.model_id!r} lives by the clock of its data: say when each label came, "
            "in a column 'received_at'."
        )
    kinds: dict[str, Kind] = {
        "id": "text",
        "value": schema.kinds[schema.target],
        "received_at": "datetime",
    }
    form = Schema(id="id", target="value", timestamp="received_at", kinds=kinds)
    checked = check(source, Record(form, 0), zone=None, latest=db.clock(), timeless=not timed)
    if not timed:
        checked.timestamps[:] = to_microseconds(sent_at, "sent_at")
    nameless = np.array([each is None for each in checked.ids], dtype=bool)
    checked.complaints.add(nameless, lambda _: "it has no id")
    return checked, timed


def _values(db: Database, model: Model, checked: Checked, keep: np.ndarray) -> np.ndarray:
    """The labels as float64: numbers, or codes of classes. Complains about missing ones."""
    if "value" not in checked.codes:
        values = np.asarray(checked.numbers.get("value", np.empty(0)), dtype=np.float64)
        checked.complaints.add(np.isnan(values), lambda _: "it has no value")
        return values
    group = model.record.levels_of(str(model.schema.target))
    assert group is not None
    local = checked.codes["value"]
    checked.complaints.add(local < 0, lambda _: "it has no value")
    used = np.unique(local[keep][local[keep] >= 0])
    names = [checked.levels["value"][code] for code in used]
    levels = Levels(db.engine, model.number)
    if model.task == "binary":
        known = levels.names(group)
        third = [n for n in names if n not in known][max(0, 2 - len(known)) :]
        codes = [checked.levels["value"].index(name) for name in third]
        checked.complaints.add(
            np.isin(local, codes),
            lambda row: (
                f"{checked.levels['value'][local[row]]!r} is neither of the two classes "
                f"{shown(known)}"
            ),
        )
        names = [name for name in names if name not in third]
    table = np.full(len(checked.levels["value"]) + 1, np.nan)
    places = {name: place for place, name in enumerate(checked.levels["value"])}
    for name, code in zip(names, levels.codes({group: names})[group].tolist(), strict=True):
        table[places[name]] = code
    checked.complaints.add(
        table[local] < 0, lambda _: f"it would be one more than the {MOST_LEVELS} classes kept"
    )
    return np.asarray(table[local])


def lock(connection: Connection, model: int) -> None:
    """One process at a time stores labels of a model. Taken before `lock_waiting`, never after."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:lock, :model)"), {"lock": _LABELS, "model": model}
    )


def lock_waiting(connection: Connection, model: int, *, shared: bool) -> None:
    """Shared: new ids are under way. Exclusive: none is, so an id not found is unknown."""
    kind = "_shared" if shared else ""
    connection.execute(
        text(f"SELECT pg_advisory_xact_lock{kind}(:lock, :model)"),
        {"lock": _WAITING, "model": model},
    )


def at(moment: datetime, n: int) -> np.ndarray:
    """The same moment n times, as microseconds since 1970."""
    return np.full(n, to_microseconds(moment, "received_at"), dtype=np.int64)


def add(
    connection: Connection,
    model: Model,
    *,
    ids: Sequence[bytes],
    values: np.ndarray,
    received: np.ndarray,
    timed: bool,
) -> LabelResult:
    """Store labels within the transaction of `connection`, which holds `lock`.

    `timed`: whoever sends them says when they were received; else `received` is now.
    """
    n = len(ids)
    if not n:
        return LabelResult(0, 0, 0, 0)
    parameters = {"model": model.number, "timed": timed}
    connection.exec_driver_sql(_TABLES)
    _send(connection, ids, values, received)
    _locate(connection, model.number)
    known = connection.execute(text("SELECT count(*) FROM located")).scalar_one()
    if known < n:
        lock_waiting(connection, model.number, shared=False)
        _locate(connection, model.number)
        known = connection.execute(text("SELECT count(*) FROM located")).scalar_one()
        connection.execute(text(_WAIT), parameters)
    unchanged = connection.execute(text(_DROP_UNCHANGED), parameters).rowcount
    connection.execute(text(_APPEND), parameters)
    span = connection.execute(text("SELECT min(timestamp), max(timestamp) FROM located")).one()
    if span[0] is not None:
        connection.execute(text(_SET_LAST), {**parameters, "low": span[0], "high": span[1]})
    return LabelResult(known - unchanged, unchanged, n - known, 0)


def _send(
    connection: Connection, names: Sequence[bytes], values: np.ndarray, received: np.ndarray
) -> None:
    made = ids.times([name.decode() for name in names])
    fields = [
        Field(np.arange(len(names), dtype=np.int32)),
        Field(names),
        Field(values),
        Field(copy.moments(received)),
        Field(copy.moments(made), made == ids.NO_TIME),
    ]
    copy.write(raw_cursor(connection), "sent", fields, len(names))
    connection.exec_driver_sql("ANALYZE sent")


def _locate(connection: Connection, model: int) -> None:
    """Move to `located` what has a prediction, by its key or by the time in the id itself."""
    connection.execute(text(_BY_KEY), {"model": model})
    query = text("SELECT min(made_at), max(made_at) FROM sent")
    low, high = connection.execute(query).one()
    if low is not None:
        connection.execute(text(_BY_TIME), {"model": model, "low": low, "high": high})
    connection.exec_driver_sql("ANALYZE located")


def match_waiting(connection: Connection, model: int) -> None:
    """Give waiting labels to the predictions in the temporary table `incoming`."""
    query = text("SELECT EXISTS (SELECT FROM waiting_labels WHERE model = :model)")
    if connection.execute(query, {"model": model}).scalar_one():
        connection.execute(text(_MATCH), {"model": model})


_TABLES = """
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE sent (
  row integer NOT NULL, id text COLLATE "C" NOT NULL, value float8 NOT NULL,
  received_at timestamptz NOT NULL, made_at timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE located (
  row integer NOT NULL, id text COLLATE "C" NOT NULL, timestamp timestamptz NOT NULL,
  value float8 NOT NULL, received_at timestamptz NOT NULL, labelled boolean NOT NULL
) ON COMMIT DROP
"""

_BY_KEY = """
WITH found AS (
  DELETE FROM sent USING prediction_keys keys WHERE keys.model = :model AND keys.id = sent.id
  RETURNING sent.row, sent.id, keys.timestamp, sent.value, sent.received_at
)
INSERT INTO located SELECT row, id, timestamp, value, received_at, true FROM found
"""

_BY_TIME = """
WITH found AS (
  DELETE FROM sent USING predictions p
  WHERE p.model = :model AND p.timestamp = sent.made_at AND p.id = sent.id
    AND p.timestamp BETWEEN :low AND :high
  RETURNING sent.row, sent.id, p.timestamp, sent.value, sent.received_at, p.labelled_at
)
INSERT INTO located
SELECT row, id, timestamp, value, received_at, labelled_at IS NOT NULL FROM found
"""

_WAIT = """
INSERT INTO waiting_labels (model, prediction_id, value, received_at)
SELECT :model, id, value, received_at FROM sent
WHERE NOT EXISTS (  -- sent again, after an answer that was lost
  SELECT FROM waiting_labels w
  WHERE w.model = :model AND w.prediction_id = sent.id
    AND w.value = sent.value AND (w.received_at = sent.received_at OR NOT :timed AND NOT EXISTS (
      SELECT FROM waiting_labels later
      WHERE later.model = :model AND later.prediction_id = sent.id
        AND (later.received_at, later.label_no) > (w.received_at, w.label_no)
    ))
) ORDER BY row
"""

_DROP_UNCHANGED = """
WITH history AS (
  SELECT timestamp, id, received_at, row::bigint AS number, value, true AS new FROM located
  UNION ALL
  SELECT l.prediction_ts, l.prediction_id, l.received_at, l.label_no, l.value, false
  FROM labels l JOIN (SELECT DISTINCT timestamp, id FROM located WHERE labelled) known
    ON l.prediction_ts = known.timestamp AND l.prediction_id = known.id
  WHERE l.model = :model
), ordered AS (
  SELECT number AS row, new, value, received_at, lag(value) OVER earlier AS before,
    lag(received_at) OVER earlier AS received_before
  FROM history WINDOW earlier AS (PARTITION BY timestamp, id ORDER BY received_at, new, number)
)
DELETE FROM located USING ordered
WHERE ordered.new AND ordered.row = located.row AND ordered.value = ordered.before
  AND (NOT :timed OR ordered.received_at = ordered.received_before)
"""

_APPEND = """
INSERT INTO labels (model, prediction_ts, prediction_id, value, received_at)
SELECT :model, timestamp, id, value, received_at FROM located ORDER BY row
"""

_SET_LAST = """
UPDATE predictions p SET ground_truth = last.value, labelled_at = last.received_at
FROM (
  SELECT DISTINCT ON (timestamp, id) timestamp, id, value, received_at
  FROM located ORDER BY timestamp, id, received_at DESC, row DESC
) last
WHERE p.model = :model AND p.timestamp = last.timestamp AND p.id = last.id
  AND p.timestamp BETWEEN :low AND :high
  AND (p.labelled_at IS NULL OR p.labelled_at <= last.received_at)
"""

_MATCH = """
WITH found AS (
  DELETE FROM waiting_labels w USING prediction_keys keys
  WHERE w.model = :model AND keys.model = :model AND keys.id = w.prediction_id
    AND w.prediction_id IN (SELECT id FROM incoming)
  RETURNING w.label_no, w.prediction_id AS id, keys.timestamp, w.value, w.received_at
), kept AS (
  INSERT INTO labels (model, prediction_ts, prediction_id, label_no, value, received_at)
  SELECT :model, timestamp, id, label_no, value, received_at FROM found
)
UPDATE predictions p SET ground_truth = last.value, labelled_at = last.received_at
FROM (
  SELECT DISTINCT ON (id) id, timestamp, value, received_at
  FROM found ORDER BY id, received_at DESC, label_no DESC
) last
WHERE p.model = :model AND p.timestamp = last.timestamp AND p.id = last.id
  AND (p.labelled_at IS NULL OR p.labelled_at <= last.received_at)
"""
