"""papermill runs a notebook in a kernel of its own; what goes wrong is told, and marked."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from mondrift.errors import RunError
from mondrift.run.exporter import export
from mondrift.run.limits import Limits
from mondrift.run.notebook import Execution, _sweep, execute, read_notebook
from tests.run.notebooks import made

pytestmark = pytest.mark.notebooks


@dataclass(frozen=True)
class Healthy:
    """A notebook that was executed; what was told meanwhile; whether the given one is as it was."""

    execution: Execution
    folder: Path
    said: list[str]
    untouched: bool


def run(tmp_path: Path, *sources: str, **options: Any) -> Execution:
    parameters = options.pop("parameters", 'x: str = ""  # a text')
    values = options.pop("values", {})
    return execute(made(*sources, parameters=parameters), values, folder=tmp_path, **options)


def shown(execution: Execution) -> list[str]:
    """The plain text that the cells left."""
    return [
        output.data["text/plain"]
        for cell in execution.notebook.cells
        for output in cell.get("outputs", ())
        if "data" in output
    ]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Healthy:
    """One notebook that comes to its end, with all that it is given."""
    folder, given, said = tmp_path_factory.mktemp("folder"), _given(), []
    kept = given.copy()
    execution = execute(
        given, {"x": "007"}, folder=folder, environment={"ONLY_HERE": "yes"}, progress=said.append,
        limits=Limits(memory=400 * 2**20),
    )  # fmt: skip
    return Healthy(execution, folder, said, untouched=given == kept)


def _given() -> Any:
    return made(
        "x", "import os; os.path.basename(os.getcwd())", "os.environ['ONLY_HERE']",
        "os.environ['IPYTHONDIR']", "import numpy; reserved = numpy.empty(2**30); 'reserved'",
        parameters='x: str = ""  # a text',
    )  # fmt: skip


def test_values_arrive_as_they_are_in_the_folder_with_the_environment(healthy: Healthy) -> None:
    assert healthy.execution.error == ""
    assert shown(healthy.execution)[:3] == ["'007'", repr(healthy.folder.name), "'yes'"]
    assert "ONLY_HERE" not in os.environ


def test_the_given_notebook_is_left_alone(healthy: Healthy) -> None:
    assert healthy.untouched


def test_progress_is_told_cell_by_cell(healthy: Healthy) -> None:
    assert healthy.said == [
        f"step {i} of 7" for i in range(1, 8)
    ]  # the given parameters have a cell


def test_no_folder_of_a_kernel_is_left_behind(healthy: Healthy) -> None:
    assert not Path(shown(healthy.execution)[3].strip("'")).exists()


def test_a_kernel_that_reserves_memory_and_does_not_use_it_is_left_alone(healthy: Healthy) -> None:
    assert shown(healthy.execution)[4] == "'reserved'"


def test_nothing_of_the_machine_stays_in_the_file(tmp_path: Path) -> None:
    failing = "open('/'.join(['', 'somewhere', 'secret', 'file.txt']))"
    leaves = "import os, pathlib, sys; str([os.getcwd(), sys.prefix, str(pathlib.Path.home())])"
    execution = run(tmp_path, leaves, "'/home/' + 'ann/rows.csv'", failing)
    assert shown(execution) == ["\"['…', '…', '…']\"", "'…/rows.csv'"]
    text = str(execution.notebook)
    assert set(execution.notebook.metadata) == {"kernelspec", "language_info"}
    assert "papermill" not in str([cell.metadata for cell in execution.notebook.cells[1:2]])
    for part in (str(tmp_path), "/somewhere/secret", os.path.dirname(os.__file__)):  # noqa: PTH120
        assert part not in text


def test_a_failing_cell_is_told_and_the_rest_not_run(tmp_path: Path) -> None:
    execution = run(tmp_path, "1 / 0", "'after'")
    assert execution.error == "ZeroDivisionError: division by zero"
    assert shown(execution) == []


@pytest.mark.parametrize(
    ("source", "limits", "reason"),
    [
        ("import time; time.sleep(60)", Limits(cell=1), "The step took longer than 1 s"),
        ("import time; time.sleep(60)", Limits(run=1), "The run took longer than 1 s"),
        ("import os; os.kill(os.getpid(), 9)", Limits(), "The kernel was killed or crashed"),
    ],
)
def test_what_is_ended_or_dies_is_marked_in_its_cell(
    tmp_path: Path, source: str, limits: Limits, reason: str
) -> None:
    began = time.monotonic()
    execution = run(tmp_path, "'before'", source, "'after'", limits=limits)
    assert time.monotonic() - began < 30
    assert execution.error.startswith(reason)
    assert shown(execution) == ["'before'"]
    page = export(execution.notebook).to_html()
    assert "This report could not be finished." in page
    assert reason in page


def test_a_kernel_is_ended_with_a_process_that_it_started_and_that_takes_too_much_memory(
    tmp_path: Path,
) -> None:
    where = (
        "import multiprocessing, time\n"
        "started = multiprocessing.get_context('fork').Process(target=greedy); started.start()\n"
        "started.join()"
    )
    greedy = """\
def greedy():
    import os, pathlib, time
    pathlib.Path("pid").write_text(str(os.getpid()))
    kept = [bytearray(b"x" * 2**24) for _ in range(32)]
    time.sleep(60)
    return kept"""
    limits = Limits(memory=400 * 2**20)
    execution = run(tmp_path, "'before'", greedy, where, "'after'", limits=limits)
    assert execution.error.startswith("The notebook took more than 400M of memory and was ended.")
    assert shown(execution) == ["'before'"]
    page = export(execution.notebook).to_html()
    assert "Read fewer rows or columns in it, or a shorter window." in page
    ends(int((tmp_path / "pid").read_text()))


def ends(pid: int) -> None:
    """Wait until a process is gone, or only its name is left, for its parent to read."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} lives on")


def test_runs_beside_each_other_do_not_meet(tmp_path: Path) -> None:
    source = "import os, time; time.sleep(1); (x, os.getpid())"
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda x: run(tmp_path, source, values={"x": x}), "ab"))
    texts = [shown(each)[0] for each in both]
    assert [text[:4] for text in texts] == ["('a'", "('b'"]
    assert texts[0][4:] != texts[1][4:]


def test_the_folder_of_a_run_that_was_killed_is_taken_away_by_the_next(tmp_path: Path) -> None:
    for name in ("md-of-a-dead-one", "md-of-a-living-one"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "held").touch()
        (tmp_path / name / "kernel.json").touch()
    with (tmp_path / "md-of-a-living-one" / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["md-of-a-living-one"]


def test_a_notebook_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no notebook"):
        read_notebook(tmp_path / "absent.ipynb")
    (tmp_path / "bad.ipynb").write_text("not JSON")
    with pytest.raises(RunError, match="is no notebook that can be read"):
        read_notebook(tmp_path / "bad.ipynb")
