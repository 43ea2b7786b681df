"""Runs as processes: what they say when they end, and how they are ended."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from mondrift.errors import BusyError
from mondrift.run.children import BUSY, Batch, Child
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
    assert child.process.returncode == -signal.SIGALRM
    assert not child.asked_to_end


def test_a_run_that_somebody_stopped_is_known_by_it_whether_or_not_it_listened(
    tmp_path: Path,
) -> None:
    for code in ("import os; os.kill(os.getpid(), 15)", "import sys; sys.exit(143)"):
        child = started(code, tmp_path)
        outcome(child)
        assert child.asked_to_end


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


# Several checks in one process

EDGES = [datetime(2024, 1, day, tzinfo=UTC) for day in (2, 3, 4, 5)]
DAYS = [Window(*edges) for edges in pairwise(EDGES)]


def batch(code: str, folder: Path) -> Batch:
    asked = list(zip("abc", DAYS, strict=True))
    return Batch.start((sys.executable, "-c", code), asked, cwd=str(folder), limit=60.0)


def ends(found: Batch) -> list[tuple[str, str, str]]:
    found.process.wait(timeout=60)
    return [(each.monitor, each.state, each.words) for each in found.result()]


def test_checks_are_asked_for_on_standard_input_and_told_one_by_one(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "for number, (name, start) in enumerate(json.load(sys.stdin)):\n"
        "    print(json.dumps({'number': number, 'state': 'begun'}))\n"
        "    state = 'busy' if name == 'b' else 'done'\n"
        "    print(json.dumps({'number': number, 'state': state, 'words': start}))"
    )
    found = batch(code, tmp_path)
    assert found.monitors() == {"a", "b", "c"}
    assert ends(found) == [
        ("a", "done", "2024-01-02T00:00:00+00:00"),
        ("b", "busy", "2024-01-03T00:00:00+00:00"),
        ("c", "done", "2024-01-04T00:00:00+00:00"),
    ]


def test_what_a_library_prints_in_between_is_passed_over(tmp_path: Path) -> None:
    code = (
        'print(\'{"number": 0, "state": "begun"}\')\n'
        "print({'loaded': 3})\n"
        "print('{\"loaded\": 3}')\n"
        'print(\'{"number": 0, "state": "done", "words": "ok"}\')'
    )
    assert ends(batch(code, tmp_path))[0] == ("a", "done", "ok")


def test_of_checks_that_die_only_the_one_at_work_has_failed(tmp_path: Path) -> None:
    code = (
        "import os\n"
        'print(\'{"number": 0, "state": "begun"}\')\n'
        'print(\'{"number": 0, "state": "done", "words": "ok"}\')\n'
        'print(\'{"number": 1, "state": "begun"}\', flush=True)\n'
        "os.kill(os.getpid(), 9)"
    )
    assert ends(batch(code, tmp_path)) == [
        ("a", "done", "ok"),
        ("b", "failed", "ended with -9"),
        ("c", "left", "ended with -9"),
    ]


def test_checks_that_never_began_have_all_failed_so_that_they_are_not_tried_for_ever(
    tmp_path: Path,
) -> None:
    found = ends(batch("import sys; sys.exit('mondrift: no store')", tmp_path))
    assert {each[1:] for each in found} == {("failed", "mondrift: no store")}


def test_checks_that_were_stopped_have_not_failed(tmp_path: Path) -> None:
    found = batch("import time; time.sleep(600)", tmp_path)
    found.stop("somebody said so")
    assert {each[1] for each in ends(found)} == {"left"}
