"""Whatever is killed, at whatever stage of a run: the next run succeeds, and everything agrees."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mondrift.errors import BusyError
from mondrift.run.archive import CRASHED
from mondrift.run.limits import Limits
from tests.run.agreement import agree, messages
from tests.run.faulty import Stage, World, gone, until
from tests.run.notebooks import made, save

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30 else None
    folder = Path(tempfile.mkdtemp(prefix="mondrift-runs-", dir=base)).resolve()
    folder.chmod(0o755)
    with contextlib.closing(World(folder)) as made_:
        yield made_
    shutil.rmtree(folder)


# Stage, victim: exit code of the run (None: killed), then how many runs there are once it has been
# run again, and how often the notebook was executed in all.
DEATHS = [
    ("started", "runner", None, 2, 1),
    ("started", "postmaster", 1, 2, 1),
    ("notebook", "runner", None, 2, 2),
    ("notebook", "kernel", 1, 2, 2),
    ("writing", "runner", None, 2, 2),
    ("writing", "postmaster", 1, 2, 2),
    ("written", "runner", None, 1, 1),
    ("published", "runner", None, 1, 1),
    ("published", "postmaster", 1, 1, 1),
]


@pytest.mark.parametrize(("stage", "victim", "code", "runs", "executed"), DEATHS)
def test_after_a_death_the_next_run_succeeds_and_everything_agrees(
    world: World, stage: Stage, victim: str, code: int | None, runs: int, executed: int
) -> None:
    trial = world.trial(f"{stage}_{victim}")
    with world.held_at(stage, trial) as running:
        world.kill(victim, running, trial)
    running.join(120)
    assert running.exitcode == (-9 if code is None else code)
    for kernel in trial.kernels:
        until(lambda kernel=kernel: gone(kernel), "end of the kernel")
    if stage == "written":
        world.unpublish(trial)
    world.attach()
    name = trial.monitor.name
    assert "finished" not in set(world.store.runs(monitor=name)["state"])  # the page goes first
    outcome = trial.run(world.store)
    assert outcome.error == ""
    assert len(world.store.runs(monitor=name)) == runs
    assert len(trial.kernels) == executed
    assert outcome.page.exists()
    agree(world.store, trial.reports, name)
    assert messages(world.store, name) == 1
    again = trial.run(world.store)
    assert (again.fresh, again.page) == (False, outcome.page)


def test_a_run_does_not_mind_that_valkey_dies_at_each_of_its_stages(world: World) -> None:
    trial = world.trial("uncached")
    for _, running in world.walk(trial):
        world.kill("valkey", running, trial)
        world.attach()
    running.join(120)
    assert running.exitcode == 0
    assert len(world.store.runs(monitor="uncached")) == len(trial.kernels) == 1
    agree(world.store, trial.reports, "uncached")
    assert messages(world.store, "uncached") == 1


def test_a_run_that_was_killed_is_told_on_a_page_of_its_own(world: World) -> None:
    page = world.folder / "reports" / "notebook_runner"
    (failed,) = (each for each in page.iterdir() if CRASHED in (each / "report.html").read_text())
    told = (failed / "report.html").read_text()
    assert "Once the cause is gone, run it again: mondrift run notebook_runner" in told
    rows = world.store.runs(monitor="notebook_runner")
    assert list(rows.loc[rows["state"] == "failed", "error"]) == [CRASHED]


def test_of_two_processes_with_the_same_window_one_runs_it(world: World) -> None:
    trial = world.trial("together")
    with world.held_at("notebook", trial) as first:
        second = world.start(trial)
        second.join(120)
        assert second.exitcode == BusyError.exit_code
    first.join(120)
    third = world.start(trial)
    third.join(120)
    assert (first.exitcode, third.exitcode) == (0, 0)
    assert len(world.store.runs(monitor="together")) == len(trial.kernels) == 1
    agree(world.store, trial.reports, "together")


def test_a_run_whose_lock_died_with_the_database_is_not_run_beside_itself(world: World) -> None:
    trial = world.trial("unlocked")
    with world.held_at("notebook", trial) as first:
        world.kill("postmaster", first, trial)
        world.attach()
        second = world.start(trial)
        second.join(120)
        assert second.exitcode == BusyError.exit_code
    first.join(120)
    assert trial.run(world.store).error == ""
    agree(world.store, trial.reports, "unlocked")
    assert messages(world.store, "unlocked") == 1


def test_a_full_disk_in_one_run_leaves_the_other_alone(world: World) -> None:
    full, other = world.trial("full"), world.trial("beside")
    for trial in (full, other):
        trial.go()
    both = world.start(full, file_size=1600), world.start(other)
    for each in both:
        each.join(120)
    assert [each.exitcode for each in both] == [1, 0]
    agree(world.store, other.reports, "beside")
    (error,) = world.store.runs(monitor="full")["error"]
    assert "The archive cannot be written" in error
    assert full.run(world.store).error == ""
    agree(world.store, full.reports, "full")


def test_a_notebook_that_takes_too_much_memory_ends_alone_and_says_so(world: World) -> None:
    greedy, other = world.trial("greedy"), world.trial("modest")
    save(
        made("import time; x = b'x' * 2**29; time.sleep(60)"), world.folder / "notebooks/eats.ipynb"
    )
    plan = replace(greedy.monitor, notebook="eats", parameters={}, limits=Limits(memory=2**28))
    with world.held_at("notebook", other) as beside:
        outcome = replace(greedy, monitor=plan).run(world.store)
    beside.join(120)
    assert (beside.exitcode, other.run(world.store).fresh) == (0, False)
    told = "The notebook took more than 256M of memory and was ended."
    assert outcome.error.startswith(told)
    assert told in outcome.page.read_text()
    assert list(world.store.runs(monitor="greedy")["state"]) == ["failed"]
