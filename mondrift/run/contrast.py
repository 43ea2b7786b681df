"""Two runs side by side, from their `metrics.json` alone: what was found in one and not the other.

Reads the archive, never the store, so it works on a copied folder of reports years later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mondrift.errors import RunError, nearest, shown
from mondrift.run.archive import Archive, Record

_METRICS = "metrics.json"
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One measurement in both runs; None where a run does not have it (or it was undefined).

    `was` and `now` are the statistics, `status` is (before, after), "" where nothing was judged.
    """

    segment: str
    column: str
    measure: str
    family: str
    was: float | None
    now: float | None
    status: tuple[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `difference` is None where a side is."""
        known = self.was is not None and self.now is not None
        return {
            "segment": self.segment, "column": self.column, "measure": self.measure,
            "family": self.family, "was": self.was, "now": self.now,
            "difference": self.now - self.was if known else None,  # type: ignore[operator]
            "status_was": self.status[0], "status_now": self.status[1],
        }  # fmt: skip


@dataclass(frozen=True)
class Contrast:
    """What differs from one run to another: heads, metrics, statuses, all measurements."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    changes: tuple[Change, ...]

    @property
    def metrics(self) -> tuple[Change, ...]:
        """Measurements of performance over the whole window."""
        found = (each for each in self.changes if each.family == "performance")
        return tuple(each for each in found if not each.segment)

    @property
    def statuses(self) -> tuple[Change, ...]:
        """One measurement, PSI where there is one, of each column that is judged otherwise."""
        found: dict[tuple[str, str, str], Change] = {}
        for each in self.changes:
            key = (each.segment, each.column, each.family)
            if each.status[0] != each.status[1] and (key not in found or each.measure == "psi"):
                found[key] = each
        return tuple(found.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid."""
        return {
            "first": dict(self.first),
            "second": dict(self.second),
            "measurements": [each.to_dict() for each in self.changes],
        }


def contrast(archive: Archive, first: str, second: str) -> Contrast:
    """Two runs of the archive, each named as `find` takes it.

    Raises RunError for a run that is not there, was pruned, or failed before its measurements were
    written.
    """
    one, other = (find(archive, name) for name in (first, second))
    before, after = (_metrics(archive, record) for record in (one, other))
    return Contrast(_head(one, before), _head(other, after), tuple(_changes(before, after)))


def find(archive: Archive, name: str) -> Record:
    """The run of an id, of the beginning of one, or of "monitor/2013-04-22".

    A day means the newest revision of the last window that begins on it, in UTC; RunError when no
    run or several are meant.
    """
    records = [each for each in archive.records() if not each.pruned_at]
    monitor, _, day = name.rpartition("/")
    if monitor:
        found = [
            e for e in records
            if e.monitor == monitor and day in (str(e.window.get("start"))[:10], e.run_id)
        ]  # fmt: skip
        found = sorted(found, key=lambda each: (each.window.get("start"), each.revision))[-1:]
    else:
        found = [each for each in records if each.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"{name!r} begins {len(found)} runs, {shown(e.run_id for e in found)}.")
    known = [e.run_id for e in records]
    newest = sorted(records, key=lambda each: each.run_id)[-3:]
    examples = [f"{e.monitor}/{str(e.window.get('start'))[:10]}" for e in newest]
    raise RunError(
        f"There is no run {name!r} in the archive {str(archive.folder)!r} (any more). Name one by "
        f"its id or as monitor/day, e.g. {shown(examples)}.{nearest(name, [*known, *examples])}"
    )


def _metrics(archive: Archive, record: Record) -> dict[str, Any]:
    path = archive.folder / record.monitor / record.run_id / _METRICS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("measurements"), list):
        why = f": {record.error}" if record.error else ""
        raise RunError(f"Run {record.run_id} has no {_METRICS} that can be read{why}")
    return found


def _head(record: Record, metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "monitor": record.monitor,
        "window": str(record.window.get("label") or record.window.get("start")),
        "revision": record.revision,
        "rows": record.rows,
        "status": metrics.get("status"),
        "reason": metrics.get("reason"),
        "headline": record.headline,
    }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    one, other = _by_key(before), _by_key(after)
    for key in dict.fromkeys((*one, *other)):
        was, now = one.get(key, {}), other.get(key, {})
        segment, column, measure = key
        status = str(was.get("status") or ""), str(now.get("status") or "")
        family = str((now or was).get("family") or "")
        yield Change(
            segment, column, measure, family, was.get("statistic"), now.get("statistic"), status
        )


def _by_key(metrics: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    return {
        (str(e.get("segment")), str(e.get("column")), str(e.get("measure"))): e
        for e in metrics["measurements"]
        if isinstance(e, dict)
    }
