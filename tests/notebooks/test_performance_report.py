"""The performance report's notebook: every kind of model is answered and drawn, none breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mondrift import embedded
from mondrift.run.notebook import execute, read_notebook
from mondrift.store import Store
from tests.notebooks import small_models
from tests.notebooks.charts import charts, marks, rows_of, sections
from tests.notebooks.small_store import fingerprint
from tests.rings import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.notebooks]


@pytest.fixture(scope="module")
def show(
    database_url: str, servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Any]:
    """The notebook of one check, executed."""
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url or ""}

    def shown(run_id: str, name: str = "performance_report") -> Any:
        notebook = read_notebook(ROOT / "notebooks" / f"{name}.ipynb")
        folder = tmp_path_factory.mktemp("run")
        done = execute(notebook, {"run_id": run_id}, folder=folder, environment=addresses)
        assert done.error == ""
        return done.notebook

    return shown


@pytest.fixture(scope="module")
def loans(store: Store, database_url: str, show: Callable[[str], Any]) -> Any:
    """A binary model on the day on which it became wrong in the north; the store is left alone."""
    run_id = small_models.watch_loans(store)
    before = fingerprint(database_url)
    shown = show(run_id)
    assert fingerprint(database_url) == before
    return shown


@pytest.fixture(scope="module")
def prices(store: Store, show: Callable[[str], Any]) -> Any:
    """A model of numbers whose errors have doubled."""
    return show(small_models.watch_prices(store))


@pytest.fixture(scope="module")
def fruits(store: Store, show: Callable[[str], Any]) -> tuple[Any, Any]:
    """A model of three classes: a day without labels, and a window without rows."""
    unlabelled, empty = small_models.watch_fruits(store)
    return show(unlabelled), show(empty)


def banner(notebook: Any) -> dict[str, Any]:
    return sections(notebook, "appraise")[0]


def said(notebook: Any, cell: str) -> str:
    """The words of a cell's sections."""
    return " ".join(str(each.get("text", "")) for each in sections(notebook, cell))


def test_the_answer_comes_first_with_where_and_what_to_do(loans: Any) -> None:
    told = banner(loans)
    assert (told["type"], told["status"]) == ("banner", "alarm")
    assert re.fullmatch(r"No: accuracy fell by \d\d\.\d points, to \d\d\.\d %\.", told["title"])
    kinds = [reason.partition(":")[0] for reason in told["reasons"]]
    assert kinds == ["Since when", "Where", "Why", "What to do"]
    assert "region=north" in told["reasons"][1].partition("no drop is shown in")[0]
    assert "region=south" in told["reasons"][1].partition("no drop is shown in")[2]


def test_the_trend_has_its_interval_the_reference_and_the_threshold(loans: Any) -> None:
    (chart,) = charts(loans, "trend")
    rows = rows_of(chart)
    days = {row["window_start"][:10]: row for row in rows if "window_start" in row}
    assert tuple(sorted(days)) == small_models.DAYS
    rows_then = small_models.loans(small_models.DAYS[-1])
    right = float((rows_then["said"] == rows_then["defaulted"]).mean())
    assert days[small_models.DAYS[-1]]["statistic"] == pytest.approx(right)
    (reference,) = [row for row in rows if row.get("what") == "reference"]
    assert reference["low"] < reference["statistic"] < reference["high"]
    (alarm,) = [row["at"] for row in rows if row.get("threshold") == "Alarm from here"]
    assert alarm == pytest.approx(reference["statistic"] - 0.05)
    assert {"rect", "line", "point", "rule"} <= marks(chart)


def test_segments_stand_with_the_worst_first(loans: Any) -> None:
    (chart,) = charts(loans, "segments")
    rows = {row["segment"]: row["status"] for row in rows_of(chart)}
    assert list(rows.items()) == [("region=north", "Alarm"), ("region=south", "OK")]


def test_scores_and_classes_are_looked_at_closely(loans: Any) -> None:
    (curve,) = charts(loans, "calibration")
    assert curve["title"]["text"].startswith("Expected calibration error")
    assert {row["window"] for row in rows_of(curve) if "window" in row} == {"reference", "current"}
    (matrix,) = charts(loans, "confusion")
    cells = [row for row in rows_of(matrix) if row["window"] == "current"]
    assert sum(row["count"] for row in cells) == small_models.N
    assert {row["target"] for row in cells} == {"defaulted = 0", "defaulted = 1"}


def test_labels_and_estimates_stand_beside_what_was_realised(loans: Any) -> None:
    (labels,) = charts(loans, "labels")
    shares = {(row["window_start"][:10], row["series"]): row["share"] for row in rows_of(labels)}
    assert shares[small_models.DAYS[-1], "by now"] == 1.0
    (estimated,) = charts(loans, "estimated")
    last = {row["series"]: row["statistic"] for row in rows_of(estimated)
            if row.get("window_start", "").startswith(small_models.DAYS[-1])}  # fmt: skip
    assert last["estimated"] > last["realised"] + 0.1  # it is blind to another concept


def test_a_model_of_numbers_is_told_by_its_mean_error(prices: Any) -> None:
    assert banner(prices)["status"] == "alarm"
    assert banner(prices)["title"].startswith("No: MAE rose by ")
    (trend,) = charts(prices, "trend")
    drawn = [row for row in rows_of(trend) if "window_start" in row]
    assert {row["measure"] for row in drawn} == {"mae"}
    (alarm,) = [row["at"] for row in rows_of(trend) if "threshold" in row]
    (before,) = [row["statistic"] for row in rows_of(trend) if row.get("what") == "reference"]
    assert alarm == pytest.approx(1.1 * before)
    metrics = {row["measure"] for chart in charts(prices, "beside") for row in rows_of(chart)
               if "measure" in row}  # fmt: skip
    assert metrics == {"bias", "rmse"}
    assert said(prices, "calibration") == "No probabilities in this model: no calibration."
    assert "predicts numbers" in said(prices, "confusion")


def test_without_labels_the_estimate_answers_and_says_that_it_is_one(
    fruits: tuple[Any, Any],
) -> None:
    unlabelled, _ = fruits
    assert banner(unlabelled)["status"] == "inconclusive"
    assert "accuracy is estimated at" in banner(unlabelled)["title"]
    (chart,) = charts(unlabelled, "estimated")
    assert {row["series"] for row in rows_of(chart) if "series" in row} == {"estimated"}
    assert charts(unlabelled, "trend") == []
    assert said(unlabelled, "trend").startswith("No window has a value of accuracy")


def test_a_window_without_rows_says_so_and_draws_nothing_of_it(fruits: tuple[Any, Any]) -> None:
    _, empty = fruits
    assert banner(empty)["status"] == "inconclusive"
    assert banner(empty)["title"].startswith("Not known: ")
    assert said(empty, "labels").startswith("This window has no rows to label.")


def test_every_chart_is_described_for_those_who_cannot_see_it(
    loans: Any, prices: Any, fruits: tuple[Any, Any]
) -> None:
    for notebook in (loans, prices, *fruits):
        assert [chart for chart in charts(notebook) if not chart.get("description")] == []


def test_the_drift_report_of_a_model_of_numbers_draws_its_errors(
    store: Store, prices: Any, show: Callable[..., Any]
) -> None:
    run_id = store.runs(model_id="prices", last=1)["run_id"][0]
    drift = show(run_id, "drift_report")
    (trend,) = charts(drift, "trend")
    assert {row["measure"] for row in rows_of(trend) if "measure" in row} == {"mae"}
    assert said(drift, "outcomes").startswith("No scores to hold against outcomes")


def test_the_drift_report_of_a_model_without_a_target_says_so(
    store: Store, show: Callable[..., Any]
) -> None:
    drift = show(small_models.watch_clicks(store), "drift_report")
    assert charts(drift, "trend") == []
    assert said(drift, "trend").startswith("No window has a value of ")
    assert charts(drift, "shapes") and charts(drift, "timeline")
