"""What a scheduler remembers beside the table of runs: failures without a trace, windows asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from mondrift.run.plan import Monitor
from mondrift.run.schedule import Memory, Tries
from mondrift.store.runs import config_hash
from mondrift.window import Window


class Notes:
    """Notes of one kind of work, runs or checks, for every monitor.

    Parameters
    ----------
    asked : {monitor: {start of window: tick}}, ISO, as `to_dict` wrote it down before a restart.
    """

    def __init__(self, asked: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._failed: dict[tuple[str, str], dict[datetime, Tries]] = {}
        self._asked = {
            name: {
                datetime.fromisoformat(start): datetime.fromisoformat(tick)
                for start, tick in ticks.items()
            }
            for name, ticks in (asked or {}).items()
        }

    def of(self, monitor: Monitor, label_delay: timedelta | None) -> Memory:
        """What is remembered of a monitor as its file stands; a mended one starts afresh."""
        asked = self._asked.get(monitor.name, {})
        return Memory(self._failed.get(_key(monitor), {}), asked, label_delay)

    def fail(self, monitor: Monitor, start: datetime) -> None:
        """The window that begins then has failed just now."""
        failed = self._failed.setdefault(_key(monitor), {})
        before = failed.get(start, Tries())
        failed[start] = Tries(before.failures + 1, datetime.now(UTC))

    def ask(self, name: str, windows: Iterable[Window], tick: datetime | None, keep: int) -> None:
        """Windows that are started at a tick; the newest `keep` are kept in mind."""
        if tick is None:
            return
        starts = {each.start: tick for each in windows if each.start is not None}
        asked = {**self._asked.get(name, {}), **starts}
        self._asked[name] = {start: asked[start] for start in sorted(asked)[-keep:]}

    def to_dict(self) -> dict[str, dict[str, str]]:
        """The windows asked, JSON-valid."""
        return {
            name: {start.isoformat(): tick.isoformat() for start, tick in asked.items()}
            for name, asked in self._asked.items()
        }


def _key(monitor: Monitor) -> tuple[str, str]:
    return monitor.name, config_hash(monitor.config())
