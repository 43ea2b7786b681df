"""`mondrift init` lays out what the package brings, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mondrift.errors import RunError
from mondrift.run.workspace import Workspace, lay_out, layout


def test_notebooks_and_params_come_with_the_package() -> None:
    assert (layout() / "notebooks" / "drift_report.ipynb").is_file()
    assert (layout() / "params" / "monitors" / "flights_weekly.yaml").is_file()


def test_a_folder_is_laid_out_and_what_is_there_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "params" / "monitors" / "flights_weekly.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    written, kept = lay_out(tmp_path)
    assert Path("notebooks/drift_report.ipynb") in written
    assert Path("params/monitors/flights_weekly.yaml") in kept
    assert own.read_text() == "mine"
    assert lay_out(tmp_path)[0] == ()
    assert Workspace(tmp_path).notebook("drift_report").is_file()
    assert Workspace(tmp_path).reports.is_dir()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be laid out"):
        lay_out(tmp_path / "file")
