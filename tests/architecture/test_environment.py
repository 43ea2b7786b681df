"""The ways to install mondrift agree: pyproject, constraints, conda's environment, the Makefile."""

from __future__ import annotations

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import oldest, rings
from tests.rings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
# The packages that the user named, and what conda calls them where that differs.
NAMED = {
    **{name: name for name in ("jupyterlab", "papermill", "pandas", "scipy", "numpy", "altair")},
    **{name: name for name in ("ipywidgets", "sqlalchemy", "nbval", "pytest")},
    "psycopg2-binary": "psycopg2",
    "redis": "redis-py",
}
LINE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][a-z0-9.]*")


def requirements() -> dict[str, Requirement]:
    """Every direct requirement, those of the extras included, by its canonical name."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in found if each.name != "mondrift"}


def constraints() -> dict[str, str]:
    """Name → version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_pyproject_has_the_named_packages() -> None:
    assert sorted(NAMED.keys() - requirements().keys()) == []


def test_conda_has_the_named_packages_under_its_own_names() -> None:
    strings = [each for each in CONDA["dependencies"] if isinstance(each, str)]
    names = {re.split(r"[ =<>]", each)[0] for each in strings}
    assert sorted(set(NAMED.values()) - names) == []
    assert {"python", "pip", "postgresql"} <= names
    assert names & {"valkey", "redis-server"}


def test_conda_takes_the_rest_through_pip_and_everything_else_from_conda_forge() -> None:
    through_pip = [each for each in CONDA["dependencies"] if isinstance(each, dict)]
    assert through_pip == [{"pip": ["-e .[lab]"]}]
    assert CONDA["channels"][0] == "conda-forge"
    assert set(CONDA["channels"]) <= {"conda-forge", "nodefaults"}


def test_python_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert "python >=3.11" in CONDA["dependencies"]
    assert "(3, 11)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_constraints_hold_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not line.startswith("#") and not LINE.fullmatch(line)]
    assert not wrong, "\n".join(wrong)


def test_constraints_meet_every_direct_requirement() -> None:
    locked = constraints()
    unmet = [
        f"{requirement} but constraints.txt has {locked.get(name)}: make lock"
        for name, requirement in requirements().items()
        if name not in locked or not requirement.specifier.contains(locked[name])
    ]
    assert not unmet, "\n".join(unmet)


def test_every_dependency_declares_a_lower_bound_that_is_tested() -> None:
    tested = {Requirement(line).name for line in oldest.constraints(PROJECT["project"])}
    declared = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert sorted(declared - tested) == []


def test_the_makefile_budgets_every_ring_and_stays_below_ten_minutes() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    line = re.search(r"^RINGS := (.+)$", text, re.MULTILINE)
    assert line is not None
    budgets = dict(rings.budget(each) for each in line[1].split())
    assert list(budgets) == list(rings.RINGS)
    assert sum(budgets.values()) / rings.LANES < 10


def test_every_marker_has_its_ring() -> None:
    declared = PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    assert {each.partition(":")[0] for each in declared} == set(rings.MARKERS)
    assert set(rings.MARKERS) <= set(rings.RINGS)


def test_every_target_of_the_makefile_is_in_its_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    helped = re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE)
    assert sorted(helped) == sorted(phony[1].split())
