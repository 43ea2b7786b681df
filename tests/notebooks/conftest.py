"""Executed notebooks, as the runner executes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mondrift.run.notebook import Execution, execute, read_notebook
from mondrift.run.parameters import Scalar
from tests.rings import ROOT


@pytest.fixture
def executed(tmp_path: Path) -> Callable[..., Execution]:
    """`executed("drift_report", environment={...}, weeks=3)` → Execution, without an error."""

    def run(name: str, environment: dict[str, str] | None = None, **values: Scalar) -> Execution:
        notebook = read_notebook(ROOT / "notebooks" / f"{name}.ipynb")
        done = execute(notebook, values, folder=tmp_path, environment=environment)
        assert done.error == ""
        return done

    return run
