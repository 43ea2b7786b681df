"""What a window is measured against, from a real store: a weekend against weekends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mondrift.errors import WindowError
from mondrift.run.check import check
from mondrift.run.judging import judge_window
from mondrift.run.plan import Monitor, Reference
from mondrift.run.reference import reference_rows, reference_windows
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.store import Store

pytestmark = pytest.mark.servers

ZONE = "Europe/Berlin"
START, END = (
    date(2024, 3, 4),
    date(2024, 4, 15),
)  # six weeks from a Monday; the clocks change on day 27
DAYS = Calendar(Length.parse("1D"), ZONE, START)
GONE = date(2024, 3, 23)  # a Saturday without rows
SCHEMA = Schema(
    timestamp="at",
    prediction="guess",
    id="id",
    kinds={"id": "text", "at": "datetime", "x": "numeric", "guess": "categorical"},
)
PREVIOUS = Reference("previous weeks", weeks=4)


def rows() -> pd.DataFrame:
    """A row every five minutes; x swings by the hour in Berlin, and is another on weekends."""
    edges = [
        datetime(each.year, each.month, each.day, tzinfo=ZoneInfo(ZONE)) for each in (START, END)
    ]
    times = pd.date_range(*edges, freq="5min", inclusive="left")
    times = times[times.date != GONE]
    generator = np.random.default_rng(0)
    hour, weekend = times.hour.to_numpy(), times.day_of_week.to_numpy() >= 5
    x = np.sin(hour / 12 * np.pi) + 1.5 * weekend + generator.normal(scale=0.5, size=len(times))
    guess = (generator.random(len(times)) < np.where(weekend, 0.7, 0.3)).astype(int)
    ids = [f"r{number}" for number in range(len(times))]
    return pd.DataFrame({"id": ids, "at": times.tz_convert("UTC"), "x": x, "guess": guess})


@pytest.fixture(scope="module")
def world(store: Store) -> tuple[Store, Monitor]:
    """A model whose rows swing with the week, its first two weeks its baseline."""
    store.register_model("week", SCHEMA, task="binary", clock="data")
    store.log("week", rows())
    first = Calendar(Length.parse("2W"), ZONE, START).window("2024-03-04")
    store.register_baseline("week", [first])
    return store, Monitor("weekly", "week", DAYS)


def status(world: tuple[Store, Monitor], reference: Reference, day: str) -> str:
    store, monitor = world
    monitor = replace(monitor, reference=reference)
    return judge_window(store, monitor, monitor.window(day)).status


@pytest.mark.parametrize("day", ["2024-04-06", "2024-04-08", "2024-03-31"])
def test_a_day_without_drift_is_ok_against_the_same_weekdays_and_no_other(world, day):
    assert status(world, Reference(version=1), day) == "alarm"
    assert status(world, Reference(version=1, match="weekday and hour"), day) == "ok"
    assert status(world, PREVIOUS, day) == "ok"


def test_hours_are_measured_against_the_same_hours(world):
    store, monitor = world
    hours = replace(monitor, calendar=Calendar(Length.parse("12h"), ZONE, START))
    assert status((store, hours), Reference("previous window"), "2024-04-09T08:00") == "alarm"
    assert status((store, hours), PREVIOUS, "2024-04-09T08:00") == "ok"


def test_reference_rows_are_of_the_same_weekday_and_hours_in_the_zone(world):
    store, monitor = world
    monitor = replace(monitor, reference=PREVIOUS)
    model = store.model("week")
    for day, expected in (
        ("2024-04-06", [288, 0, 288, 288]),  # the 23rd of March has no rows
        ("2024-04-07", [288, 288, 288, 276]),  # the 31st has 23 hours
    ):
        window = monitor.window(day)
        windows = reference_windows(monitor, window)
        found = reference_rows(store, monitor, model, window)
        sizes = [len(store.window("week", each.start, each.end)) for each in windows]
        assert sorted(sizes) == sorted(expected)
        assert found.n == sum(sizes)
        assert (found.window.start, found.window.end) == (windows[0].start, windows[-1].end)
        local = [each.start.astimezone(ZoneInfo(ZONE)) for each in windows]
        assert {(each.weekday(), each.hour) for each in local} == {
            (date.fromisoformat(day).weekday(), 0)
        }


def test_rows_and_labels_that_come_late_into_the_reference_make_the_next_revision(store):
    kinds = {**SCHEMA.kinds, "bought": "categorical"}
    store.register_model("late", replace(SCHEMA, kinds=kinds, target="bought"), task="binary")
    frame = rows().iloc[: 288 * 4]
    store.log("late", frame)
    plans = [
        Monitor("day_before", "late", DAYS, reference=Reference("previous window")),
        Monitor("baseline", "late", DAYS),
    ]
    store.register_baseline("late", [DAYS.window("2024-03-04")])
    window = DAYS.window("2024-03-06")

    def revisions() -> list[int]:
        return [check(store, each, window).run.revision for each in plans]

    assert revisions() == revisions() == [1, 1]
    late = frame.iloc[288:300].assign(id=[f"late{i}" for i in range(12)])  # the day before
    store.log("late", late)
    assert revisions() == revisions() == [2, 1]
    store.label("late", pd.DataFrame({"id": late["id"], "value": 1}))
    assert revisions() == revisions() == [3, 1]


def test_weeks_before_the_first_day_are_missing(world):
    store, monitor = world
    monitor = replace(monitor, reference=PREVIOUS)
    assert (
        reference_rows(store, monitor, store.model("week"), monitor.window("2024-03-14")).n == 288
    )


def test_the_first_week_has_no_reference_and_the_run_says_so(world):
    store, monitor = world
    monitor = replace(monitor, name="first", reference=PREVIOUS)
    with pytest.raises(WindowError, match="5 March 2024 has no reference: the windows of 'first'"):
        check(store, monitor, monitor.window("2024-03-05"))
    [run] = store.runs(monitor="first").to_dict("records")
    assert run["state"] == "failed" and "WindowError" in run["error"]


def test_without_a_row_in_any_week_before_the_window_is_inconclusive(world):
    store, monitor = world
    alone = replace(monitor, calendar=replace(DAYS, start=GONE))
    assert status((store, alone), PREVIOUS, "2024-03-30") == "inconclusive"


def test_an_empty_window_with_a_matched_baseline_is_told_as_empty(world):
    verdict = status(world, Reference(version=1, match="weekday and hour"), GONE.isoformat())
    assert verdict == "inconclusive"


def test_a_baseline_without_the_hours_of_the_window_is_told(world):
    store, monitor = world
    start = datetime(2024, 3, 4, tzinfo=UTC)
    registered = store.register_baseline("week", [(start, start + timedelta(days=3))])
    matched = Reference(version=registered.version, match="weekday")
    with pytest.raises(WindowError, match=r"it has no rows at \['Sat'\].*longer reference"):
        status((store, monitor), matched, "2024-04-06")


def test_a_baseline_that_knows_no_times_cannot_be_matched(world):
    store, monitor = world
    timeless = rows().drop(columns="at").head(500)
    registered = store.register_baseline("week", timeless)
    with pytest.raises(WindowError, match="does not know when its rows were"):
        status((store, monitor), Reference(version=registered.version, match="hour"), "2024-04-06")
