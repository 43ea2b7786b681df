"""A terminal sees how far a comparison is; a pipe gets the answer and nothing else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mondrift.cli import main

CALL = (sys.executable, "-c", "from mondrift.cli import main; main()", "compare")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two files of twelve columns, one of them a segment of three levels."""
    for seed, name in enumerate(("reference.csv", "current.csv")):
        generator = np.random.default_rng(seed)
        frame = pd.DataFrame(generator.normal(size=(200, 11))).add_prefix("x")
        frame.assign(plan=generator.choice(list("abc"), 200)).to_csv(tmp_path / name, index=False)
    return str(tmp_path / "reference.csv"), str(tmp_path / "current.csv")


def on_a_terminal(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout (a file) and stderr (a terminal of its own) of a comparison."""
    ours, theirs = pty.openpty()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen([*CALL, *arguments], stdout=told, stderr=theirs) as process,
    ):
        os.close(theirs)
        seen = b""
        try:
            while found := os.read(ours, 4096):
                seen += found
        except OSError:  # Linux tells the end of a terminal by an error
            pass
        os.close(ours)
        code = process.wait()
        told.seek(0)
        return code, told.read().decode(), seen.decode()


def test_a_terminal_shows_a_bar_that_fills_and_is_wiped_beside_json(files: tuple[str, str]) -> None:
    code, told, seen = on_a_terminal(*files, "--segment", "plan", "--json")
    assert code == 0
    drawn = [line for line in seen.split("\r") if line.startswith("comparing columns")]
    assert drawn[0] == f"comparing columns [{'':-<30}] 1 of 48"
    assert drawn[11] == f"comparing columns [{'#' * 7:-<30}] 12 of 48"
    assert drawn[-1] == f"comparing columns [{'#' * 30}] 48 of 48"
    assert len(drawn) == 48  # twelve columns, in the whole and in three segments
    assert seen.endswith(f"\r{' ' * len(drawn[-1])}\r")
    assert "status" in json.loads(told)


def test_a_pipe_has_no_bar(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", *files], standalone_mode=False)
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out and "\r" not in told.out
