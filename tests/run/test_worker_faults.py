"""Runs that break beside one that does not; schedulers that are killed, stopped, and asleep."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mondrift import embedded
from mondrift.run.heartbeat import health, read_heartbeat
from mondrift.store import Store
from tests.run.notebooks import made, save
from tests.run.scheduled import (
    FILE,
    begun,
    history,
    prepared,
    runs_of,
    schedulers,
    states,
    until,
)

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]

# Where the kernel keeps its files, noted for the test: each run must have a place of its own.
PLACE = """\
import os, pathlib
pathlib.Path("places", os.environ["JUPYTER_RUNTIME_DIR"].replace("/", "_")).touch()
"""
BREAKS = {
    "fine": "1 + 1",
    "killed": "import signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "memory": "import time\nheld = bytearray(b'1') * 2**29\ntime.sleep(60)",
    "disk": "'not on this disk ' * 20_000",
}
BROKEN = "limits: {memory: 400M}\ncatch_up: {windows: 1, retries: 0}\n"


@pytest.fixture
def model(store: Store) -> str:
    """A model of history, see `scheduled.history`."""
    return history(store)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 kB, mounted there."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "mondrift-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only where root may mount")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A process and all that it has started, kernels too."""
    top = psutil.Process(process.pid)
    return [top, *top.children(recursive=True)]


def pages(folder: Path, monitor: str) -> set[str]:
    """Runs whose page can be seen; of each of them the record must say how it ended."""
    found = {path.parent for path in (folder / "reports" / monitor).glob("[!.]*/report.html")}
    for each in found:
        assert json.loads((each / "run.json").read_text())["state"] in ("finished", "failed")
    return {each.name for each in found}


def test_a_dead_kernel_a_full_disk_and_too_much_memory_leave_the_other_runs_alone(
    store: Store, database_url: str, servers: embedded.Servers, model: str, tmp_path: Path
) -> None:
    folder = prepared(tmp_path, model)
    (folder / "params" / "monitors" / f"{model}.yaml").unlink()
    (folder / "places").mkdir()
    for name, code in BREAKS.items():
        save(made(PLACE, code), folder / "notebooks" / f"{name}.ipynb")
        text = FILE.format(model=model).replace("small", name) + BROKEN
        (folder / "params" / "monitors" / f"{model}_{name}.yaml").write_text(text, encoding="utf-8")
    with (
        small_disk(folder / "reports" / f"{model}_disk"),
        schedulers(1, folder, database_url, servers.redis_url, "--once", "--workers=2") as (one,),
    ):
        assert one.wait(timeout=300) == 1
        assert pages(folder, f"{model}_disk") <= set(store.runs(monitor=f"{model}_disk").run_id)
    ends = {name: states(store, f"{model}_{name}") for name in BREAKS}
    assert ends.pop("fine") == {("03", "finished"): 1}
    assert ends["killed"] == ends["memory"] == {("03", "failed"): 1}
    assert ("03", "finished") not in ends["disk"]
    assert len(list((folder / "places").iterdir())) == len(BREAKS)
    for name in ("fine", "killed", "memory"):
        assert pages(folder, f"{model}_{name}") == set(store.runs(monitor=f"{model}_{name}").run_id)
    beat = read_heartbeat(folder / "home")
    assert beat is not None
    assert {name: beat.monitors[f"{model}_{name}"]["given_up"]["n"] for name in BREAKS} == {
        "fine": 0, "killed": 1, "memory": 1, "disk": 1,
    }  # fmt: skip


def test_a_run_outlives_a_scheduler_asleep_or_killed_and_one_that_was_stopped_is_taken_up_again(
    store: Store, database_url: str, servers: embedded.Servers, model: str, tmp_path: Path
) -> None:
    """As a laptop sleeps, a scheduler dies, and systemd stops a service: SIGTERM to all of it."""
    folder = prepared(tmp_path, model)
    home, redis_url = folder / "home", servers.redis_url
    with schedulers(1, folder, database_url, redis_url) as (first,):
        until(lambda: begun(folder))
        asleep = tree(first)
        assert len(asleep) >= 3  # scheduler, run, kernel
        for each in asleep:
            each.suspend()
        until(lambda: (beat := read_heartbeat(home)) and health(beat, store.now()) == "silent")
        for each in asleep:
            each.resume()
        until(lambda: health(read_heartbeat(home), store.now()) == "runs")
        assert states(store, model) == {("02", "checked"): 1}
        (run,) = runs_of(first)
        first.kill()
    with schedulers(1, folder, database_url, redis_url) as (second,):
        until(lambda: (beat := read_heartbeat(home)) and beat.pid == second.pid)
        assert (run.is_running(), runs_of(second)) == (True, [])
        (folder / "go").touch()
        until(lambda: begun(folder) == 2)
        assert states(store, model) == {("02", "finished"): 1, ("03", "checked"): 1}
        stopped = tree(second)
        for each in stopped:
            each.terminate()
        second.wait(timeout=120)
        assert psutil.wait_procs(stopped, timeout=30)[1] == []
    ends = {("02", "finished"): 1, ("03", "stopped"): 1}
    assert states(store, model) == ends
    (folder / "go").touch()
    with schedulers(1, folder, database_url, redis_url, "--once") as (third,):
        assert third.wait(timeout=120) == 0
    assert states(store, model) == {**ends, ("03", "finished"): 1}
    assert begun(folder) == 3
    assert pages(folder, model) == set(store.runs(monitor=model).run_id)
