"""The weekly report's notebook on a small store: every chart's spec, and nothing written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mondrift import demo, embedded
from mondrift.run.notebook import execute, read_notebook
from mondrift.store import Store
from tests.notebooks.charts import charts, marks, rows_of, sections
from tests.notebooks.small_store import CHECKED, fill, fingerprint
from tests.rings import ROOT

FOUND = json.loads((ROOT / "tests/demo/expected_findings.json").read_text("utf-8"))
APRIL = FOUND["weeks"]["2013-04-22"]["performance"]

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]


@pytest.fixture(scope="module")
def shown(
    store: Store,
    database_url: str,
    servers: embedded.Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """The notebook of the week of 22 April, executed; the store was left alone."""
    run_id = fill(store)
    before = fingerprint(database_url)
    notebook = read_notebook(ROOT / "notebooks" / "drift_report.ipynb")
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url or ""}
    folder = tmp_path_factory.mktemp("run")
    done = execute(notebook, {"run_id": run_id, "top": 3}, folder=folder, environment=addresses)
    assert done.error == ""
    assert fingerprint(database_url) == before
    return done.notebook


@pytest.mark.parametrize(
    ("cell", "metric", "expected"),
    [("trend", "accuracy", "accuracy"), ("beside", "roc_auc", "auc"), ("beside", "brier", "brier")],
)
def test_metrics_are_drawn_week_by_week_over_their_reference(
    shown: Any, cell: str, metric: str, expected: str
) -> None:
    drawn = [(each, rows_of(each)) for each in charts(shown, cell)]
    ((chart, rows),) = [
        (each, rows) for each, rows in drawn if metric in {r.get("measure") for r in rows}
    ]
    weeks = {row["window_start"][:10]: row for row in rows if "window_start" in row}
    assert tuple(sorted(weeks)) == CHECKED
    assert {row["measure"] for row in weeks.values()} == {metric}
    assert weeks["2013-04-22"]["statistic"] == pytest.approx(APRIL[expected], abs=1e-6)
    reference = FOUND["reference"]["performance"][expected]
    beside = [row["statistic"] for row in rows if "window_start" not in row and "statistic" in row]
    assert pytest.approx(reference, abs=1e-6) in beside
    assert {"line", "point", "rule"} <= marks(chart)


def test_outcomes_stand_beside_what_was_expected(shown: Any) -> None:
    (chart,) = charts(shown, "outcomes")
    april = {row["series"]: row for row in rows_of(chart) if row["window"] == "2013-04-22"}
    assert {row["n"] for row in april.values()} == {APRIL["n_labelled"]}
    outcome = april.pop(f"share of {demo.TARGET}")
    (score,) = april.values()
    assert outcome["share"] == pytest.approx(APRIL["late_rate"], abs=1e-6)
    assert score["share"] == pytest.approx(APRIL["mean_score"], abs=1e-6)


def test_the_columns_that_carry_the_verdict_are_drawn_as_many_as_asked(shown: Any) -> None:
    drawn = charts(shown, "shapes")
    assert len(drawn) == 3
    titles = json.dumps([chart["title"] for chart in drawn])
    assert demo.PROBABILITY in titles
    assert demo.TARGET in titles


def test_every_column_has_its_row_and_every_week_its_cell(shown: Any) -> None:
    (overview,), (timeline,), (volume,) = (
        charts(shown, cell) for cell in ("overview", "timeline", "volume")
    )
    cells = {(row["column"], row["cell"]): row["status"] for row in rows_of(overview)}
    assert {cell for _, cell in cells} == set(CHECKED)
    assert {column for column, _ in cells} >= {*demo.SCHEDULE, *demo.WEATHER, demo.PROBABILITY}
    assert cells["temperature", "2013-04-22"] == "Alarm"
    assert cells["carrier", "2013-04-22"] == "OK"
    thresholds = {row["threshold"]: row["at"] for row in rows_of(timeline) if "threshold" in row}
    assert thresholds == {"Warning": 0.1, "Alarm": 0.25}
    assert [row["n_current"] for row in rows_of(volume)] == [1277, 1288, 1378]


def test_the_verdict_comes_first_with_its_reasons(shown: Any) -> None:
    banner = sections(shown, "verdict")[0]
    assert (banner["type"], banner["status"]) == ("banner", "alarm")
    assert banner["title"].startswith("Accuracy fell by 15.9 points; the inputs do not explain it")


def test_every_chart_is_described_for_those_who_cannot_see_it(shown: Any) -> None:
    assert [chart for chart in charts(shown) if not chart.get("description")] == []
