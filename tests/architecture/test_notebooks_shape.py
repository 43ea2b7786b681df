"""Every notebook keeps to the rules of notebook_rules.py, and the rules see what breaks them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.architecture.notebook_rules import complaints
from tests.architecture.public_names import public_names
from tests.rings import ROOT

TITLE = "# Drift report\n\nDid the inputs move?"
PARAMETERS = 'model_id: str = "flights"  # which model'


def notebook(*sources: str, title: str = TITLE, parameters: str = PARAMETERS) -> dict[str, Any]:
    """A notebook with a title, parameters, and one code cell for each source."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": [title]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [parameters]},
        *({"cell_type": "code", "metadata": {}, "source": [each]} for each in sources),
    ]
    for number, cell in enumerate(cells[1:]):
        cell.update(id=f"cell-{number}", outputs=[], execution_count=None)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def wrong(*sources: str, **parts: str) -> list[str]:
    return complaints("drift_report", notebook(*sources, **parts), ["Store", "compare"])


def test_every_notebook_has_the_shape() -> None:
    files = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert files
    public = public_names()
    found = [
        f"{file.name}: {complaint}"
        for file in files
        for complaint in complaints(file.stem, json.loads(file.read_text("utf-8")), public)
    ]
    assert not found, "\n".join(found)


def test_a_thin_notebook_is_fine() -> None:
    assert wrong("import mondrift as md\nstore = md.Store.open()", "md.compare(a, b)") == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def f(): pass", "cell 3: `functiondef` belongs into the package"),
        ("class A: pass", "cell 3: `classdef` belongs into the package"),
        ("for x in y: z", "cell 3: `for` belongs into the package"),
        ("try:\n    x\nfinally:\n    y", "cell 3: `try` belongs into the package"),
        ("f = lambda: 1", "cell 3: `lambda` belongs into the package"),
        ("import numpy as np", "cell 3: imports numpy"),
        ("from scipy import stats", "cell 3: imports scipy"),
        ("from mondrift.measures import ks", "cell 3: imports mondrift.measures"),
        ("from mondrift import settings", "cell 3: settings is not in mondrift.__all__"),
        ("import mondrift as m\nm.rows.read(x)", "cell 3: rows is not in mondrift.__all__"),
        ("%matplotlib inline", "cell 3 is not plain Python (magics are not)"),
        ("x\n" * 9, "cell 3: 9 statements, more than 8"),
    ],
)
def test_code_that_belongs_elsewhere_is_seen(source: str, complaint: str) -> None:
    assert complaint in wrong(source)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("x = 1  # help", "is not of the form"),
        ("x: int = 1", "has no help behind it"),
        ("x: list = [1]  # help", "not a plain scalar"),
        ("x: int = True  # help", "not a plain scalar"),
        ("x: str = f()  # help", "the value is no literal"),
        ('window_start: str = "April 22"  # help', "not an ISO date"),
    ],
)
def test_a_parameter_of_another_form_is_seen(line: str, complaint: str) -> None:
    assert [each for each in wrong(parameters=line) if complaint in each]


def test_title_question_outputs_and_ids_are_seen() -> None:
    bad = notebook("x", title="Drift report")
    bad["cells"][2].update(outputs=[{"output_type": "stream"}], id="cell-0")
    bad["cells"][1]["metadata"] = {}
    bad["metadata"] = {"widgets": {"state": {}}}
    assert complaints("drift_report", bad, []) == [
        "the first cell is not a title in Markdown",
        "the first cell asks no question",
        "0 cells are tagged `parameters`, not one",
        "committed with outputs: clear them",
        "cells without an id of their own",
        "holds widgets, which are for explore_* and incident_review",
    ]
