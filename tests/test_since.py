"""Since when: series of errors whose moment is known, from frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import mondrift as md
from mondrift.measurement import Measurement
from mondrift.schema import Schema
from mondrift.since import Course, changed_since, course_of, step_of
from mondrift.why import Since, why_of

ABOUT = Measurement("performance", "guess", "prediction", "", "accuracy", 0.8, None, 900, 900)
START = datetime(2024, 3, 1, tzinfo=UTC)


def course(shares: list[float], n: int = 200, step: str = "1D") -> Course:
    """A course of exact shares of errors, a place a day or an hour."""
    apart = timedelta(days=1) if step == "1D" else timedelta(hours=1)
    starts = [START + at * apart for at in range(len(shares))]
    counts = [round(share * n) for share in shares]
    frame = pd.DataFrame({"start": starts, "n": n, "errors": counts, "squares": counts})
    return Course.of(frame, starts[-1] + apart, step)


def since(shares: list[float], **options: str) -> Since | None:
    found = why_of([changed_since(course(shares, **options), ABOUT, metric="accuracy")])
    assert found is not None
    return found.since


def test_a_step_is_dated_with_its_size_and_the_rows_that_came_since() -> None:
    measured = changed_since(course([0.2] * 10 + [0.4] * 4), ABOUT, metric="accuracy")
    assert measured.measure == "changed_since"
    assert measured.statistic == pytest.approx(0.2)
    assert measured.pvalue is not None
    assert measured.pvalue < 0.01
    assert measured.detail["at"] == "2024-03-11T00:00:00+00:00"
    assert measured.detail["from"] <= measured.detail["at"] <= measured.detail["to"]
    assert measured.detail["labelled"] == 800
    assert "until" not in measured.detail


def test_a_change_that_is_over_has_an_end() -> None:
    found = since([0.2] * 10 + [0.4] * 8 + [0.2] * 3)
    assert found is not None
    assert found.at == START + timedelta(days=10)
    assert found.until == START + timedelta(days=18)


def test_the_end_is_found_when_it_stands_out_more_than_the_beginning() -> None:
    found = since([0.2] * 5 + [0.4] * 9 + [0.1] * 9)
    assert found is not None
    assert (found.at, found.until) == (START + timedelta(days=5), START + timedelta(days=14))


def test_no_moment_is_told_when_none_stands_out_or_errors_became_fewer() -> None:
    rng = np.random.default_rng(0)
    calm = changed_since(course(list(rng.normal(0.2, 0.01, 14))), ABOUT, metric="accuracy")
    assert np.isnan(calm.statistic)
    assert calm.reason.startswith("no moment stands out (p = ")
    better = changed_since(course([0.4] * 10 + [0.2] * 10), ABOUT, metric="accuracy")
    assert better.reason == "errors were fewer at the end"
    assert "at" not in better.detail


def test_without_stored_predictions_the_reason_says_so() -> None:
    none = pd.DataFrame({name: [] for name in ("start", "n", "errors", "squares")})
    none["start"] = pd.to_datetime(none["start"], utc=True)
    found = changed_since(Course.of(none, START, "1D"), ABOUT, metric="accuracy")
    assert found.reason.endswith("stored predictions and labels: there are none")


def test_a_gap_without_rows_before_the_change_widens_its_range() -> None:
    frame = pd.DataFrame(
        {
            "start": [START + timedelta(days=at) for at in (*range(6), *range(20, 26))],
            "n": 100,
            "errors": [20] * 6 + [50] * 6,
            "squares": [20] * 6 + [50] * 6,
        }
    )
    whole = Course.of(frame, START + timedelta(days=26), "1D")
    detail = changed_since(whole, ABOUT, metric="accuracy").detail
    assert detail["at"][:10] == "2024-03-21"
    assert detail["from"][:10] <= "2024-03-07"


def test_hours_are_told_for_short_courses_and_days_for_long_ones() -> None:
    assert step_of(START, START + timedelta(days=9)) == "1h"
    assert step_of(START, START + timedelta(days=10)) == "1D"
    found = since([0.2] * 20 + [0.5] * 10, step="1h")
    assert found is not None
    assert found.hourly
    assert found.at == START + timedelta(hours=20)


def test_rows_without_time_or_label_are_left_out() -> None:
    times = pd.Series(pd.to_datetime(["2024-03-01T10:05", None, "2024-03-01T10:50"], utc=True))
    held = course_of(times, np.array([1.0, 1.0, np.nan]))
    assert held is not None
    assert held.series.n.tolist() == [1.0]
    assert course_of(times, np.full(3, np.nan)) is None


def test_explain_dates_the_change_from_the_rows_timestamps() -> None:
    rng = np.random.default_rng(1)
    at = pd.date_range("2024-03-01", periods=4000, freq="10min", tz="UTC")
    wrong = rng.uniform(size=4000) < np.where(at < pd.Timestamp("2024-03-20", tz="UTC"), 0.1, 0.4)
    rows = pd.DataFrame(
        {"at": at, "x": rng.normal(size=4000), "guess": 1, "bought": 1 - wrong.astype(int)}
    )
    schema = Schema(timestamp="at", target="bought", prediction="guess")
    found = md.explain(rows[:2000], rows[2000:], schema=schema)
    assert found.why.since is not None
    assert found.why.since.at == datetime(2024, 3, 20, tzinfo=UTC)
    assert "It is so since 20 March 2024" in repr(found)
    later = md.explain(rows[2000:], rows[2000:], schema=schema)
    assert later.why.since is not None
    assert later.why.since.at == datetime(2024, 3, 20, tzinfo=UTC)
