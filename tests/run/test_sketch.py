"""The file that `monitors new` writes: it says what the store knows, and passes every check."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mondrift.run.document import parse_document
from mondrift.run.fitting import check_notebook
from mondrift.run.plan import Monitor, Reference, monitor_of
from mondrift.run.sketch import Facts, default_name, sketch
from mondrift.run.workspace import Workspace
from mondrift.schema import Schema
from tests.rings import ROOT

HERE = Workspace(ROOT)
TODAY = date(2026, 6, 3)  # a Wednesday
KINDS: Any = {"x": "numeric", "plan": "categorical", "region": "categorical", "at": "datetime"}
SCHEMA = Schema(timestamp="at", segments=("region",), kinds=KINDS)
FACTS = Facts("shop", SCHEMA, date(2026, 1, 1), 300.0, 1)


def read(facts: Facts, notebooks: Path = ROOT / "notebooks") -> Monitor:
    path = Path(f"{default_name(facts)}.yaml")
    document = parse_document(sketch(facts, notebooks, TODAY), path)
    return monitor_of(document, also=lambda found: check_notebook(found, HERE))


def test_the_model_its_volume_and_its_first_row_are_in_it() -> None:
    plan = read(FACTS)
    assert (plan.name, plan.model, plan.notebook) == ("shop_weekly", "shop", "drift_report")
    assert str(plan.calendar.length) == "7D"
    assert plan.calendar.start == date(2025, 12, 29)  # the Monday of the first row's week
    assert (plan.segments, plan.reference) == (("region",), Reference())
    text = sketch(FACTS, ROOT / "notebooks", TODAY)
    assert "about 300 rows a day" in text
    assert "# top: 8" in text


def test_many_rows_make_days_and_no_rows_begin_today() -> None:
    assert str(read(replace(FACTS, daily=5e4)).calendar.length) == "1D"
    assert read(replace(FACTS, daily=5e4)).calendar.start == date(2026, 1, 1)
    empty = read(Facts("shop", Schema(), None, 0.0, 0))
    assert empty.calendar.start == date(2026, 6, 1)
    assert empty.reference == Reference("previous window")


def test_the_performance_report_is_chosen_where_there_are_targets_and_it_is_there(
    tmp_path: Path,
) -> None:
    facts = replace(FACTS, schema=replace(SCHEMA, target="plan"))
    assert read(facts).notebook == "performance_report"
    only = tmp_path / "drift_report.ipynb"
    only.write_bytes((ROOT / "notebooks" / "drift_report.ipynb").read_bytes())
    assert read(facts, tmp_path).notebook == "drift_report"


@pytest.mark.parametrize(
    "name", ["a: b", "$x ${y}", "# no", "- [", "ä'\"\n\u2028*&!", "yes", "7", "x" * 300, "\x00"]
)
def test_hostile_names_are_values_and_harmless_comments(name: str) -> None:
    kinds: Any = {name: "categorical", "at": "datetime"}
    schema = Schema(timestamp="at", segments=(name,), kinds=kinds)
    plan = read(replace(FACTS, model_id=name, schema=schema))
    assert (plan.model, plan.segments) == (name, (name,))
