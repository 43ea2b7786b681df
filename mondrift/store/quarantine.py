"""Rows and labels that did not fit, kept whole with the reason, until somebody replays them.

A row that says its id is kept once, however often it is sent: whoever lost an acknowledgement
sends everything again. Rows without id are kept as often as they come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, delete, func, select, text

from mondrift.errors import InputError, StoreError, shown
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import model_schemas, quarantine

#: (reason, row): a row that was not stored, JSON-valid, and everything that is said against it.
Entry = tuple[str, Mapping[str, Any]]

#: The reason of a conflict.
CONFLICT = "its id is taken by a row with other content"

_AT_ONCE = 1_000
_LOCK = 0x71756172  # "quar": an advisory lock, with the model


def add(
    connection: Connection,
    model: int,
    part: str,
    entries: Sequence[Entry],
    received_at: datetime,
) -> None:
    """Keep rows that do not fit, in order; `part` is "prediction" or "label".

    A row with an id that is there already, with the same content, is left out.
    """
    if not entries:
        return
    id_column = "id" if part == "label" else _id_column(connection, model)
    contents = [_content(part, row) if _is_named(row, id_column) else None for _, row in entries]
    if any(contents):  # two batches with the same rows would deadlock
        parameters = {"lock": _LOCK, "model": model}
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock, :model)"), parameters)
    for start in range(0, len(entries), _AT_ONCE):
        some = entries[start : start + _AT_ONCE]
        values = {
            "model": model,
            "part": part,
            "at": received_at,
            # A reason quotes what came, and what came may not be text that PostgreSQL can keep.
            "reasons": [_printable(reason) for reason, _ in some],
            "rows": [json.dumps(row) for _, row in some],
            "contents": contents[start : start + _AT_ONCE],
        }
        connection.execute(text(_KEEP), values)


def settle(
    connection: Connection,
    model: int,
    part: str,
    failed: Mapping[int, Entry],
    received_at: datetime,
    replayed: Sequence[int] = (),
) -> None:
    """Keep the rows of a batch that do not fit, in the transaction that stores the others.

    Parameters
    ----------
    failed : by place in the batch.
    replayed : the entries that the rows of the batch come from. Those that fail again stay, with
        the new reason; the others go. StoreError when one of them is not there any more: then
        another process has dealt with it, and nothing of this batch may be stored.
    """
    if not replayed:
        add(connection, model, part, list(failed.values()), received_at)
        return
    again = {replayed[place]: _printable(reason) for place, (reason, _) in failed.items()}
    gone = [entry for entry in replayed if entry not in again]
    query = delete(quarantine).where(quarantine.c.model == model, quarantine.c.entry.in_(gone))
    met = connection.execute(query).rowcount
    if again:
        parameters = {"model": model, "entries": list(again), "reasons": list(again.values())}
        met += connection.execute(text(_AGAIN), parameters).rowcount
    if met != len(replayed):
        raise StoreError(
            "Another process has replayed or discarded some of these entries meanwhile; nothing of "
            "this batch was stored. Look again: store.quarantine(...)"
        )


def to_frame(
    db: Database,
    model: Model,
    *,
    after: int = 0,
    limit: int | None = None,
    conflicts: bool = False,
) -> pd.DataFrame:
    """Entries, oldest first: entry, part, reason, row (a dict), received_at, tries.

    Parameters
    ----------
    after : only entries with a larger number: the last one of the page before.
    limit : so many at most.
    conflicts : only rows whose id is taken by other content.
    """
    table = quarantine.c
    query = (
        select(table.entry, table.part, table.reason, table.row, table.received_at, table.tries)
        .where(*_chosen(model, None, conflicts=conflicts), table.entry > after)
        .order_by(table.entry)
        .limit(limit)
    )
    with told(db.engine), db.engine.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def count(db: Database, model: Model, *, conflicts: bool = False) -> int:
    """How many entries there are."""
    query = select(func.count()).where(*_chosen(model, None, conflicts=conflicts))
    with told(db.engine), db.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def find(db: Database, entry: int) -> tuple[str, dict[str, Any]]:
    """(model id, entry): whose it is, and everything that is known of it."""
    query = text(
        "SELECT m.model_id, q.entry, q.part, q.reason, q.received_at, q.tries, q.row "
        "FROM quarantine q JOIN models m USING (model) WHERE q.entry = :entry"
    )
    with told(db.engine), db.engine.connect() as connection:
        row = connection.execute(query, {"entry": entry}).mappings().one_or_none()
    if row is None:
        raise InputError(
            f"Quarantine has no entry {entry}; it may have been replayed or discarded. "
            "List what there is: mondrift quarantine list MODEL"
        )
    found = dict(row)
    return found.pop("model_id"), found


def discard(
    db: Database, model: Model, entries: Iterable[int] | None, *, conflicts: bool = False
) -> int:
    """Throw entries away for good, with a line in the audit log; returns how many.

    InputError when one of `entries` is not there; then nothing is thrown away.
    """
    numbers = None if entries is None else sorted(set(entries))
    if numbers is None and not conflicts:
        raise InputError(
            "Say what is to be discarded: numbers of entries, or conflicts=True for all rows whose "
            "id is taken by other content."
        )
    with transaction(db.engine) as connection:
        query = delete(quarantine).where(*_chosen(model, numbers, conflicts=conflicts))
        rows = connection.execute(query.returning(quarantine.c.entry, quarantine.c.reason)).all()
        if numbers is not None and len(rows) < len(numbers):
            missing = sorted(set(numbers) - {row.entry for row in rows})
            raise InputError(
                f"Quarantine of {model.model_id!r} has no entries {shown(missing)} to discard; "
                "nothing was discarded."
            )
        if rows:
            before = {"entries": sorted(row.entry for row in rows)}
            db.audit(
                connection,
                "discard quarantine",
                f"{len(rows)} entries",
                model=model.number,
                before=before,
                after=None,
            )
    return len(rows)


def _chosen(
    model: Model, entries: Sequence[int] | None, *, conflicts: bool
) -> list[ColumnElement[bool]]:
    table = quarantine.c
    chosen: list[ColumnElement[bool]] = [table.model == model.number]
    if entries is not None:
        chosen.append(table.entry.in_(entries))
    if conflicts:
        chosen.append(table.reason == CONFLICT)
    return chosen


def _id_column(connection: Connection, model: int) -> str:
    query = (
        select(model_schemas.c.declared)
        .where(model_schemas.c.model == model)
        .order_by(model_schemas.c.schema_version.desc())
        .limit(1)
    )
    return str(connection.execute(query).scalar_one().get("id") or "id")


def _is_named(row: Mapping[str, Any], id_column: str) -> bool:
    value = row.get(id_column)
    return value is not None and not isinstance(value, Mapping)  # {"$float": "nan"}: missing


def _content(part: str, row: Mapping[str, Any]) -> str:
    return sha256(json.dumps([part, row], sort_keys=True).encode()).hexdigest()


def _printable(reason: str) -> str:
    return reason.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


_KEEP = """
INSERT INTO quarantine (model, part, reason, row, received_at, content)
SELECT :model, :part, bad.reason, CAST(bad.kept AS json), :at, bad.content
FROM unnest(CAST(:reasons AS text[]), CAST(:rows AS text[]), CAST(:contents AS text[]))
  WITH ORDINALITY AS bad (reason, kept, content, place)
ORDER BY bad.place
ON CONFLICT (model, content) DO NOTHING
"""

_AGAIN = """
UPDATE quarantine q SET reason = again.reason, tries = q.tries + 1
FROM unnest(CAST(:entries AS bigint[]), CAST(:reasons AS text[])) AS again(entry, reason)
WHERE q.model = :model AND q.entry = again.entry
"""
