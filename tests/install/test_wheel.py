"""The wheel is complete: in an empty environment and an empty folder it does what a clone does."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.rings import NOT_OURS, ROOT

pytestmark = pytest.mark.install

# Folder of the repository → where the wheel carries it.
CARRIED = {
    "mondrift": "mondrift",
    "notebooks": "mondrift/_layout/notebooks",
    "params": "mondrift/_layout/params",
}
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", ".keep"}
MEGABYTES = 4


def run(*command: str | Path, folder: Path) -> str:
    """Runs a command in a folder, without the caller's settings; returns what it printed."""
    theirs = {*NOT_OURS, "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in theirs}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def names(wheel: Path) -> set[str]:
    """The files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree without asking the network."""
    folder = tmp_path_factory.mktemp("dist")
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT),
        folder=ROOT,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an empty environment with the wheel, and the dependencies of this one.

    The dependencies come through a path file: its folder is searched, but the path files in that
    folder are not read, so the editable install of this tree stays unseen.
    """
    environment = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=environment.parent)
    python = environment / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-deps", "--no-index", wheel),
        folder=environment.parent,
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(shared)), encoding="utf-8")
    return python.parent


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder of somebody who has just installed mondrift."""
    folder = tmp_path / "somewhere"
    folder.mkdir()
    return folder


def test_the_wheel_carries_every_file_of_package_notebooks_and_params(wheel: Path) -> None:
    expected = {
        f"{there}/{file.relative_to(ROOT / here).as_posix()}"
        for here, there in CARRIED.items()
        for file in (ROOT / here).rglob("*")
        if file.is_file() and not LEFT_OUT & {*file.parts}
    }
    assert sorted(expected - names(wheel)) == []


@pytest.mark.parametrize(
    "part",
    [
        "mondrift/_layout/notebooks/drift_report.ipynb",
        "mondrift/_layout/params/thresholds.yaml",
        "mondrift/_layout/params/monitors/flights_weekly.yaml",
        "mondrift/page/assets/vega.js.gz",
        "mondrift/page/templates/report.html.j2",
        "mondrift/demo/data/flights.csv.gz",
        "mondrift/store/migrations/versions/0001_first_tables.py",
        "mondrift/py.typed",
    ],
)
def test_the_wheel_carries(wheel: Path, part: str) -> None:
    assert part in names(wheel)


def test_the_wheel_carries_nothing_else_and_stays_small(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mondrift"}
    assert wheel.stat().st_size < MEGABYTES * 2**20


def test_the_installed_package_is_not_this_tree(programs: Path, empty: Path) -> None:
    said = run(programs / "python", "-c", "import mondrift; print(mondrift.__file__)", folder=empty)
    assert Path(said.strip()).is_relative_to(programs.parent)


def test_the_command_explains_itself(programs: Path, empty: Path) -> None:
    said = run(programs / "mondrift", "--help", folder=empty)
    assert "init" in said
    assert "demo" in said


def test_init_lays_out_notebooks_and_params(programs: Path, empty: Path) -> None:
    run(programs / "mondrift", "init", "watch", folder=empty)
    laid = {file.relative_to(empty).as_posix() for file in empty.rglob("*") if file.is_file()}
    assert "watch/notebooks/drift_report.ipynb" in laid
    assert "watch/params/thresholds.yaml" in laid
    assert "watch/params/monitors/flights_weekly.yaml" in laid


def test_two_bare_files_are_compared_without_a_server(programs: Path, empty: Path) -> None:
    rows = [f"{i},{'ab'[i % 2]}" for i in range(200)]
    (empty / "reference.csv").write_text("\n".join(["size,kind", *rows]), encoding="utf-8")
    (empty / "current.csv").write_text("\n".join(["size,kind", *rows[::-1]]), encoding="utf-8")
    run(
        *(programs / "mondrift", "compare", "reference.csv", "current.csv"),
        *("--html", "page.html"),
        folder=empty,
    )
    assert "size" in (empty / "page.html").read_text(encoding="utf-8")
    assert sorted(file.name for file in empty.iterdir()) == [
        "current.csv",
        "page.html",
        "reference.csv",
    ]
