"""`mondrift.__all__` is the public surface: complete, small, documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import mondrift
from tests.rings import ROOT

LIMIT = 25


def documents() -> str:
    """README and everything in docs/, as one text."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_all_equals_the_public_names() -> None:
    visible = {name: value for name, value in vars(mondrift).items() if not name.startswith("_")}
    ours = {
        name
        for name, value in visible.items()
        if str(getattr(value, "__module__", "")).startswith("mondrift")
    }
    assert sorted(ours - set(mondrift.__all__)) == []
    assert dir(mondrift) == sorted(mondrift.__all__)


def test_every_name_is_there() -> None:
    missing = [name for name in mondrift.__all__ if getattr(mondrift, name, None) is None]
    assert not missing, "\n".join(missing)


def test_the_names_are_few_sorted_and_listed_once() -> None:
    assert mondrift.__all__ == sorted(set(mondrift.__all__))
    assert len(mondrift.__all__) <= LIMIT


def test_every_name_explains_itself() -> None:
    silent = [name for name in mondrift.__all__ if not inspect.getdoc(getattr(mondrift, name))]
    assert not silent, "\n".join(silent)


def test_every_name_is_in_the_readme_or_the_docs() -> None:
    text = documents()
    unmentioned = [name for name in mondrift.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not unmentioned, "\n".join(unmentioned)


def test_a_star_import_brings_exactly_the_public_names() -> None:
    program = "before = set(dir()); from mondrift import *; print(*sorted(set(dir()) - before))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == sorted({*mondrift.__all__, "before"} - {"__version__"})


def test_the_version_is_that_of_pyproject_and_changelog() -> None:
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert mondrift.__version__ == declared[1]
    assert f"## [{declared[1]}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
