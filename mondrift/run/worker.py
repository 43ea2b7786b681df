"""The scheduler: looks at every monitor again and again, and starts `mondrift run` for what is due.

What is due comes from the table of runs (`schedule.agenda`), so several schedulers on one store,
restarts and sleeping laptops need no agreement: each run holds its monitor by an advisory lock, and
whoever comes second finds it done.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd

from mondrift.embedded.place import Place, home
from mondrift.errors import MondriftError, RunError, ServerError, StoreError
from mondrift.run.catch_up import CatchUp
from mondrift.run.check import now_of
from mondrift.run.children import BUSY, Bell, Child
from mondrift.run.heartbeat import Heartbeat, read_heartbeat, told
from mondrift.run.plan import Monitor
from mondrift.run.schedule import Agenda, Memory, Past, Tries, agenda
from mondrift.store import Store
from mondrift.store.runs import config_hash
from mondrift.window import Window

_LOG = logging.getLogger(__name__)
_REVISIONS = 50  # of a window, on average, that are looked at; a run too many is a no-op


@dataclass(frozen=True)
class Terms:
    """How a scheduler works.

    Parameters
    ----------
    workers : so many runs at a time.
    every : seconds from one look at the monitors to the next.
    limit : seconds that one run may take.
    grace : seconds that running ones have to end when the scheduler is asked to stop.
    catch_up : instead of what the monitors' files say about `catch_up: windows`.
    once : run what is due now, then end.
    """

    workers: int = 2
    every: float = 60.0
    limit: float = 7200.0
    grace: float = 60.0
    catch_up: int | None = None
    once: bool = False


class Worker:
    """One scheduler; `run` is its whole life.

    Parameters
    ----------
    folder : with params, notebooks and reports; runs start there.
    monitors : reads the monitors' files: (name → monitor, name → what is wrong with its file).
    command : starts a run when MONITOR --window T --json is added.
    opens : opens the store; called again after it was lost.
    """

    def __init__(
        self,
        folder: Path,
        monitors: Callable[[], tuple[dict[str, Monitor], dict[str, str]]],
        command: Sequence[str],
        opens: Callable[[], Store],
        terms: Terms,
    ) -> None:
        self._folder = folder
        self._read_monitors = monitors
        self._command = command
        self._opens = opens
        self._terms = terms
        self._store: Store | None = None
        self._children: dict[str, Child] = {}
        self._monitors: dict[str, Monitor] = {}
        self._agendas: dict[str, Agenda] = {}
        self._broken: dict[str, str] = {}
        self._failed: dict[tuple[str, str], dict[datetime, Tries]] = {}
        self._asked: dict[str, dict[datetime, datetime]] = {}
        self._home: Path | None = None

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, or until nothing is due (`once`); how many runs failed.

        The first signal lets running ones end, for `grace` seconds; the second stops them. With
        `once`, a store that does not answer raises ServerError; otherwise it is tried again.
        """
        bell = Bell()
        failures = 0
        looked: float | None = None
        stop_at: float | None = None
        with bell.listening():
            try:
                while True:
                    failures += self._reap()
                    if bell.asked and stop_at is None:
                        stop_at = monotonic() + self._terms.grace
                        _LOG.info("stopping: %d runs are still at work", len(self._children))
                    if stop_at is None and (
                        looked is None
                        or (not self._terms.once and monotonic() - looked >= self._terms.every)
                    ):
                        looked = monotonic()
                        self._look()
                    if stop_at is None:
                        self._start()
                    elif bell.asked > 1 or monotonic() >= stop_at:
                        self._stop_children()
                    if not self._children and (self._terms.once or stop_at is not None):
                        break
                    bell.wait(self._pause(looked or 0.0, stop_at))
                return failures + (len(self._broken) if self._terms.once else 0)
            finally:
                self._end()

    def _pause(self, looked: float, stop_at: float | None) -> float:
        """Seconds until something must be done, if nobody rings."""
        moments = [each.deadline for each in self._children.values()]
        if stop_at is not None:
            moments.append(stop_at)
        elif not self._terms.once:
            moments.append(looked + self._terms.every)
        soonest = min(moments, default=monotonic() + 1.0) - monotonic()
        stopping = any(each.stopped for each in self._children.values())
        return 0.2 if stopping else min(max(soonest, 0.0), 60.0)

    # Looking

    def _look(self) -> None:
        """Read the monitors' files and the table of runs anew; then the heart has beaten."""
        try:
            store = self._opened()
            self._recall(store)
            self._monitors, self._broken = self._read_monitors()
            self._agendas = {}
            for monitor in self._monitors.values():
                self._survey(store, monitor)
            for name, why in self._broken.items():
                _LOG.error("monitor %s is left out: %s", name, why)
            self._beat()
        except (ServerError, StoreError) as error:
            self._lose()
            if self._terms.once:
                raise
            _LOG.error("the store cannot be asked what is due, so nothing is started: %s", error)

    def _survey(self, store: Store, monitor: Monitor) -> None:
        """What one monitor asks for now."""
        name = monitor.name
        try:
            now = now_of(store, monitor)
            delay = store.model(monitor.model).label_delay
        except (ServerError, StoreError):
            raise
        except MondriftError as error:  # a model that is not registered yet
            self._agendas.pop(name, None)
            self._broken[name] = str(error)
            return
        if now is None or not monitor.schedule:
            self._agendas[name] = Agenda()
            return
        rules = self._rules(monitor)
        frame = store.primary.runs(monitor=name, last=rules.windows * _REVISIONS)
        memory = Memory(self._failed.get(_key(monitor), {}), self._asked.get(name, {}), delay)
        self._agendas[name] = agenda(
            replace(monitor, catch_up=rules), now, _past(frame), wall=store.now(), memory=memory
        )

    def _rules(self, monitor: Monitor) -> CatchUp:
        if self._terms.catch_up is None:
            return monitor.catch_up
        return replace(monitor.catch_up, windows=self._terms.catch_up)

    def _recall(self, store: Store) -> None:
        """Once: what the last scheduler of this home has written down."""
        if self._home is not None:
            return
        place = Place(store.settings.mondrift_home or home())
        place.make()
        self._home = place.home
        beat = read_heartbeat(self._home)
        for name, asked in (beat.asked if beat else {}).items():
            self._asked[name] = {
                datetime.fromisoformat(start): datetime.fromisoformat(tick)
                for start, tick in asked.items()
            }

    # Runs

    def _start(self) -> None:
        """Fill the free places: windows that are due before those that may have labels."""
        for late in (False, True):
            for name, found in self._agendas.items():
                wanted = found.late if late else found.due
                if len(self._children) >= self._terms.workers:
                    return
                if wanted and name not in self._children and self._is_free(name):
                    self._launch(name, wanted[0], found)

    def _launch(self, name: str, window: Window, found: Agenda) -> None:
        assert window.start is not None
        if found.tick is not None:
            asked = {**self._asked.get(name, {}), window.start: found.tick}
            newest = sorted(asked)[-self._rules(self._monitors[name]).windows :]
            self._asked[name] = {start: asked[start] for start in newest}
        self._children[name] = Child.start(
            self._command, name, window, cwd=str(self._folder), limit=self._terms.limit
        )
        _LOG.info("%s, %s: started", name, window.label)
        self._beat()

    def _is_free(self, name: str) -> bool:
        """Whether nobody runs the monitor; then starting a process is not in vain."""
        try:
            with self._opened().running(name):
                return True
        except ServerError as error:
            self._lose()
            _LOG.error("the store cannot be asked: %s", error)
            return False
        except StoreError:
            return False

    def _reap(self) -> int:
        """Take leave of the children that have ended; how many of them failed."""
        failures = 0
        for name, child in list(self._children.items()):
            if not child.ended():
                continue
            del self._children[name]
            good, words = child.result()
            label = f"{name}, {child.window.label}"
            if good:
                _LOG.info("%s: %s", label, words)
            elif words == BUSY:
                _LOG.info("%s: another scheduler runs it", label)
            else:
                failures += 1
                _LOG.error("%s: failed: %s", label, words)
                self._remember(name, child.window)
            self._refresh(name, busy=words == BUSY)
            if good and child.window in self._agendas.get(name, Agenda()).due:
                _LOG.error("%s: it ended well, and yet the store has no finished run", label)
                self._remember(name, child.window)
                self._refresh(name, busy=False)
        return failures

    def _remember(self, name: str, window: Window) -> None:
        monitor = self._monitors.get(name)
        if monitor is None or window.start is None:
            return
        failed = self._failed.setdefault(_key(monitor), {})
        before = failed.get(window.start, Tries())
        failed[window.start] = Tries(before.failures + 1, datetime.now(UTC))

    def _refresh(self, name: str, *, busy: bool) -> None:
        """Look at one monitor again; at the next look only, where somebody else is at work."""
        monitor = self._monitors.get(name)
        if monitor is None or busy:
            self._agendas.pop(name, None)
            self._beat()
            return
        try:
            self._survey(self._opened(), monitor)
            self._beat()
        except (ServerError, StoreError) as error:
            self._agendas.pop(name, None)
            self._lose()
            _LOG.error("the store cannot be asked what is due: %s", error)

    def _stop_children(self) -> None:
        for child in self._children.values():
            if not child.stopped:
                child.stop("the scheduler was asked to end")

    # The store, and the heart

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._opens()
        return self._store

    def _lose(self) -> None:
        """The next look opens the store anew, and with it servers of ours that have died."""
        if self._store is not None:
            store, self._store = self._store, None
            try:
                store.close()
            except MondriftError as error:
                _LOG.debug("while closing: %s", error)

    def _beat(self, *, stopped: bool = False) -> None:
        if self._home is None:
            return
        monitors: dict[str, Mapping[str, Any]] = {
            name: told(found) for name, found in self._agendas.items()
        }
        broken = {name: {"error": why} for name, why in self._broken.items()}
        beat = Heartbeat(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=socket.gethostname(),
            pid=os.getpid(),
            every=0.0 if self._terms.once else self._terms.every,
            stopped=stopped,
            running=tuple(
                {"monitor": name, "window": child.window.label, "pid": child.process.pid}
                for name, child in self._children.items()
            ),
            monitors={**monitors, **broken},
            asked={
                name: {start.isoformat(): tick.isoformat() for start, tick in asked.items()}
                for name, asked in self._asked.items()
            },
        )
        try:
            beat.write(self._home)
        except RunError as error:
            _LOG.error("%s", error)

    def _end(self) -> None:
        for child in self._children.values():  # only when we leave by an error
            child.kill()
            child.process.wait()
        self._children = {}
        self._beat(stopped=True)
        self._lose()


def _past(frame: pd.DataFrame) -> list[Past]:
    ended = frame["finished_at"].where(frame["finished_at"].notna(), frame["started_at"])
    columns = (frame["window_start"], frame["config_hash"], frame["state"], ended)
    return [
        Past(start.to_pydatetime(), config, state, at.to_pydatetime())
        for start, config, state, at in zip(*columns, strict=True)
    ]


def _key(monitor: Monitor) -> tuple[str, str]:
    """Failures are those of a monitor as its file stands; a mended one starts afresh."""
    return monitor.name, config_hash(monitor.config())
