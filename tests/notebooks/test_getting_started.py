"""Two DataFrames, five lines, no server: the first notebook that a person runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mondrift.run.exporter import export
from mondrift.run.notebook import Execution
from tests.notebooks.charts import charts, marks, rows_of, sections
from tests.rings import ROOT

pytestmark = pytest.mark.notebooks

# pytest with nbval, which loads nbformat.
NBVAL = """\
import pytest, sys
from mondrift.lean import lean_imports
with lean_imports():
    code = pytest.main(sys.argv[1:])
sys.exit(code)
"""
NOTEBOOK = ROOT / "notebooks" / "getting_started.ipynb"


def test_it_runs_from_the_first_cell_to_the_last(tmp_path: Path) -> None:
    pytest.importorskip("nbval")
    shutil.copy(NOTEBOOK, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")  # our own options are not for notebooks
    command = ["-q", "--nbval-lax", "--nbval-current-env", NOTEBOOK.name, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", NBVAL, *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_finds_what_was_put_into_it_and_nothing_else(
    executed: Callable[..., Execution],
) -> None:
    done = executed("getting_started", income_factor=1.0)
    banner, _ = sections(done.notebook, "verdict")
    assert (banner["status"], banner["text"]) == ("alarm", "1 of 3 columns drifted: channel")
    income, channel = charts(done.notebook)
    for chart in (income, channel):
        shares = {"reference": 0.0, "current": 0.0}
        for row in rows_of(chart):
            shares[row["window"]] += row["share"]
        assert shares == pytest.approx({"reference": 1.0, "current": 1.0})
    assert marks(channel) == {"rect"}
    levels = {(row["label"], row["window"]): row["count"] for row in rows_of(channel)}
    assert (levels["phone", "reference"], levels["phone", "current"]) == (143, 0)
    unseen = "(unseen levels)"
    assert (levels[unseen, "reference"], levels[unseen, "current"]) == (0, 143)
    page = export(done.notebook).to_html()
    assert "Getting started" in page
    assert banner["text"] in page
