"""Runs as processes: what they say when they end, and how they are ended."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mondrift.errors import BusyError
from mondrift.run.children import BUSY, Child
from mondrift.store import Store
from mondrift.window import Window

DAY = Window(datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC), label="a day")


def started(code: str, folder: Path, *, limit: float = 60.0) -> Child:
    command = (sys.executable, "-c", code)
    return Child.start(command, "daily", DAY, cwd=str(folder), limit=limit)


def outcome(child: Child) -> tuple[bool, str]:
    child.process.wait(timeout=60)
    assert child.ended()
    return child.result()


def test_a_run_is_told_its_monitor_and_window_and_gives_its_verdict(tmp_path: Path) -> None:
    code = (
        "import json, sys; assert sys.argv[1:] == "
        "['daily', '--window', '2024-01-02T00:00:00+00:00', '--json']; "
        "print(json.dumps({'status': 'ok', 'reason': 'nothing moved'}))"
    )
    assert outcome(started(code, tmp_path)) == (True, "ok: nothing moved")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('first\\n\\nmondrift: The report failed: x\\n')", "mondrift: The "),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
def test_a_failed_run_gives_its_last_words(code: str, words: str, tmp_path: Path) -> None:
    good, said = outcome(started(code, tmp_path))
    assert (good, said.startswith(words)) == (False, True)


def test_a_run_that_found_the_monitor_busy_is_known_by_it(tmp_path: Path) -> None:
    code = f"import sys; sys.exit({BusyError.exit_code})"
    assert outcome(started(code, tmp_path)) == (False, BUSY)


@pytest.mark.servers
def test_a_monitor_that_is_held_is_busy(store: Store) -> None:
    with (
        store.running("somebody"),
        pytest.raises(BusyError, match="'somebody' is being run by another process"),
        store.running("somebody"),
    ):
        pass


def test_a_run_that_outlives_its_limit_is_stopped_and_says_why(tmp_path: Path) -> None:
    child = started("import time; time.sleep(600)", tmp_path, limit=0.0)
    child.ended()  # the limit is over: asks it to end
    good, said = outcome(child)
    assert (good, said) == (False, "stopped: it took longer than a run may")
    assert child.process.returncode == -signal.SIGTERM


def test_a_run_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "pathlib.Path('deaf').touch(); time.sleep(600)"
    )
    child = started(code, tmp_path)
    while not (tmp_path / "deaf").exists():
        assert not child.ended()
    child.stop("somebody said so")
    assert not child.ended()
    child.deadline -= 3600  # its patience is over
    while not child.ended():
        pass
    assert child.result() == (False, "stopped: somebody said so")
    assert child.process.returncode == -signal.SIGKILL
