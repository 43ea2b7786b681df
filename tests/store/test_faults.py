"""Whatever dies: what was acknowledged is there, exactly once, and a batch is whole or absent.

FAULT_KILLS says how many kill points the load goes through (default 20), FAULT_SEED which: the
seed is printed, and the same seed kills the same things in the same order.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text

from mondrift import embedded
from mondrift.errors import ServerError, StoreError
from mondrift.store import Store
from mondrift.store.connect import engine_for
from tests.processes import forked
from tests.store.loading import (
    MODEL,
    ROWS,
    SCHEMA,
    START,
    Journal,
    batch_rows,
    clock,
    load,
    log_together,
)

pytestmark = pytest.mark.servers

PATIENCE = 60.0
PROCESSES = forked()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of this test alone, in memory if there is: what a kill leaves behind is the same."""
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30 else None
    made = Path(tempfile.mkdtemp(prefix="mondrift-faults-", dir=base)).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = engine_for(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"for {PATIENCE:.0f} s there was no {what}"
        time.sleep(0.01)


class Load:
    """A process that loads, and the servers it loads into, each of which can be killed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._held = contextlib.ExitStack()
        self.journal = Journal(home.parent / "journal")
        self.servers = self._attach()
        with Store.open(self.servers.database_url) as store:
            store.register_model(MODEL, SCHEMA, task="regression")
            first = pd.concat([batch_rows(-1 - place) for place in range(10)])
            store.log(MODEL, first.assign(id=None))  # enough rows to fix how they are counted
        self._process = self._start()

    def _attach(self) -> embedded.Servers:
        return self._held.enter_context(embedded.attach(self._home, sync=False))

    def _start(self) -> ForkServerProcess:
        arguments = (self.servers.database_url, self.servers.redis_url, str(self._path()))
        process = PROCESSES.Process(target=load, args=arguments, daemon=True)
        process.start()
        return process

    def _path(self) -> Path:
        return self._home.parent / "journal"

    def kill(self, what: str) -> None:
        """kill -9; what was killed is started again."""
        if what == "loader":
            self._process.kill()
            self._process.join()
            self._process = self._start()
            return
        if what == "valkey":
            pids = embedded.status(self._home).redis.pids
        elif what == "postmaster":
            pids = (int((self._home / "postgres/postmaster.pid").read_text().split("\n")[0]),)
        else:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <>"
            found = rows_of(self.servers.database_url, f"{query} pg_backend_pid() LIMIT 1")
            pids = tuple(pid for (pid,) in found)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._attach()

    def goes_on(self) -> None:
        """Wait until something has been acknowledged that was not before."""
        before = len(self.journal.of("stored"))
        assert self._process.is_alive(), self.journal.lines()[-1]
        wait_until(lambda: len(self.journal.of("stored")) > before, "acknowledgement")

    def stop(self) -> None:
        """No more is loaded."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        self.stop()
        self._held.close()


@pytest.fixture
def loaded(folder: Path) -> Iterator[Load]:
    with contextlib.closing(Load(folder / "home")) as load_:
        yield load_


def check(url: str, journal: Journal) -> None:
    """What was acknowledged against what is there."""
    assert not [word for word, _, _ in journal.lines() if word.startswith("failed")]
    batches = rows_of(
        url, "SELECT numerics[1]::int, count(*), count(DISTINCT id) FROM predictions GROUP BY 1"
    )
    assert {(n, ids) for _, n, ids in batches} == {(ROWS, ROWS)}, "a batch is whole or absent"
    stored = journal.of("stored")
    assert set(stored) <= {batch for batch, _, _ in batches}
    there = rows_of(url, "SELECT id, numerics[1]::int FROM predictions")
    assert len(there) == len(set(there)) == len({each for each, _ in there})
    assert {(each, batch) for batch, ids in stored.items() for each in ids} <= set(there)
    keys = rows_of(url, "SELECT id FROM prediction_keys")
    assert sorted(keys) == sorted((each,) for each, batch in there if batch in range(0, 10**6, 2))
    labels = rows_of(url, "SELECT prediction_id, value::int FROM labels")
    assert len(labels) == len(set(labels)), "a label is there once"
    expected = {(each, batch) for batch in journal.of("labelled") for each in stored[batch]}
    assert expected <= set(labels)
    last = rows_of(url, "SELECT id, ground_truth::int FROM predictions WHERE ground_truth >= 0")
    assert sorted(last) == sorted(labels), "the prediction's own column says what the labels say"
    assert counted(url) == (len(there), len(there)), "before and after the counts are folded"


def counted(url: str) -> tuple[int, int]:
    """How many rows the rollups know of, as they are and once they are folded."""
    sizes = []
    window = (clock() - timedelta(days=2000), clock())
    with Store.open(url, clock=clock) as store:
        for _ in range(2):
            summaries = store.summaries(MODEL, *window)
            assert summaries is not None
            sizes.append(summaries.sizes[""])
            store.fold(MODEL)
    return sizes[0], sizes[1]


def test_what_was_acknowledged_is_there_once_whatever_was_killed(loaded: Load) -> None:
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULT_SEED={seed}")
    choice = random.Random(seed)
    killed = []
    for _ in range(int(os.environ.get("FAULT_KILLS") or 20)):
        what = choice.choice(("postmaster", "backend", "backend", "loader", "loader", "valkey"))
        loaded.goes_on()
        time.sleep(choice.random() / 5)  # a moment within a batch, not only between two
        loaded.kill(what)
        killed.append(what)
    loaded.goes_on()
    loaded.stop()
    print(", ".join(killed))
    check(loaded.servers.database_url, loaded.journal)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size, mounted in `folder`."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "mondrift-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only where root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(store: Store, acknowledged: list[int]) -> Exception:
    """Log batches of a day until one is refused; the refusal."""
    rows = pd.concat([batch_rows(1)] * 30)
    for batch in range(len(acknowledged), 1000):
        try:
            acknowledged.append(store.log(MODEL, rows.assign(batch=float(batch))).stored)
        except (ServerError, StoreError) as error:
            return error
    raise AssertionError("the disk was never full")


def stored_batches(url: str) -> list[int]:
    return [n for (n,) in rows_of(url, "SELECT count(*) FROM predictions GROUP BY numerics[1]")]


def test_a_full_disk_is_named_and_nothing_acknowledged_is_lost(folder: Path) -> None:
    acknowledged: list[int] = []
    with small_disk(folder / "disk", 240) as disk:
        home, filler = disk / "home", disk / "filler"
        with contextlib.ExitStack() as held:
            url = held.enter_context(embedded.attach(home, redis=False, sync=False)).database_url
            store = held.enter_context(Store.open(url))
            store.register_model(MODEL, SCHEMA, task="regression")
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - 12 * 2**20))
            error = fill(store, acknowledged)
            assert "disk" in str(error)
            assert "free space and try again, nothing was stored" in str(error)
            filler.unlink()
            held.enter_context(embedded.attach(home, redis=False, sync=False))
            assert len(acknowledged) > 1
            assert stored_batches(url) == acknowledged
            assert store.log(MODEL, batch_rows(0)).stored == ROWS


def test_a_file_that_may_not_grow_is_a_full_disk_too(folder: Path) -> None:
    acknowledged: list[int] = []
    home = folder / "home"
    with contextlib.ExitStack() as held:
        held.enter_context(limited_files(18 * 2**20))
        servers = held.enter_context(embedded.attach(home, redis=False, sync=False))
        store = held.enter_context(Store.open(servers.database_url))
        store.register_model(MODEL, SCHEMA, task="regression")
        error = fill(store, acknowledged)
        assert isinstance(error, StoreError)
        assert "the disk of the database is full; free space and try again" in str(error)
        assert stored_batches(servers.database_url) == acknowledged
    with embedded.attach(home, redis=False, sync=False) as servers:
        with Store.open(servers.database_url) as store:
            assert store.log(MODEL, batch_rows(999)).stored == ROWS
        assert sorted(stored_batches(servers.database_url)) == sorted([*acknowledged, ROWS])


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file of a process that starts meanwhile grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_rows_of_a_process_whose_clock_is_wrong_are_kept_apart_or_found(
    new_database: Callable[[], str],
) -> None:
    present = datetime(2026, 3, 1, tzinfo=UTC)
    url = new_database()
    ahead = [timedelta(0), timedelta(hours=23), timedelta(days=2), timedelta(days=-4000)]
    rows = batch_rows(0).head(len(ahead)).assign(at=[present + each for each in ahead])
    with Store.open(url, clock=lambda: present) as store:
        store.register_model(MODEL, SCHEMA, task="regression")
        result = store.log(MODEL, rows)
        assert (result.stored, result.quarantined) == (3, 1)
        assert "is not between 2000-01-01 and now + 1 day" in store.quarantine(MODEL)["reason"][0]
        assert len(store.window(MODEL, present - timedelta(days=4001), present)) == 1
    with Store.open(url, clock=lambda: present - timedelta(days=30)) as behind:
        again = behind.log(MODEL, rows)  # another machine, a month behind: now all of them are odd
        assert (again.stored, again.duplicates, again.quarantined) == (0, 1, 3)
    with Store.open(url, clock=lambda: present + timedelta(days=30)) as later:
        assert later.log(MODEL, rows).stored == 1, "what was too early then is not any more"
        assert later.log(MODEL, rows).duplicates == 4


def test_eight_processes_need_the_same_new_partitions_and_levels_at_once(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    with Store.open(url) as store:
        store.register_model(MODEL, SCHEMA, task="regression")
    together, results = PROCESSES.Barrier(8), PROCESSES.Queue()
    workers = [
        PROCESSES.Process(target=log_together, args=(url, worker, together, results), daemon=True)
        for worker in range(8)
    ]
    for worker in workers:
        worker.start()
    stored = [results.get(timeout=PATIENCE) for _ in workers]
    for worker in workers:
        worker.join(PATIENCE)
    assert stored == [[ROWS] * 10] * 8
    assert rows_of(url, "SELECT count(*), count(DISTINCT id) FROM predictions") == [(8000, 8000)]
    levels = "SELECT count(*), count(DISTINCT level), max(code) + 1 FROM category_levels"
    assert rows_of(url, levels) == [(10, 10, 10)]
    with Store.open(url, clock=clock) as store:
        found = store.window(MODEL, START, START + timedelta(days=30))
    batches = found["id"].str.split(" ").str[1]
    assert (found["level"].astype(str) == "level " + batches).all()
    assert (found["batch"] == 5 * batches.astype(int)).all()
