"""The scheduler: looks at every monitor again and again, and starts what is due.

A report is a `mondrift run`, a process each; checks without reports share one process.

What is due comes from the table of runs (`schedule.agenda`), so several schedulers on one store,
restarts and sleeping laptops need no agreement: each run holds its monitor by an advisory lock, and
whoever comes second finds it done.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any

from mondrift.embedded.place import Place, home
from mondrift.errors import MondriftError, RunError, ServerError, StoreError
from mondrift.run.catch_up import CatchUp
from mondrift.run.check import has_news, now_of
from mondrift.run.children import BUSY, Batch, Bell, Child, Started
from mondrift.run.heartbeat import Heartbeat, read_heartbeat, told
from mondrift.run.notes import Notes
from mondrift.run.plan import Monitor
from mondrift.run.schedule import REVISIONS, Agenda, agenda, checks, past_of
from mondrift.run.terms import Commands, Terms
from mondrift.store import Store
from mondrift.window import Window

_LOG = logging.getLogger(__name__)
_MOST_CHECKS = 500  # of one process; the rest is for the next one


class Worker:
    """One scheduler; `run` is its whole life.

    Parameters
    ----------
    folder : with params, notebooks and reports; runs start there.
    monitors : reads the monitors' files: (name → monitor, name → what is wrong with its file).
    commands : what it starts.
    opens : opens the store; called again after it was lost.
    """

    def __init__(
        self,
        folder: Path,
        monitors: Callable[[], tuple[dict[str, Monitor], dict[str, str]]],
        commands: Commands,
        opens: Callable[[], Store],
        terms: Terms,
    ) -> None:
        self._folder = folder
        self._read_monitors = monitors
        self._commands = commands
        self._opens = opens
        self._terms = terms
        self._store: Store | None = None
        self._children: dict[str, Child] = {}
        self._batch: Batch | None = None
        self._monitors: dict[str, Monitor] = {}
        self._agendas: dict[str, Agenda] = {}
        self._checks: dict[str, Agenda] = {}
        self._broken: dict[str, str] = {}
        self._run_notes, self._check_notes = Notes(), Notes()
        self._home: Path | None = None

    def run(self) -> int:
        """Work until SIGTERM or SIGINT, or until nothing is due (`once`); how much has failed.

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
                        self._stop(*([self._batch] if self._batch else []))
                    if stop_at is None and (
                        looked is None
                        or (not self._terms.once and monotonic() - looked >= self._terms.every)
                    ):
                        looked = monotonic()
                        self._look()
                    if stop_at is None:
                        self._start()
                    elif bell.asked > 1 or monotonic() >= stop_at:
                        self._stop(*self._at_work())
                    if not self._at_work() and (self._terms.once or stop_at is not None):
                        break
                    bell.wait(self._pause(looked or 0.0, stop_at))
                return failures + (len(self._broken) if self._terms.once else 0)
            finally:
                self._end()

    def _pause(self, looked: float, stop_at: float | None) -> float:
        """Seconds until something must be done, if nobody rings."""
        moments = [each.deadline for each in self._at_work()]
        if stop_at is not None:
            moments.append(stop_at)
        elif not self._terms.once:
            moments.append(looked + self._terms.every)
        soonest = min(moments, default=monotonic() + 1.0) - monotonic()
        stopping = any(each.stopped for each in self._at_work())
        return 0.2 if stopping else min(max(soonest, 0.0), 60.0)

    # Looking

    def _look(self) -> None:
        """Read the monitors' files and the table of runs anew; then the heart has beaten."""
        try:
            store = self._opened()
            self._recall(store)
            self._monitors, self._broken = self._read_monitors()
            self._agendas, self._checks = {}, {}
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
            model = store.model(monitor.model)
        except (ServerError, StoreError):
            raise
        except MondriftError as error:  # a model that is not registered yet
            self._forget(name)
            self._broken[name] = str(error)
            return
        every = monitor.interval(self._terms.interval)
        if now is None or not (monitor.schedule or every):
            self._agendas[name] = Agenda()
            return
        rules = self._rules(monitor)
        known = store.primary.runs(monitor=name, last=rules.windows * REVISIONS)
        past, delay = past_of(known, model.clock), model.label_delay
        runs, done = self._run_notes.of(monitor, delay), self._check_notes.of(monitor, delay)
        plan, wall = replace(monitor, catch_up=rules), store.now()
        self._agendas[name] = agenda(plan, now, past, wall=wall, memory=runs)
        self._checks[name] = checks(plan, every, now, past, wall=wall, memory=done)

    def _forget(self, name: str) -> None:
        self._agendas.pop(name, None)
        self._checks.pop(name, None)

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
        if beat is not None:
            self._run_notes, self._check_notes = Notes(beat.asked), Notes(beat.checked)

    # Work

    def _at_work(self) -> list[Started]:
        return [*self._children.values(), *([self._batch] if self._batch else [])]

    def _start(self) -> None:
        """Checks first; then fill the free places: what is due before what may have labels."""
        if self._batch is None:
            self._launch_checks()
        checked = self._batch.monitors() if self._batch else set()
        for late in (False, True):
            for name, found in list(self._agendas.items()):
                if len(self._children) >= self._terms.workers:
                    return
                asked = found.late if late else found.due
                if not asked or name in self._children or name in checked:
                    continue
                if self._is_free(name) and (wanted := self._news(name) if late else asked):
                    self._launch(name, wanted[0], found)

    def _launch(self, name: str, window: Window, found: Agenda) -> None:
        keep = self._rules(self._monitors[name]).windows
        self._run_notes.ask(name, [window], found.tick, keep)
        self._children[name] = Child.start(
            self._commands.run, name, window, cwd=str(self._folder), limit=self._terms.limit
        )
        _LOG.info("%s, %s: started", name, window.label)
        self._beat()

    def _launch_checks(self) -> None:
        """One process for the checks of every monitor that nobody runs just now."""
        asked: list[tuple[str, Window]] = []
        for name, found in list(self._checks.items()):
            if (found.due or found.late) and name not in self._children and self._is_free(name):
                news = tuple(each for each in found.late if self._has_news(name, each))
                wanted = (*found.due, *news)[: _MOST_CHECKS - len(asked)]
                asked += [(name, window) for window in wanted]
                looked = (*wanted, *(each for each in found.late if each not in news))
                keep = self._rules(self._monitors[name]).windows
                self._check_notes.ask(name, looked, found.tick, keep)
                self._checks[name] = replace(found, late=())
        if asked:
            self._batch = Batch.start(
                self._commands.checks, asked, cwd=str(self._folder), limit=self._terms.limit
            )
            _LOG.info("%d checks of %d monitors: started", len(asked), len(self._batch.monitors()))
            self._beat()

    def _news(self, name: str) -> tuple[Window, ...]:
        """Of windows that are asked again, the first with news and those after it.

        Those before it are done with until the next tick.
        """
        found = self._agendas[name]
        quiet = tuple(takewhile(lambda each: not self._has_news(name, each, True), found.late))
        self._run_notes.ask(name, quiet, found.tick, self._rules(self._monitors[name]).windows)
        late = found.late[len(quiet) :]
        self._agendas[name] = replace(found, late=late)
        return late

    def _has_news(self, name: str, window: Window, report: bool = False) -> bool:
        """Two counts, instead of a process that would find nothing new."""
        try:
            return has_news(self._opened(), self._monitors[name], window, report=report)
        except MondriftError:  # the check itself will say what is wrong
            return True

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
        """Take leave of the processes that have ended; how much of their work failed."""
        failures = 0
        for name, child in list(self._children.items()):
            if child.ended():
                del self._children[name]
                failures += self._reap_run(child)
        if self._batch is not None and self._batch.ended():
            batch, self._batch = self._batch, None
            failures += self._reap_checks(batch)
        return failures

    def _reap_run(self, child: Child) -> bool:
        """Tell what became of a run; whether it failed."""
        name, window = child.monitor, child.window
        good, words = child.result()
        left = words == BUSY or child.asked_to_end
        if good:
            _LOG.info("%s, %s: %s", name, window.label, words)
        elif words == BUSY:
            _LOG.info("%s, %s: another process runs it", name, window.label)
        elif left:
            _LOG.info("%s, %s: stopped; it will be taken up again", name, window.label)
        else:
            _LOG.error("%s, %s: failed: %s", name, window.label, words)
            self._note_failure(self._run_notes, name, window)
        self._refresh(name, busy=left)
        if good and window in self._agendas.get(name, Agenda()).due:
            self._note_in_vain(self._run_notes, name, window)
        return not (good or left)

    def _reap_checks(self, batch: Batch) -> int:
        """Tell what became of checks; how many failed."""
        found = batch.result()
        for each in found:
            label = f"{each.monitor}, {each.window.label}"
            if each.state == "failed":
                _LOG.error("%s: the check failed: %s", label, each.words)
                self._note_failure(self._check_notes, each.monitor, each.window)
            else:
                _LOG.info("%s: %s: %s", label, each.state, each.words)
        for name in batch.monitors():
            self._refresh(name, busy=(name, "busy") in {(e.monitor, e.state) for e in found})
        for each in found:
            again = self._checks.get(each.monitor, Agenda()).due
            if each.state == "done" and each.window in again:
                self._note_in_vain(self._check_notes, each.monitor, each.window)
        return sum(each.state == "failed" for each in found)

    def _note_failure(self, notes: Notes, name: str, window: Window) -> None:
        monitor = self._monitors.get(name)
        if monitor is not None and window.start is not None:
            notes.fail(monitor, window.start)

    def _note_in_vain(self, notes: Notes, name: str, window: Window) -> None:
        """Or it would be started again at once, for ever."""
        _LOG.error("%s, %s: it ended well, and yet the store has no result", name, window.label)
        self._note_failure(notes, name, window)
        self._refresh(name, busy=False)

    def _refresh(self, name: str, *, busy: bool) -> None:
        """Look at one monitor again; at the next look only, where somebody else is at work, or has
        stopped it.
        """
        monitor = self._monitors.get(name)
        if monitor is None or busy:
            self._forget(name)
            self._beat()
            return
        try:
            self._survey(self._opened(), monitor)
            self._beat()
        except (ServerError, StoreError) as error:
            self._forget(name)
            self._lose()
            _LOG.error("the store cannot be asked what is due: %s", error)

    def _stop(self, *at_work: Started) -> None:
        for each in at_work:
            if not each.stopped:
                each.stop("the scheduler was asked to end")

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
            name: told(found, self._checks.get(name)) for name, found in self._agendas.items()
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
            checking=(
                {"n": len(self._batch.asked), "pid": self._batch.process.pid} if self._batch else {}
            ),
            monitors={**monitors, **broken},
            asked=self._run_notes.to_dict(),
            checked=self._check_notes.to_dict(),
        )
        try:
            beat.write(self._home)
        except RunError as error:
            _LOG.error("%s", error)

    def _end(self) -> None:
        for each in self._at_work():  # only when we leave by an error
            each.kill()
            each.process.wait()
        self._children, self._batch = {}, None
        self._beat(stopped=True)
        self._lose()
