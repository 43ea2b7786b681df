"""A briefing tells a verdict for people: the right sentence, and frames that charts can draw."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mondrift import charts, wording
from mondrift.briefing import Briefing, brief
from mondrift.page.sections import Banner, Figures, Table
from mondrift.report import Report
from mondrift.why import Effect, Why
from tests import flights
from tests.flights import APRIL, DECEMBER, FEBRUARY, SEPTEMBER

LOCAL = "America/New_York"


def told(week: int, *, labels: bool = True) -> Briefing:
    return brief(flights.verdict(week, labels), zone=LOCAL)


@pytest.mark.parametrize(
    ("week", "headline"),
    [
        (FEBRUARY, "Weather (4 columns) moved with the season; accuracy held at 78.3 %"),
        (SEPTEMBER, "accuracy rose to 87.6 %"),
        (DECEMBER, "Accuracy fell by 15.0 points; the inputs do not explain it"),
    ],
)
def test_a_week_has_one_sentence(week: int, headline: str) -> None:
    assert headline in told(week).headline


def test_without_labels_harm_is_not_known() -> None:
    headline = told(APRIL, labels=False).headline
    assert "moved; whether it does harm is not known; accuracy is estimated at " in headline
    assert headline.endswith("blind to concept drift")


def test_what_moved_before_the_drop_does_not_explain_it() -> None:
    past = flights.unexpected(FEBRUARY).to_frame()
    now = flights.unexpected(APRIL).to_frame()
    history = pd.concat([past, now], ignore_index=True)
    assert "while weather" in brief(flights.unexpected(APRIL), zone=LOCAL).headline
    headline = brief(flights.unexpected(APRIL), history=history).headline
    assert headline == "Accuracy fell by 15.9 points; the inputs do not explain it"


def test_inputs_that_surely_did_a_part_are_not_said_to_explain_nothing() -> None:
    december = told(DECEMBER)
    why = Why("accuracy", Effect(0.044, 0.019, 0.07), Effect(0.106, 0.071, 0.142), None)
    split = replace(december, diagnosis=replace(december.diagnosis, why=why))
    assert split.headline == "Accuracy fell by 15.0 points; the inputs explain only a part of it"
    facts = wording.facts(split.verdict, split.diagnosis)
    assert (
        "The weather moved with the season; it explains no more than a part of the drop." in facts
    )
    assert "not the whole reason" in wording.harm(split.diagnosis)


def test_the_banner_comes_first_and_names_the_gravest_alert_first() -> None:
    banner = told(APRIL).sections[0]
    assert isinstance(banner, Banner)
    assert banner.status == "alarm"
    assert banner.reasons[0] == "accuracy fell by 15.9 points (critical)"


def test_alerts_of_the_store_are_told_without_the_name_of_the_model() -> None:
    alerts = pd.DataFrame({"severity": ["low"], "title": ["flights: late: more"], "text": ["x."]})
    briefing = brief(flights.verdict(APRIL), alerts=alerts)
    assert [(each.severity, each.title) for each in briefing.told] == [("low", "late: more")]


def test_key_figures_put_outcomes_beside_the_mean_score() -> None:
    week = flights.demo.WEEKS[APRIL]
    rows = flights.between(pd.Timestamp(week.start), pd.Timestamp(week.end))
    (figures,) = told(APRIL).figures(rows).sections
    assert isinstance(figures, Figures)
    values = {each.label: each for each in figures.figures}
    assert values["accuracy"].value == "63.4\u00a0%"
    assert values["accuracy"].status == "alarm"
    assert values["share of late"].value == "37.3\u00a0%"
    assert "18.6\u00a0% was the mean score" in values["share of late"].note


def test_windows_are_dated_by_the_clocks_of_the_zone() -> None:
    starts = told(APRIL).measured("accuracy")["window_start"]
    assert [str(at) for at in starts] == ["2013-04-22 00:00:00"]


def test_rates_are_of_labelled_rows_window_by_window() -> None:
    week = flights.demo.WEEKS[APRIL]
    rows = flights.between(pd.Timestamp(week.start), pd.Timestamp(week.end))
    rates = told(APRIL).rates(rows).set_index("series")
    assert rates.loc["share of late", "share"] == pytest.approx(0.373134, abs=1e-6)
    assert rates.loc["mean score", "share"] == pytest.approx(0.186329, abs=1e-6)
    assert rates["window"].tolist() == ["2013-04-22"] * 2
    assert told(APRIL).rates(rows.iloc[:0]).empty


def test_only_the_last_windows_are_shown_and_none_after_this_one() -> None:
    frames = [flights.verdict(week).to_frame() for week in (FEBRUARY, APRIL, SEPTEMBER, DECEMBER)]
    history = pd.concat(frames, ignore_index=True)
    shown = brief(flights.verdict(SEPTEMBER), history=history, last=2, zone=LOCAL).measured("rows")
    assert [f"{at:%d %b}" for at in shown["window_start"]] == ["22 Apr", "02 Sep"]


def test_every_frame_can_be_drawn() -> None:
    briefing = told(SEPTEMBER)
    report = Report("x")
    for chart in (
        charts.overview(briefing.statuses(), across="window_start"),
        charts.timeline(briefing.measured("psi"), briefing.thresholds("psi")),
        charts.performance(briefing.measured("accuracy"), briefing.baseline("accuracy")),
        charts.volume(briefing.volume()),
        *briefing.distributions(2),
    ):
        report.add(chart)
    assert len(report.sections) == 6


def test_columns_carry_the_verdict_outcomes_first() -> None:
    assert told(APRIL).carriers(3) == ("score", "late", "temperature")
    assert len(told(APRIL).carriers(8)) == 8


def test_tables_say_what_was_measured_and_how() -> None:
    briefing = told(APRIL)
    (segments,) = briefing.segments().sections
    assert isinstance(segments, Table)
    assert [row[0] for row in segments.rows] == ["origin=LGA", "origin=EWR", "origin=JFK"]
    (method,) = briefing.method().sections
    assert isinstance(method, Table)
    assert "weather: temperature" in dict(method.rows)["groups"]  # type: ignore[arg-type]
    for view in (briefing.columns(), briefing.metrics(), briefing.quality(), briefing.actions()):
        assert "<table" in view._repr_html_() or "<p>" in view._repr_html_()
        assert "application/vnd.mondrift.v1+json" in view._repr_mimebundle_()
