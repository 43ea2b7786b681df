"""Rows out of quarantine, through `log` and `label` again: after a new schema, or mended.

What is stored now leaves quarantine in the transaction that stores it; what fails again stays,
with its new reason and the number of tries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pandas as pd
from sqlalchemy import select

from mondrift.errors import ColumnError, InputError, shown
from mondrift.store import labels, log, quarantine
from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.models import Model
from mondrift.store.tables import quarantine as table
from mondrift.store.validate import to_frame

_PAGE = 5_000

_Part = Literal["prediction", "label"]
_PARTS: tuple[_Part, ...] = ("prediction", "label")


@dataclass(frozen=True)
class ReplayResult:
    """What became of the entries that were replayed, each counted once.

    `stored` are in the store now (of labels: also those that wait for their prediction),
    `duplicates` were there already; both have left quarantine. `failed` are still in it.
    """

    stored: int
    duplicates: int
    failed: int

    def __add__(self, other: ReplayResult) -> ReplayResult:
        return ReplayResult(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.failed + other.failed,
        )


def replay(
    db: Database,
    model: Model,
    *,
    entries: Iterable[int] | None,
    fixed: Any,
    zone: str | None,
    progress: log.Progress | None,
) -> ReplayResult:
    """Try entries again; see `Store.replay`."""
    mended = None if fixed is None else _mended(model, fixed)
    wanted = None if entries is None else sorted(set(entries))
    if mended is not None:
        wanted = sorted(mended) if wanted is None else sorted(set(wanted) & set(mended))
    numbers = _present(db, model, wanted)
    done = ReplayResult(0, 0, 0)
    for start in range(0, len(numbers), _PAGE):
        page = _read(db, model, numbers[start : start + _PAGE])
        for part in _PARTS:
            rows = [row for row in page if row.part == part]
            batch = [_row(model, row, mended) for row in rows]
            done += _send(db, model, part, batch, [row.entry for row in rows], zone)
        if progress is not None:
            progress(min(start + _PAGE, len(numbers)), len(numbers))
    return done


def _present(db: Database, model: Model, wanted: Sequence[int] | None) -> list[int]:
    """The entries to replay; InputError when one that was asked for is not there."""
    query = select(table.c.entry).where(table.c.model == model.number).order_by(table.c.entry)
    if wanted is not None:
        query = query.where(table.c.entry.in_(wanted))
    with told(db.engine), db.engine.connect() as connection:
        found = list(connection.execute(query).scalars())
    if wanted is not None and len(found) < len(wanted):
        missing = sorted(set(wanted) - set(found))
        raise InputError(
            f"Quarantine of {model.model_id!r} has no entries {shown(missing)}; nothing was "
            "replayed. List what there is: mondrift quarantine list MODEL"
        )
    return found


def _read(db: Database, model: Model, numbers: Sequence[int]) -> Sequence[Any]:
    query = (
        select(table.c.entry, table.c.part, table.c.row, table.c.received_at)
        .where(table.c.model == model.number, table.c.entry.in_(numbers))
        .order_by(table.c.entry)
    )
    with told(db.engine), db.engine.connect() as connection:
        return connection.execute(query).all()


def _mended(model: Model, fixed: Any) -> dict[int, dict[str, Any]]:
    """{entry: row} of a frame or of dicts with a column `entry`."""
    frame, _ = to_frame(fixed, "Mended rows")
    if "entry" not in frame.columns:
        raise ColumnError.unknown("entry", frame.columns, "the mended rows")
    numbers = pd.to_numeric(frame["entry"], errors="coerce")
    if numbers.isna().any() or numbers.duplicated().any():
        raise InputError("Mended rows need a number in column 'entry', each entry once.")
    known = set(model.schema.kinds) | {str(model.schema.id)}
    records = frame.drop(columns="entry").to_dict("records")
    return {
        int(entry): dict(_told_cells(record, known))
        for entry, record in zip(numbers.tolist(), records, strict=True)
    }


def _told_cells(record: Mapping[Any, Any], known: set[str]) -> Iterator[tuple[str, Any]]:
    """The cells of a row; one that is empty counts only where the schema has the column."""
    for name, value in record.items():
        missing = value is None or value is pd.NaT or value is pd.NA or value != value
        if not missing or name in known:
            yield str(name), None if missing else restored(value)


def _row(model: Model, row: Any, mended: Mapping[int, dict[str, Any]] | None) -> dict[str, Any]:
    found = mended[row.entry] if mended is not None else restored_row(row.row)
    if row.part == "label" and model.clock == "wall" and found.get("received_at") is None:
        found = {**found, "received_at": row.received_at}  # when it came first
    return found


def _send(
    db: Database,
    model: Model,
    part: _Part,
    rows: Sequence[dict[str, Any]],
    entries: Sequence[int],
    zone: str | None,
) -> ReplayResult:
    """Store a batch; when it is refused as a whole, its halves, down to the rows to blame."""
    if not rows:
        return ReplayResult(0, 0, 0)
    try:
        if part == "label":
            told_ = labels.label(db, model, rows, replayed=entries)
            stored = told_.stored + told_.unknown
            return ReplayResult(stored, told_.unchanged, told_.quarantined)
        done = log.log(db, model, rows, zone=zone, progress=None, replayed=entries)
        return ReplayResult(done.stored, done.duplicates, done.quarantined + done.conflicts)
    except (InputError, ColumnError) as error:
        if len(rows) == 1:
            failed = {0: (str(error), rows[0])}
            with transaction(db.engine) as connection:
                quarantine.settle(connection, model.number, part, failed, db.clock(), entries)
            return ReplayResult(0, 0, 1)
    half = len(rows) // 2
    first = _send(db, model, part, rows[:half], entries[:half], zone)
    return first + _send(db, model, part, rows[half:], entries[half:], zone)


def restored_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row that `validate.plain_row` made JSON of.

    >>> restored_row({"x": {"$float": "inf"}, "at": {"$date": "2013-04-22"}, "y": 1})
    {'x': inf, 'at': datetime.date(2013, 4, 22), 'y': 1}
    """
    return {name: restored(value) for name, value in row.items()}


def restored(value: Any) -> Any:
    """One value of such a row; of types that are not known here, the text is left."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    ((kind, told_as),) = value.items()
    if not kind.startswith("$") or not isinstance(told_as, str):
        return value
    try:
        if kind in ("$timestamp", "$datetime"):
            return pd.Timestamp(told_as)
        if kind == "$float":
            return float(told_as)
        if kind == "$decimal":
            return Decimal(told_as)
        return date.fromisoformat(told_as) if kind == "$date" else told_as
    except (ValueError, ArithmeticError):
        return told_as
