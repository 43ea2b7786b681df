"""Killed servers, killed processes: what the client took, and acknowledged, is stored once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mondrift import Logger, embedded
from mondrift.store import Store
from tests.test_logger import FEATURES, NOBODY, SCHEMA, SOON, settled_down, stored

pytestmark = pytest.mark.servers


@pytest.fixture
def model(store: Store, request: pytest.FixtureRequest) -> str:
    store.register_model(request.node.name, SCHEMA, task="binary")
    return str(request.node.name)


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Servers of this test alone, which it may kill."""
    home = Path(tempfile.mkdtemp(prefix="mondrift-"))
    home.chmod(0o755)
    monkeypatch.setenv("MONDRIFT_HOME", str(home))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    embedded.up(home, sync=False)
    yield home
    embedded.down(home)
    subprocess.run(["rm", "-rf", str(home)], check=True)


def test_postgresql_killed_again_and_again_loses_no_row_and_doubles_none(own_home: Path) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Store.open() as store:
        store.register_model("shaken", SCHEMA, task="binary")
    ids = []
    with Logger("shaken", seconds=0.02, batch=200) as logger:
        for _ in range(3):
            for _ in range(chance.randrange(500, 3000)):
                ids.append(logger.log(FEATURES, prediction=1, probability=0.5))
                if chance.random() < 0.002:
                    time.sleep(0.01)
            for pid in embedded.status(own_home).postgres.pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            ids += [logger.log(FEATURES, prediction=0) for _ in range(500)]
            assert logger.flush(SOON)
        settled_down(logger)
        stats = logger.stats
    assert stats.dropped == 0
    assert stats.spilled > 0
    with Store.open() as store:
        assert sorted(stored(store, "shaken")["id"]) == sorted(ids), f"seed {seed}"
        assert store.quarantine("shaken").empty


PROCESS = """
    import sys
    from mondrift import Logger

    logger = Logger(sys.argv[1], url=sys.argv[2], spill=sys.argv[3], seconds=0.01, batch=50)
    while True:
        for i in range(50):
            id = logger.log({"wind": i, "carrier": "AA"}, prediction=1)
            print(id, flush=True)
        logger.flush()
        print("acknowledged", logger.stats.sent + logger.stats.spilled, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(
    database_url: str, store: Store, model: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"seed {seed}")
    chance = random.Random(seed)
    sure: list[str] = []
    every: set[str] = set()
    for address in (database_url, NOBODY):  # the second finds a store that is away
        command = [sys.executable, "-c", textwrap.dedent(PROCESS), model, address, tmp_path / "s"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            own: list[str] = []
            for _ in range(chance.randrange(100, 600)):
                line = process.stdout.readline().strip()
                if line.startswith("acknowledged"):
                    assert int(line.split()[1]) == len(own)
                    sure += own[-50:]
                else:
                    own.append(line)
            process.kill()
            own += [line for line in process.stdout.read().split() if len(line) == 36]
            every |= set(own)
    with Logger(model, url=database_url, spill=tmp_path / "s") as heir:
        settled_down(heir)
    found = stored(store, model)["id"].tolist()
    assert set(sure) <= set(found), f"seed {seed}"
    assert len(found) == len(set(found))
    assert set(found) <= every


def test_the_end_of_a_process_sends_what_waits(
    database_url: str, store: Store, model: str, tmp_path: Path
) -> None:
    code = """
        import multiprocessing, sys
        from mondrift import Logger
        logger = Logger(sys.argv[1], url=sys.argv[2], spill=sys.argv[3], seconds=60)
        for i in range(30):
            logger.log({"wind": i, "carrier": "AA"}, prediction=1)
        def work():
            logger.log({"wind": 0, "carrier": "child"}, prediction=1)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), model, database_url, tmp_path / "s"]
    subprocess.run(command, check=True, timeout=SOON)
    with Logger(model, url=database_url, spill=tmp_path / "s") as heir:
        settled_down(heir)
        assert heir.stats.sent == 0  # they were in the store, none on disk
    assert stored(store, model)["carrier"].value_counts().to_dict() == {"AA": 30, "child": 1}
