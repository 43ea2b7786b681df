"""The scheduler's heartbeat: one small file that tells whether it lives and what it sees.

Written whole at every look; a dead man's switch watches the file's age, `mondrift status` reads it.
It also remembers which windows were started at which tick, so that a restart asks nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from mondrift.errors import RunError
from mondrift.run.schedule import Agenda
from mondrift.whole import write_whole
from mondrift.window import Window

NAME = "schedule.json"
Health = Literal["never", "runs", "stopped", "silent"]
_MISSED_BEATS = 3
_SHOWN = 5


@dataclass(frozen=True)
class Heartbeat:
    """What a scheduler wrote last. Times are ISO, in UTC.

    Parameters
    ----------
    at : of the last look at every monitor.
    every : seconds to the next look; 0 when nobody has promised one (`--once`).
    running : {monitor, window, pid} of each run of this scheduler.
    checking : {n, pid} of its process of checks, empty without one.
    monitors : {name: what `told` says of it}.
    asked : {name: {start of window: tick at which it was last started}}.
    checked : the same for checks without a report.
    """

    at: str
    host: str
    pid: int
    every: float = 0.0
    stopped: bool = False
    running: tuple[Mapping[str, Any], ...] = ()
    checking: Mapping[str, int] = field(default_factory=dict)
    monitors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    checked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def write(self, home: Path) -> Path:
        """Write it into the home of the servers, all or nothing; RunError when that fails."""
        path = home / NAME
        text = json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"
        try:
            write_whole(path, text)
        except OSError as error:
            raise RunError(
                f"The heartbeat cannot be written at {str(path)!r}: {error.strerror}. Free the "
                "disk, or set MONDRIFT_HOME to a folder that this user can write."
            ) from error
        return path


def read_heartbeat(home: Path) -> Heartbeat | None:
    """The last heartbeat; None when there is none that can be read."""
    try:
        data = json.loads((home / NAME).read_text(encoding="utf-8"))
        known = {each.name for each in fields(Heartbeat)}
        beat = Heartbeat(**{key: value for key, value in data.items() if key in known})
        return replace(beat, running=tuple(beat.running))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def health(beat: Heartbeat | None, now: datetime) -> Health:
    """Whether a scheduler lives: "silent" has missed three beats.

    >>> beat = Heartbeat("2026-01-01T00:00:00+00:00", "box", 7, every=60)
    >>> [health(beat, datetime.fromisoformat(f"2026-01-01T00:{m}:00Z")) for m in ("03", "04")]
    ['runs', 'silent']
    """
    if beat is None:
        return "never"
    if beat.stopped or not beat.every:
        return "stopped"
    late = now - datetime.fromisoformat(beat.at) > timedelta(seconds=_MISSED_BEATS * beat.every)
    return "silent" if late else "runs"


def told(found: Agenda, checks: Agenda | None = None) -> dict[str, Any]:
    """What a monitor waits for, JSON-valid: labels of windows, at most five of each kind.

    `checks`: its agenda of checks without a report; told below the key "checks" if it has one.
    """
    kinds = {"due": found.due, "waiting": found.waiting, "given_up": found.given_up}
    lists: dict[str, Any] = {kind: _named(windows) for kind, windows in kinds.items()}
    if found.next is not None:
        at, window = found.next
        lists["next"] = {"at": at.isoformat(), "window": window.label}
    if checks is not None and checks != Agenda():
        lists["checks"] = told(checks)
    return lists


def _named(windows: Sequence[Window]) -> dict[str, Any]:
    return {"n": len(windows), "windows": [each.label for each in windows[:_SHOWN]]}
