"""The demo from an empty store to the index: what mondrift finds is what was found without it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mondrift import demo, embedded
from mondrift.comparison import Comparison
from mondrift.demo.play import MONITOR, PERFORMANCE, TOLD, play
from mondrift.run.archive import Archive, Record
from mondrift.run.workspace import Workspace, lay_out
from mondrift.store import Store
from mondrift.verdict import Verdict
from tests.browser.conftest import launched, open_page  # noqa: F401  open_page is a fixture

pytestmark = [pytest.mark.servers, pytest.mark.demo]

EXPECTED = json.loads((Path(__file__).parent / "expected_findings.json").read_text("utf-8"))
WEEKS = {week.monday.isoformat(): week for week in demo.WEEKS}
FEBRUARY, APRIL, JULY, SEPTEMBER, DECEMBER = WEEKS


@dataclass
class Played:
    store: Store
    workspace: Workspace
    said: list[str]
    records: dict[str, Record]
    long: dict[str, Record]

    def verdict(self, monday: str) -> Verdict:
        return self.store.verdict(self.records[monday].run_id)

    def alerts(self, monday: str) -> dict[str, tuple[str, str]]:
        """{kind: (severity, text)}"""
        frame = self.store.alerts(demo.MODEL_ID)
        found = frame[frame["run_id"] == self.records[monday].run_id]
        return {a.kind: (a.severity, a.text) for a in found.itertuples()}


@pytest.fixture(scope="module")
def played(
    new_database: Callable[[], str],
    servers: embedded.Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    folder = tmp_path_factory.mktemp("demo")
    lay_out(folder)
    url = new_database()
    with pytest.MonkeyPatch.context() as patch:  # the kernels find the store by the environment
        patch.setenv("DATABASE_URL", url)
        patch.setenv("REDIS_URL", servers.redis_url or "")
        patch.delenv("ALERT_WEBHOOK_URL", raising=False)
        with Store.open() as store:
            said: list[str] = []
            workspace = Workspace(folder)
            index = play(store, workspace, lambda words, *, step=False: said.append(words))
            assert index == folder / "reports" / "index.html"
            records = {
                (r.monitor, r.window["start"]): r for r in Archive(workspace.reports).records()
            }
            by_week = {
                name: records[MONITOR, week.start.isoformat()] for name, week in WEEKS.items()
            }
            long = {start[:10]: r for (name, start), r in records.items() if name == PERFORMANCE}
            yield Played(store, workspace, said, by_week, long)


def value(comparison: Comparison, measure: str, column: str = "", segment: str = "") -> float:
    return next(
        m.statistic
        for m in comparison.measurements
        if m.measure == measure and m.segment == segment and column in ("", m.column)
    )


def test_all_flights_and_labels_are_in_the_store(played: Played) -> None:
    assert "     67,523 predictions logged" in played.said
    assert "     65,644 labels arrived, each at the minute of landing" in played.said
    assert played.store.baseline(demo.MODEL_ID).n == EXPECTED["reference"]["performance"]["n"]


@pytest.mark.parametrize("monday", WEEKS)
def test_each_week_leaves_its_four_files_without_a_failure(played: Played, monday: str) -> None:
    record = played.records[monday]
    folder = played.workspace.reports / MONITOR / record.run_id
    assert (record.state, record.error) == ("finished", "")
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sorted(sizes) == ["metrics.json", "notebook.ipynb", "report.html", "run.json"]
    assert sizes["report.html"] < 1_400_000
    assert record.headline in (played.workspace.reports / "index.html").read_text()


@pytest.mark.parametrize("monday", WEEKS)
def test_performance_is_what_scikit_learn_found(played: Played, monday: str) -> None:
    comparison = played.verdict(monday).comparison
    for segment, expected in [
        ("", EXPECTED["weeks"][monday]["performance"]),
        *((f"origin={o}", e) for o, e in EXPECTED["weeks"][monday]["by_origin"].items()),
    ]:
        for ours, theirs in (("accuracy", "accuracy"), ("roc_auc", "auc"), ("brier", "brier"),
                             ("f1", "f1"), ("label_coverage", "label_coverage")):  # fmt: skip
            found = value(comparison, ours, segment=segment)
            assert found == pytest.approx(expected[theirs], abs=1e-6), (segment, ours)
    assert comparison.current.n == EXPECTED["weeks"][monday]["performance"]["n"]


@pytest.mark.parametrize("monday", WEEKS)
def test_drift_is_what_scipy_found(played: Played, monday: str) -> None:
    """The check answers from counts: a distance at the cells' borders, and what they could hide."""
    comparison = played.verdict(monday).comparison
    for column, expected in EXPECTED["weeks"][monday]["numeric"].items():
        found = next(
            m for m in comparison.measurements
            if (m.measure, m.column, m.segment) == ("ks", column, "")
        )  # fmt: skip
        assert found.detail["from"] == "counts"
        true, most = expected["ks"]["statistic"], found.detail.get("at_most", found.statistic)
        assert found.statistic - 1e-6 <= true <= most + 1e-6, column
        assert true - found.statistic < 0.002, column


@pytest.mark.parametrize(
    ("monday", "status", "fell"),
    [(FEBRUARY, "ok", 0), (APRIL, "alarm", 2), (JULY, "alarm", 3), (SEPTEMBER, "ok", 0),
     (DECEMBER, "alarm", 3)],
)  # fmt: skip
def test_accuracy_is_judged_over_all_and_by_origin(
    played: Played, monday: str, status: str, fell: int
) -> None:
    judged = [f for f in played.verdict(monday).findings if f.check == "accuracy"]
    assert [f.status for f in judged if not f.segment] == [status]
    assert sum(f.status == "alarm" for f in judged if f.segment) == fell


@pytest.mark.parametrize(
    ("monday", "score", "schedule_and_weather"),
    [(FEBRUARY, "ok", "alarm"), (APRIL, "warning", "alarm"), (JULY, "alarm", "alarm"),
     (SEPTEMBER, "alarm", "alarm"), (DECEMBER, "ok", "alarm")],
)  # fmt: skip
def test_scores_and_weather_are_judged(
    played: Played, monday: str, score: str, schedule_and_weather: str
) -> None:
    columns = {
        f.column: f.status
        for f in played.verdict(monday).findings
        if f.family == "drift" and not f.segment
    }
    assert columns["score"] == score
    assert columns["temperature"] == schedule_and_weather
    for quiet in ("scheduled_hour", "distance", "carrier", "origin"):
        assert columns[quiet] == "ok"


def test_nobody_is_paged_for_the_weather(played: Played) -> None:
    alerts = played.alerts(FEBRUARY)
    assert {severity for severity, _ in alerts.values()} <= {"low"}
    assert "with the season" in alerts["data_drift"][1]


def test_each_week_tells_its_story(played: Played) -> None:
    headlines = {monday: record.headline for monday, record in played.records.items()}
    assert "accuracy held at" in headlines[FEBRUARY]
    assert headlines[APRIL] == "Accuracy fell by 15.9 points; the inputs do not explain it"
    assert headlines[JULY].startswith("Accuracy fell by 17.6 points, while weather")
    assert "accuracy rose to 87.6 %" in headlines[SEPTEMBER]
    assert headlines[DECEMBER] == (
        "Accuracy fell by 15.0 points; the inputs explain only a part of it"
    )
    severities = {monday: {s for s, _ in played.alerts(monday).values()} for monday in WEEKS}
    assert all("critical" in severities[monday] for monday in (APRIL, JULY, DECEMBER))
    assert not severities[SEPTEMBER] & {"critical"}
    april = played.alerts(APRIL)["performance_degradation"][1]
    assert "origin=LGA" in april
    assert "origin=EWR" in april
    assert "no drop is shown in origin=JFK" in april
    words = " ".join(text for monday in WEEKS for _, text in played.alerts(monday).values())
    assert "furlough" not in words
    assert "storm" not in words


def test_whether_the_model_still_works_is_answered_for_longer_windows(played: Played) -> None:
    assert sorted(played.long) == list(TOLD)
    words = "\n".join(played.said)
    assert "28 days from 2 December 2013: does the model still work? No: accuracy fell by" in words
    checked = played.store.history(
        demo.MODEL_ID, measures="accuracy", monitor=PERFORMANCE, whole=True
    )
    assert checked["window_start"].nunique() == 13
    sent = {kind for record in played.long.values() for kind in [record.state, record.error]}
    assert sent == {"finished", ""}


def test_the_webhook_got_what_a_report_explains(played: Played) -> None:
    outbox = played.store.outbox.to_frame()
    assert set(outbox["state"]) == {"sent"}
    told = "\n".join(played.said)
    assert f"The webhook got {len(outbox)} messages" in told
    gravest = told.split("The gravest:")[1]
    assert re.search(r"\[critical(, still)?\] flights: accuracy fell by", gravest)
    assert "report.html" in gravest


def test_nothing_of_this_machine_or_its_secrets_is_in_the_archive(
    played: Played, servers: embedded.Servers
) -> None:
    password = servers.database_url.split("@")[0].rpartition(":")[2]
    for path in (played.workspace.reports / MONITOR).glob("*/*"):
        text = path.read_text("utf-8")
        assert str(played.workspace.folder) not in text, path.name
        assert len(password) < 8 or password not in text, path.name


def test_a_second_performance_repeats_nothing_and_is_quick(played: Played) -> None:
    before = (len(played.store.runs()), len(played.store.outbox.to_frame()))
    said: list[str] = []
    began = time.monotonic()
    play(played.store, played.workspace, lambda words, *, step=False: said.append(words))
    assert time.monotonic() - began < 30
    assert (len(played.store.runs()), len(played.store.outbox.to_frame())) == before
    assert "     67,523 flights and their labels are in the store already" in said
    assert sum("report is there" in words for words in said) == len(WEEKS) + len(TOLD)


@pytest.fixture
def chromium() -> Iterator[Any]:
    """For one test only: papermill's loop cannot run beside that of the browser."""
    yield from launched()


def test_each_page_opens_with_the_network_off_and_draws_every_chart(
    played: Played,
    open_page: Callable[..., Any],  # noqa: F811
) -> None:
    for monday, width in [*((monday, 1200) for monday in WEEKS), (APRIL, 390)]:
        path = played.workspace.reports / MONITOR / played.records[monday].run_id / "report.html"
        opened = open_page(path, width=width).drawn()
        page = opened.page
        charts = page.locator("figure[data-chart]").count()
        assert charts >= 10
        assert page.locator("figure[data-chart=drawn]").count() == charts
        overview = page.locator("figure[data-chart]").first
        overview.locator(".mark-rect path").nth(3).hover(force=True)
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for(timeout=10_000)
        assert "statistic" in tip.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (opened.requests, opened.messages) == ([], [])
        page.close()
    for record in played.long.values():
        path = played.workspace.reports / PERFORMANCE / record.run_id / "report.html"
        assert path.stat().st_size < 1_400_000
        opened = open_page(path, width=390).drawn()
        charts = opened.page.locator("figure[data-chart]").count()
        assert charts >= 8
        assert opened.page.locator("figure[data-chart=drawn]").count() == charts
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert (opened.requests, opened.messages) == ([], [])
        opened.page.close()
