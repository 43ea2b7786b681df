"""papermill runs a notebook in a kernel of its own; what goes wrong is told, and marked."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
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


def test_values_arrive_as_they_are_in_the_folder_with_the_environment(tmp_path: Path) -> None:
    execution = run(
        tmp_path, "x", "import os; os.path.basename(os.getcwd())", "os.environ['ONLY_HERE']",
        values={"x": "007"}, environment={"ONLY_HERE": "yes"},
    )  # fmt: skip
    assert execution.error == ""
    assert shown(execution) == ["'007'", repr(tmp_path.name), "'yes'"]
    assert "ONLY_HERE" not in os.environ


def test_the_given_notebook_is_left_alone(tmp_path: Path) -> None:
    notebook = made("1 + 1")
    before = notebook.copy()
    execute(notebook, {"run_id": "a"}, folder=tmp_path)
    assert notebook == before


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


def test_progress_is_told_cell_by_cell(tmp_path: Path) -> None:
    said: list[str] = []
    run(tmp_path, "1", "2", progress=said.append)
    assert said == ["step 1 of 3", "step 2 of 3", "step 3 of 3"]


def test_a_failing_cell_is_told_and_the_rest_not_run(tmp_path: Path) -> None:
    execution = run(tmp_path, "1 / 0", "'after'")
    assert execution.error == "ZeroDivisionError: division by zero"
    assert shown(execution) == []


@pytest.mark.parametrize(
    ("source", "limits", "reason"),
    [
        ("import time; time.sleep(60)", Limits(cell=1), "The step took longer than 1 s"),
        ("import time; time.sleep(60)", Limits(run=3), "The run took longer than 3 s"),
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


@pytest.mark.parametrize("where", ["x = greedy(); x[:9]", "import multiprocessing, time\n"
    "started = multiprocessing.get_context('fork').Process(target=greedy); started.start()\n"
    "started.join()"])  # fmt: skip
def test_a_kernel_that_takes_too_much_memory_is_ended_with_what_it_started(
    tmp_path: Path, where: str
) -> None:
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


def test_a_kernel_that_reserves_memory_and_does_not_use_it_is_left_alone(tmp_path: Path) -> None:
    reserves = "import numpy; x = numpy.empty(2**30); 'reserved'"
    execution = run(tmp_path, reserves, limits=Limits(memory=400 * 2**20))
    assert (execution.error, shown(execution)) == ("", ["'reserved'"])


def test_runs_beside_each_other_do_not_meet(tmp_path: Path) -> None:
    source = "import os, time; time.sleep(1); (x, os.getpid())"
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda x: run(tmp_path, source, values={"x": x}), "ab"))
    texts = [shown(each)[0] for each in both]
    assert [text[:4] for text in texts] == ["('a'", "('b'"]
    assert texts[0][4:] != texts[1][4:]


def test_no_folder_of_a_kernel_is_left_behind(tmp_path: Path) -> None:
    execution = run(tmp_path, "import os; os.environ['IPYTHONDIR']")
    assert not Path(shown(execution)[0].strip("'")).exists()


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
