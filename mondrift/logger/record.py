"""One logged prediction as it waits: in memory, and as a line of JSON on disk.

A line gives back exactly the values that went in, so that a row that was sent once from memory
and once from disk is the same row to the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd

from mondrift.schema import POSITIVE, Schema
from mondrift.store.sampling import Tally

_TEXT, _PLAIN = frozenset({str}), frozenset({bool, int, float, str, type(None)})


@dataclass(frozen=True)
class Stats:
    """What became of the rows given to one `Logger` since the process began.

    `pending` wait in memory. `sent` are in the store, `quarantined` in its quarantine. `spilled`
    were written to disk; they are sent from there later. `dropped` are lost: memory and disk were
    full. `on_disk` is what waits there now, in bytes, of all processes of this model; `torn`
    counts lines that a crash cut off. `last_error` is "" when all is well. With `sample`: `seen`
    rows were given, `kept` of them are stored, on their way, or wait for their hour's end.
    """

    pending: int
    sent: int
    quarantined: int
    spilled: int
    dropped: int
    torn: int
    on_disk: int
    last_error: str
    seen: int = 0
    kept: int = 0


class Record(NamedTuple):
    """One prediction.

    `moment`: microseconds since 1970. `roles`: what was given by name, such as "prediction"; "id"
    and "timestamp" are among them when they were given, and then hold against the features.
    "refused" is why the row must not be stored.
    """

    id: str
    moment: int
    features: Mapping[Any, Any]
    roles: Mapping[str, Any]


def settled(record: Record) -> Record:
    """The record with values that JSON and the store can keep.

    What is wrong with it is told under the role "refused"; it then belongs into quarantine.

    >>> settled(Record("a", 0, {"x": np.float32(0.5), "y": object}, {})).roles["refused"]
    "column 'y' holds a type, which is no value"
    """
    if _is_plain(record.features) and _is_plain(record.roles):  # nearly always, and quick to see
        return record
    try:
        return _made_plain(record)
    except Exception as error:  # noqa: BLE001  (values come from strangers, with methods of theirs)
        return unreadable(record, error)


def unreadable(record: Record, error: Exception) -> Record:
    """What is left of a record that cannot even be looked at: its id, its time, and why."""
    why = f"the row cannot be read: {type(error).__name__}"
    return record._replace(features={}, roles={"refused": why})


def _made_plain(record: Record) -> Record:
    complaints: list[str] = []
    features = {str(k): _value(v, str(k), complaints) for k, v in record.features.items()}
    roles: dict[str, Any] = {}
    for name, value in record.roles.items():
        if name == "probability" and isinstance(value, Mapping):
            what = "probability"
            roles[name] = {str(k): _value(v, what, complaints) for k, v in value.items()}
        else:
            roles[name] = _value(value, name, complaints)
    if complaints:
        roles["refused"] = "; ".join(filter(None, [roles.get("refused"), *complaints]))
    return record._replace(features=features, roles=roles)


def _is_plain(values: Mapping[Any, Any]) -> bool:
    return _TEXT.issuperset(map(type, values)) and _PLAIN.issuperset(map(type, values.values()))


def _value(value: Any, name: str, complaints: list[str]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _PLAIN:
        return value
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, str):  # of a subclass, such as an Enum of texts: the text itself
        return str.__str__(value)
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, type(None) | datetime | date | Decimal):
        return value
    complaints.append(f"column {name!r} holds a {type(value).__name__}, which is no value")
    return _shown(value)


def _shown(value: Any) -> str:
    try:
        return repr(value)[:200]
    except Exception:  # noqa: BLE001  (a stranger's __repr__)
        return f"<{type(value).__name__}>"


def tallied(hour: int, source: UUID, counts: tuple[int, int], seed: int) -> Record:
    """Counts (seen, kept) of an hour (of its start, microseconds), on the same way as its rows."""
    seen, kept = counts
    roles = {"source": str(source), "seen": seen, "kept": kept, "seed": seed}
    return Record("", hour, {}, roles)


def is_tally(record: Record) -> bool:
    """Whether it is no row, but counts; no row has a role "seen"."""
    return "seen" in record.roles


def tally(record: Record) -> Tally:
    """The counts for the store."""
    roles, hour = record.roles, _EPOCH + timedelta(microseconds=record.moment)
    return Tally(hour, UUID(roles["source"]), roles["seen"], roles["kept"], roles["seed"])


def row(record: Record, schema: Schema) -> dict[str, Any]:
    """The record under the names of the model's columns.

    What was given by a role that the schema does not declare keeps the role's name; the store
    then says that it has no such column.

    >>> schema = Schema(timestamp="at", prediction="late", probability="score")
    >>> sent = row(Record("a", 0, {"wind": 3}, {"prediction": 1, "probability": 0.9}), schema)
    >>> list(sent)
    ['wind', 'late', 'score', 'at', 'id']
    """
    columns = dict(record.features)
    names = {
        "prediction": schema.prediction,
        "target": schema.target,
        "version": schema.version,
        "latency_ms": schema.latency,
    }
    for role, name in names.items():
        if role in record.roles:
            columns[name or role] = record.roles[role]
    if "probability" in record.roles:
        columns.update(_probabilities(record.roles["probability"], schema))
    moment = _EPOCH + timedelta(microseconds=record.moment)
    for role, name, value in (
        ("timestamp", schema.timestamp or "timestamp", moment),
        ("id", schema.id or "id", record.id),
    ):
        if role in record.roles or columns.get(name) is None:
            columns[name] = value
    return columns


def _probabilities(given: Any, schema: Schema) -> dict[str, Any]:
    declared = schema.probabilities
    if not isinstance(given, Mapping):
        return {declared.get(POSITIVE, "probability"): given}
    if POSITIVE in declared and schema.positive in given:
        return {declared[POSITIVE]: given[schema.positive]}
    return {declared.get(each, f"probability of {each}"): p for each, p in given.items()}


def to_line(record: Record) -> bytes:
    """A settled record as one line of JSON; one that JSON cannot hold becomes `unreadable`.

    >>> record = Record("a", 7, {"x": float("inf"), "when": date(2026, 3, 1)}, {"prediction": 1})
    >>> from_line(to_line(record)) == record
    True
    """
    try:
        text = json.dumps(list(record), default=_tagged, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:  # an integer of 5000 digits
        text = json.dumps(list(unreadable(record, error)))
    return text.encode() + b"\n"


def from_line(line: bytes) -> Record | None:
    """The record of a line; None when the line is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        name, moment, features, roles = json.loads(line, object_hook=_untagged)
    except (ValueError, TypeError):
        return None
    return Record(str(name), int(moment), features, roles)


def _tagged(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    return {"$decimal": str(value)}


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        (tag, text), *_ = value.items()
        if tag in _TAGS and isinstance(text, str):
            return _TAGS[tag](text)
    return value


_TAGS: Mapping[str, Callable[[str], Any]] = {
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$decimal": Decimal,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timeless(columns: Mapping[str, Any], schema: Schema) -> str:
    """What is wrong with the row's timestamp, or ""; a whole batch would stumble over it."""
    value = columns[schema.timestamp or "timestamp"]
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return f"timestamp {value[:60]!r} cannot be read"
    if isinstance(moment, datetime) and moment.utcoffset() is not None:
        return ""
    return f"timestamp {_shown(value)} is no moment with a time zone"
