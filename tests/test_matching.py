"""A Monday is measured against Mondays, and every hour weighs as it does in the current window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mondrift as md
from mondrift.errors import ColumnError, WindowError
from mondrift.matching import calendar_matched

START = pd.Timestamp("2024-01-01", tz="UTC")  # a Monday


def hourly(days: int, counts: Callable[[pd.DatetimeIndex], Any], **span: str) -> pd.DataFrame:
    """As many rows in each hour as `counts` says, numbered."""
    hours = pd.date_range(span.get("start", START), periods=24 * days, freq="h", tz="UTC")
    times = hours.repeat(counts(hours)) + pd.Timedelta("20min")
    return pd.DataFrame({"at": times, "n": range(len(times))})


def even(rows: int) -> Callable[[pd.DatetimeIndex], Any]:
    return lambda hours: np.full(len(hours), rows)


def between(frame: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    days = (frame["at"] - START) / pd.Timedelta(days=1)
    return frame[(days >= first) & (days < last)]


def test_a_monday_is_measured_against_all_mondays_of_the_reference():
    log = hourly(29, even(3))
    matched = calendar_matched(between(log, 0, 28), between(log, 28, 29), timestamp="at")
    assert len(matched) == 4 * 24 * 3
    assert matched["at"].dt.day_name().unique().tolist() == ["Monday"]
    assert matched["n"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("by", "days", "hours"),
    [("weekday and hour", 4, 6), ("weekday", 4, 24), ("hour", 28, 6)],
)
def test_what_is_matched_can_be_chosen(by, days, hours):
    log = hourly(29, even(1))
    matched = calendar_matched(
        between(log, 0, 28), between(log, 28.25, 28.5), timestamp="at", by=by
    )
    assert matched["at"].dt.date.nunique() == days
    assert matched["at"].dt.hour.nunique() == hours


def test_hours_are_told_in_the_zone_also_when_the_clocks_change():
    log = hourly(14, even(1), start="2013-03-04")  # New York springs forward on the 10th
    reference, current = log[: 24 * 6], log[log["at"] == "2013-03-11 13:20+00:00"]  # 9:20 in summer
    there = calendar_matched(reference, current, timestamp="at", zone="America/New_York")
    assert there["at"].astype("str").tolist() == ["2013-03-04 14:20:00+00:00"]  # 9:20 in winter
    utc = calendar_matched(reference, current, timestamp="at")
    assert utc["at"].astype("str").tolist() == ["2013-03-04 13:20:00+00:00"]


def test_the_mix_of_weekdays_becomes_the_current_windows():
    log = hourly(56 + 9, even(10))
    reference, current = (
        between(log, 0, 56),
        between(log, 61, 65).pipe(
            lambda rows: rows[(rows["at"].dt.day_of_week == 6) | (rows["n"] % 3 == 0)]
        ),
    )  # Sunday whole; of Saturday, Monday and Tuesday a third
    shares = [
        frame["at"].dt.day_name().value_counts(normalize=True).sort_index()
        for frame in (calendar_matched(reference, current, timestamp="at", by="weekday"), current)
    ]
    pd.testing.assert_series_equal(*shares, atol=0.01, rtol=0)


def test_hours_of_few_rows_keep_their_share_although_rows_are_whole():
    generator = np.random.default_rng(0)
    log = hourly(63, lambda hours: generator.poisson(1.5, len(hours)))
    reference, current = between(log, 0, 56), between(log, 56, 63)
    matched = calendar_matched(reference, current, timestamp="at")
    hours = [
        (each["at"].dt.day_of_week * 24 + each["at"].dt.hour).value_counts(normalize=True)
        for each in (matched, current)
    ]
    until = [each.reindex(range(168), fill_value=0).cumsum() for each in hours]
    assert (until[0] - until[1]).abs().max() < 0.015  # 1 % and less than one row to spare
    assert len(matched) > len(reference) / 4


def test_the_seed_chooses_the_rows_and_nothing_else_does():
    log = hourly(29, even(10))
    reference, current = between(log, 0, 28), between(log, 28, 29)
    current = current[(current["at"].dt.hour > 0) | (current["n"] % 2 == 0)]
    one, same, other = (
        calendar_matched(reference, current, timestamp="at", seed=seed) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, same)
    assert len(one) == len(other) and not one.equals(other)


def test_without_matching_a_monday_drifts_from_the_month_and_with_it_it_does_not():
    """Known by construction: hours differ in level, rows within an hour never do."""
    flagged = {"whole": 0, "matched": 0}
    for seed in range(20):
        generator = np.random.default_rng(seed)
        log = hourly(57, lambda hours: generator.poisson(12, len(hours)))  # noqa: B023
        weekend = log["at"].dt.day_of_week >= 5
        level = 2 * np.sin(log["at"].dt.hour / 12 * np.pi) + weekend
        log["x"] = level + generator.normal(size=len(log))
        reference, morning = between(log, 0, 56), between(log, 56, 56.5)
        matched = calendar_matched(reference, morning, timestamp="at")
        for name, rows in (("whole", reference), ("matched", matched)):
            verdict = md.judge(md.compare(rows, morning, columns=["x"]))
            flagged[name] += verdict.status in ("warning", "alarm")
    assert flagged["whole"] >= 18
    assert flagged["matched"] == 0


def test_a_drift_at_the_same_hours_is_still_seen():
    generator = np.random.default_rng(0)
    log = hourly(29, even(20))
    log["x"] = np.sin(log["at"].dt.hour / 12 * np.pi) + generator.normal(size=len(log))
    reference, monday = between(log, 0, 28), between(log, 28, 29)
    matched = calendar_matched(reference, monday, timestamp="at")
    moved = monday.assign(x=monday["x"] + 1)
    assert md.judge(md.compare(matched, moved, columns=["x"])).status == "alarm"


def test_polars_and_pyarrow_tables_stay_what_they_are():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    log = hourly(15, even(2))
    reference, current = between(log, 0, 14), between(log, 14, 14.5)
    expected = calendar_matched(reference, current, timestamp="at")["n"].tolist()
    for convert in (polars.from_pandas, pyarrow.Table.from_pandas):
        matched = calendar_matched(convert(reference), convert(current), timestamp="at")
        assert type(matched) is type(convert(reference))
        assert list(np.asarray(matched["n"])) == expected


def test_rows_without_a_time_are_left_out():
    log = hourly(15, even(2))
    reference, current = between(log, 0, 14), between(log, 14, 15)
    holed = reference.assign(at=reference["at"].where(reference["n"] % 10 != 0))
    matched = calendar_matched(holed, current, timestamp="at")
    assert matched["at"].notna().all()
    timeless = current.assign(at=current["at"].where(current["n"] < 0))
    with pytest.raises(WindowError, match="48 of 48 current rows have no reference"):
        calendar_matched(reference, timeless, timestamp="at")


def test_hours_that_the_reference_lacks_are_named():
    log = hourly(14, even(1))
    with pytest.raises(WindowError, match=r"2 of 26 .* no rows at \['Tue 00:00', 'Tue 01:00'\]"):
        calendar_matched(log[:24], log[24 * 7 : 24 * 8 + 2], timestamp="at")
    with pytest.raises(WindowError, match=r"at \['Wed'\]"):
        calendar_matched(log[:24], log[48:72], timestamp="at", by="weekday")
    with pytest.raises(WindowError, match=r"at \['05:00'\].*longer reference"):
        calendar_matched(log[:3], log[5:6], timestamp="at", by="hour")


def test_one_row_in_a_hundred_at_a_strange_hour_does_no_harm():
    log = hourly(9, even(10))
    reference, current = between(log, 0, 7), between(log, 7, 8)
    reference = reference[reference["at"].dt.hour != 3]
    current = current[(current["at"].dt.hour != 3) | (current["n"] % 5 == 0)]  # 2 of 232
    assert len(calendar_matched(reference, current, timestamp="at")) == 230


def test_mistakes_are_told_with_the_choice():
    log = hourly(2, even(1))
    for options, error, words in (
        ({"timestamp": "att"}, ColumnError, "'att' is not in the reference.*Did you mean 'at'"),
        ({"timestamp": "n"}, WindowError, "holds Int64.*to_datetime"),
        ({"timestamp": "at", "by": "week"}, WindowError, "'week' is no way to match.*'hour'"),
        ({"timestamp": "at", "zone": "UTCC"}, WindowError, "no IANA time zone. Did you mean 'UTC'"),
    ):
        with pytest.raises(error, match=words):
            calendar_matched(log, log, **options)
    with pytest.raises(WindowError, match="has no rows, so there are no hours"):
        calendar_matched(log, log[:0], timestamp="at")
    naive = log.assign(at=log["at"].dt.tz_localize(None))
    with pytest.raises(WindowError, match="current window holds Datetime.*with a time zone"):
        calendar_matched(log, naive, timestamp="at")
