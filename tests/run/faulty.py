"""Runs in processes of their own, held at a stage of our choice, so that something can be killed.

Nothing in mondrift is replaced. A run waits where it would wait in the field: for a table that
somebody else has locked, for a file that its notebook needs, for the archive's own lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import psutil
from sqlalchemy import create_engine, text

from mondrift import embedded
from mondrift.errors import MondriftError
from mondrift.run.archive import Archive
from mondrift.run.plan import Monitor
from mondrift.run.runner import Options, Outcome, run_window
from mondrift.run.windows import Calendar, Length
from mondrift.run.workspace import Workspace
from mondrift.schema import Schema
from mondrift.severity import AlertRules
from mondrift.store import Store
from mondrift.store.connect import address
from tests.run.notebooks import made, save

Stage = Literal["started", "notebook", "writing", "written", "published"]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.run.faulty", "papermill.execute", "jupyter_client.manager"]
)
DAYS = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 2))
MODEL = "shop"
# What the notebook does beside showing its run: it notes that it was executed, and by which
# process, then waits for its file.
WAITS = """\
import os, pathlib, time
with open(f"{monitor}.executed", "a") as file: print(os.getpid(), file=file)
while not pathlib.Path(f"{monitor}.go").exists(): time.sleep(0.02)
run_id"""
PARAMETERS = 'run_id: str = ""  # which check\nmonitor: str = ""  # whose files'


def until(look: Callable[[], Any], what: str) -> Any:
    """What `look` finds; asked fifty times a second, for two minutes at most."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"there was no {what}")


def gone(pid: int) -> bool:
    """Whether a process has ended, though its parent may not have noticed."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def day(number: int, *, shift: float = 0.0, n: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(number)
    begin = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return pd.DataFrame(
        {
            "id": [f"{number}-{i}" for i in range(n)],
            "at": pd.date_range(begin, periods=n, freq="4min"),
            "x": generator.normal(size=n) + shift,
            "guess": generator.integers(0, 2, n),
        }
    )


@dataclass(frozen=True)
class Trial:
    """One monitor of its own in a folder; its window has drifted, so one message is due."""

    folder: Path
    monitor: Monitor

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def kernels(self) -> list[int]:
        """Processes in which the notebook was executed."""
        path = self.folder / f"{self.monitor.name}.executed"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def go(self) -> None:
        """The notebook need not wait any more."""
        (self.folder / f"{self.monitor.name}.go").touch()

    def run(self, store: Store) -> Outcome:
        """Run it, here and now."""
        window = self.monitor.window("2024-01-02")
        options = Options(environ={})
        return run_window(store, self.monitor, window, Workspace(self.folder), options)

    def drafts(self) -> list[Path]:
        return [path for path in (self.reports / self.monitor.name).glob(".*") if path.is_dir()]

    def pages(self) -> list[Path]:
        return sorted((self.reports / self.monitor.name).glob("[!.]*"))


def process(trial: Trial, home: Path, file_size: int | None = None) -> None:
    """What a process does: run the trial's window; it ends as `mondrift run` would."""
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    with contextlib.suppress(SystemExit), embedded.attach(home, sync=False) as servers:
        try:
            with Store.open(servers.database_url, redis_url=servers.redis_url) as store:
                outcome = trial.run(store)
        except MondriftError as error:
            os._exit(error.exit_code)
        os._exit(1 if outcome.error else 0)


class World:
    """Servers of our own, a store with a model, and a folder of reports for all trials."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self._held = contextlib.ExitStack()
        self.servers = self.attach()
        self.store = self._held.enter_context(
            Store.open(self.servers.database_url, redis_url=self.servers.redis_url)
        )
        schema = Schema(timestamp="at", target="bought", prediction="guess", id="id")
        reference = day(0).assign(bought=0)
        kinds = {"bought": "categorical"}
        known = replace(schema, kinds=kinds).fit(reference)  # type: ignore[arg-type]
        self.store.register_model(MODEL, known, task="binary", clock="data")
        self.store.register_baseline(MODEL, reference)
        self.store.log(MODEL, day(1, shift=2.0))
        self.store.log(MODEL, day(2))
        notebooks = folder / "notebooks"
        save(made(WAITS, parameters=PARAMETERS), notebooks / "waits.ipynb")
        (folder / "reports").mkdir()
        (folder / "reports" / ".lock").touch()

    def attach(self) -> embedded.Servers:
        """Join the servers; those that were killed are started again."""
        return self._held.enter_context(embedded.attach(self.home, sync=False))

    def close(self) -> None:
        self._held.close()

    def trial(self, name: str) -> Trial:
        rules = AlertRules(channels=("webhook",))
        monitor = Monitor(
            name, MODEL, DAYS, notebook="waits", parameters={"monitor": name}, alerts=rules
        )
        return Trial(self.folder, monitor)

    def start(self, trial: Trial, file_size: int | None = None) -> ForkServerProcess:
        started = PROCESSES.Process(target=process, args=(trial, self.home, file_size), daemon=True)
        started.start()
        return started

    @contextlib.contextmanager
    def held_at(self, stage: Stage, trial: Trial) -> Iterator[ForkServerProcess]:
        """A process that runs the trial and has come to a stage; afterwards nothing holds it.

        For "written", an instant before the page got its name, see `unpublish`.
        """
        reached = "published" if stage == "written" else stage
        with contextlib.closing(self.walk(trial)) as stages:
            yield next(running for name, running in stages if name == reached)

    def walk(self, trial: Trial) -> Generator[tuple[Stage, ForkServerProcess]]:
        """A process that runs the trial, held at one stage after the other."""
        with contextlib.ExitStack() as held:
            held.callback(trial.go)
            with self._locked("drift_results"):
                running = self.start(trial)
                until(lambda: self._states(trial) == ["started"] and trial.drafts(), "run")
                yield "started", running
            until(lambda: trial.kernels, "kernel")
            yield "notebook", running
            draft = f"{trial.monitor.name}/.*/notebook.ipynb"
            with self._locked("alerts"):
                trial.go()
                until(lambda: [*trial.reports.glob(draft)], "file")
                yield "writing", running
                held.enter_context(self._archive_locked())
            until(trial.pages, "page")
            yield "published", running

    def _states(self, trial: Trial) -> list[str]:
        return list(self.store.runs(monitor=trial.monitor.name)["state"])

    @contextlib.contextmanager
    def _locked(self, table: str) -> Iterator[None]:
        """Somebody holds a table, as an upkeep of the database may."""
        engine = create_engine(address(self.servers.database_url))
        connection = engine.connect()
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # the server may have been killed
                connection.close()
            engine.dispose()

    @contextlib.contextmanager
    def _archive_locked(self) -> Iterator[None]:
        lock = os.open(self.folder / "reports" / ".lock", os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(lock)

    def kill(self, victim: str, running: ForkServerProcess, trial: Trial) -> None:
        """kill -9; a server that was killed is started again once the run has noticed."""
        if victim == "runner":
            pids: tuple[int, ...] = (running.pid or 0,)
        elif victim == "kernel":
            pids = (trial.kernels[-1],)
        elif victim == "valkey":
            pids = tuple(embedded.status(self.home).redis.pids)
        else:
            lines = (self.home / "postgres" / "postmaster.pid").read_text().splitlines()
            pids = (int(lines[0]),)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            until(lambda pid=pid: gone(pid), f"end of {victim}")

    def unpublish(self, trial: Trial) -> None:
        """The folder as it was an instant before it got its name; a rename is whole or not."""
        (page,) = trial.pages()
        page.rename(page.parent / f".{page.name}")
        assert not Archive(trial.reports).record(page.name, trial.monitor.name)
