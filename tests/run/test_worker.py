"""The scheduler itself: real processes, a real PostgreSQL, and kill -9."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from mondrift import embedded
from mondrift.errors import ServerError
from mondrift.run.archive import CRASHED
from mondrift.run.catch_up import CatchUp
from mondrift.run.check import check
from mondrift.run.heartbeat import health, read_heartbeat
from mondrift.run.plan import Monitor, load_monitors
from mondrift.run.terms import Commands, Terms
from mondrift.run.windows import Calendar, Length
from mondrift.run.worker import Worker
from mondrift.settings import Settings
from mondrift.store import Store
from tests.run.scheduled import day, history, prepared, runs_of, schedulers, states, until

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]


@pytest.fixture
def model(store: Store) -> str:
    """A model of history, see `scheduled.history`."""
    return history(store)


@pytest.fixture
def folder(model: str, tmp_path: Path) -> Path:
    """A folder to schedule it in."""
    return prepared(tmp_path, model)


def test_of_two_schedulers_one_is_killed_in_a_run_and_the_other_catches_up_exactly_once(
    store: Store, database_url: str, servers: embedded.Servers, model: str, folder: Path
) -> None:
    with schedulers(2, folder, database_url, servers.redis_url) as both:
        until((folder / "begun").exists)
        # If both had started a run, one of those has found the monitor busy and ends.
        (run,) = until(lambda: len(found := runs_of(*both)) == 1 and found)
        (killed,) = (each for each in both if each.pid == run.ppid())
        (survivor,) = (each for each in both if each is not killed)
        orphans = run.children(recursive=True)
        killed.kill()
        run.kill()
        assert psutil.wait_procs(orphans, timeout=60)[1] == []  # or its kernel would take `go`
        until(lambda: runs_of(survivor))
        survivor.send_signal(signal.SIGTERM)  # it lets its run end, and starts no other
        (folder / "go").touch()
        assert survivor.wait(timeout=60) == 0
    assert states(store, model) == {("02", "failed"): 1, ("02", "finished"): 1}
    runs = store.runs(monitor=model)
    assert list(runs.loc[runs["state"] == "failed", "error"]) == [CRASHED]
    pages = sorted(path.parent.name for path in (folder / "reports" / model).glob("*/report.html"))
    assert pages == sorted(runs["run_id"])
    beat = read_heartbeat(folder / "home")
    assert beat is not None
    assert (beat.pid, beat.stopped, beat.running) == (survivor.pid, True, ())
    assert beat.monitors[model]["due"]["windows"] == ["3 January 2024"]
    assert health(beat, store.now()) == "stopped"


CHECKS = (sys.executable, "-P", "-m", "mondrift.run.checks")
EVERY_HOUR = """\
model: {model}
check_every: 1h
window: {{length: 1D, zone: UTC, start: 2024-01-02}}
"""


# In this process, with commands that are not mondrift's


def monitor(model: str, **catch_up: Any) -> Monitor:
    calendar = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 2))
    rules = CatchUp(**catch_up)
    return Monitor(f"{model}_x", model, calendar, schedule="@daily", catch_up=rules)


def opener(folder: Path, url: str) -> Callable[[], Store]:
    settings = Settings.load(overrides={"mondrift_home": folder / "home"})
    return lambda: Store.open(url, settings=settings)


def checker(folder: Path, url: str, checks: tuple[str, ...] | None = None, **files: str) -> Worker:
    """A scheduler that only checks, in processes of its own, what files {monitor: text} say."""
    monitors = folder / "params" / "monitors"
    monitors.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (monitors / f"{name}.yaml").write_text(text, encoding="utf-8")
    real = ("env", f"DATABASE_URL={url}", *CHECKS)
    commands = Commands(run=("false",), checks=checks or real)
    opens = opener(folder, url)
    return Worker(folder, lambda: (load_monitors(monitors), {}), commands, opens, Terms(once=True))


def worker(
    folder: Path, opens: Callable[[], Store], plans: Sequence[Monitor], code: str, **terms: Any
) -> Worker:
    return Worker(
        folder,
        lambda: ({each.name: each for each in plans}, {}),
        Commands((sys.executable, "-c", f"import sys\n{code}"), CHECKS),
        opens,
        Terms(**{"once": True, **terms}),
    )


def test_once_tries_each_window_once_and_tells_how_many_failed(
    tmp_path: Path, database_url: str, model: str
) -> None:
    code = "open('calls', 'a').write(sys.argv[3] + '\\n'); sys.exit('no')"
    assert worker(tmp_path, opener(tmp_path, database_url), [monitor(model)], code).run() == 2
    calls = (tmp_path / "calls").read_text().split()
    assert calls == ["2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"]
    beat = read_heartbeat(tmp_path / "home")
    assert beat is not None
    assert beat.monitors[f"{model}_x"]["waiting"] == {
        "n": 2,
        "windows": ["2 January 2024", "3 January 2024"],
    }


def test_catch_up_on_the_command_line_goes_before_the_file(
    tmp_path: Path, database_url: str, model: str
) -> None:
    plan = monitor(model, windows=5)
    code = "open('calls', 'a').write(sys.argv[3] + '\\n'); sys.exit('no')"
    assert worker(tmp_path, opener(tmp_path, database_url), [plan], code, catch_up=1).run() == 1
    assert (tmp_path / "calls").read_text().split() == ["2024-01-03T00:00:00+00:00"]


def test_a_run_that_ends_well_without_a_finished_run_is_not_started_for_ever(
    tmp_path: Path, database_url: str, model: str
) -> None:
    code = "open('calls', 'a').write('x')"
    worker(tmp_path, opener(tmp_path, database_url), [monitor(model)], code).run()
    assert (tmp_path / "calls").read_text() == "xx"


def test_a_monitor_that_somebody_else_runs_is_left_to_them(
    tmp_path: Path, store: Store, database_url: str, model: str
) -> None:
    with store.running(f"{model}_x"):
        assert (
            worker(
                tmp_path, opener(tmp_path, database_url), [monitor(model)], "sys.exit('no')"
            ).run()
            == 0
        )


def test_a_monitor_of_an_unknown_model_is_told_and_leaves_the_others_alone(
    tmp_path: Path, database_url: str, model: str
) -> None:
    lost = replace(monitor(model), name="lost", model="nobody")
    assert (
        worker(
            tmp_path, opener(tmp_path, database_url), [lost, monitor(model)], "sys.exit('no')"
        ).run()
        == 3
    )
    beat = read_heartbeat(tmp_path / "home")
    assert beat is not None
    assert "nobody" in beat.monitors["lost"]["error"]


def test_windows_with_late_labels_are_run_once_per_tick_and_those_without_start_no_process(
    tmp_path: Path, store: Store, database_url: str, model: str
) -> None:
    plan = monitor(model, late_labels=True)
    for number in ("2024-01-02", "2024-01-03"):
        store.finish_run(check(store, plan, plan.window(number)).run, report="a page")
    assert worker(tmp_path, opener(tmp_path, database_url), [plan], "sys.exit('no')").run() == 0
    (tmp_path / "home" / "schedule.json").unlink()  # or this tick would not be asked again
    known = datetime(2024, 1, 5, tzinfo=UTC)
    for number in (1, 2):  # of 2 and 3 January
        value = [{"id": f"{number}-0", "value": "1", "received_at": known}]
        store.label(model, value)
    check(store, plan, plan.window("2024-01-03"))  # its news are seen, its report is missing
    code = "open('calls', 'a').write(sys.argv[3] + '\\n')"
    for _ in range(2):
        assert worker(tmp_path, opener(tmp_path, database_url), [plan], code).run() == 0
    calls = (tmp_path / "calls").read_text().split()
    assert calls == ["2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"]


def test_windows_are_checked_once_without_a_report_and_a_check_that_fails_leaves_the_others_alone(
    tmp_path: Path, store: Store, database_url: str, model: str
) -> None:
    store.register_model(f"{model}_bare", store.model(model).schema, task="binary", clock="data")
    store.log(f"{model}_bare", day(3))  # without a baseline there is nothing to measure against
    files = {name: EVERY_HOUR.format(model=model) for name in (f"{model}_a", f"{model}_b")}
    bare = {f"{model}_0": EVERY_HOUR.format(model=f"{model}_bare")}
    assert checker(tmp_path, database_url, **bare, **files).run() == 2
    once = {("02", "checked"): 1, ("03", "checked"): 1}
    assert [states(store, name) for name in files] == [once, once]
    assert checker(tmp_path, database_url, **files).run() == 0  # bare waits; the tick is the same
    assert [states(store, name) for name in files] == [once, once]
    store.log(model, day(3).head(5).assign(id=[f"late-{i}" for i in range(5)]))
    store.log(model, day(4).head(40))  # now is 5 January, 02:36, and the 4th is over
    assert checker(tmp_path, database_url, **files).run() == 0
    assert [states(store, name) for name in files] == [{**once, ("04", "checked"): 1}] * 2
    beat = read_heartbeat(tmp_path / "home")
    assert beat is not None
    assert list(beat.checked[f"{model}_a"]) == [f"2024-01-0{i}T00:00:00+00:00" for i in (2, 3, 4)]


def test_rows_that_come_a_little_late_are_seen_by_the_next_check_of_the_newest_window(
    tmp_path: Path, store: Store, database_url: str, model: str
) -> None:
    files = {f"{model}_a": EVERY_HOUR.format(model=model)}
    assert checker(tmp_path, database_url, **files).run() == 0
    for number in (2, 3):  # into both windows
        store.log(model, day(number).head(5).assign(id=[f"late{number}-{i}" for i in range(5)]))
    assert checker(tmp_path, database_url, **files).run() == 0
    assert states(store, f"{model}_a") == {("02", "checked"): 1, ("03", "checked"): 1}
    store.log(model, day(3).tail(1).assign(id="on", at=datetime(2024, 1, 4, 20, 1, tzinfo=UTC)))
    assert checker(tmp_path, database_url, **files).run() == 0  # the next tick, by the data's clock
    assert states(store, f"{model}_a") == {("02", "checked"): 1, ("03", "checked"): 2}
    # At a tick without news no process is started.
    store.log(model, day(3).tail(1).assign(id="end", at=datetime(2024, 1, 4, 21, 1, tzinfo=UTC)))
    assert checker(tmp_path, database_url, ("false",), **files).run() == 0


def test_a_store_that_was_away_is_opened_again(
    tmp_path: Path, database_url: str, model: str
) -> None:
    code = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); sys.exit('no')"
    openings = count()

    def opens() -> Store:
        if next(openings) == 0:
            raise ServerError("PostgreSQL is away.")
        return opener(tmp_path, database_url)()

    assert worker(tmp_path, opens, [monitor(model)], code, once=False, every=0.1).run() == 1
    assert next(openings) == 2


@pytest.mark.parametrize(("signals", "grace"), [("SIGTERM SIGINT", 600.0), ("SIGTERM", 0.1)])
def test_a_second_signal_or_the_end_of_the_grace_stops_what_runs(
    tmp_path: Path, database_url: str, model: str, signals: str, grace: float
) -> None:
    code = (
        "import os, signal, time\n"
        f"for name in {signals.split()}: os.kill(os.getppid(), getattr(signal, name))\n"
        "time.sleep(600)"
    )
    before = signal.getsignal(signal.SIGTERM)
    plans = [monitor(model)]
    assert (
        worker(tmp_path, opener(tmp_path, database_url), plans, code, once=False, grace=grace).run()
        == 0
    )
    beat = read_heartbeat(tmp_path / "home")
    assert beat is not None
    assert (beat.stopped, beat.running) == (True, ())
    assert signal.getsignal(signal.SIGTERM) == before


def test_once_a_store_that_does_not_answer_is_an_error(tmp_path: Path, model: str) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(ServerError):
        worker(tmp_path, opener(tmp_path, url), [monitor(model)], "pass").run()
