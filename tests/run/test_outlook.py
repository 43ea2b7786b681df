"""A monitor in words: its reference and its next windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from mondrift.run.outlook import reference_in_words, told_of
from mondrift.run.plan import Monitor, Reference
from mondrift.run.windows import Calendar, Length

WEEKS = Calendar(Length.parse("7D"), "America/New_York", date(2026, 3, 2), date(2026, 3, 23))
MONITOR = Monitor("weekly", "shop", WEEKS, schedule="0 6 * * 1")


def test_the_next_windows_are_told_with_the_hour_of_their_run() -> None:
    assert told_of(MONITOR, datetime(2026, 3, 10, tzinfo=UTC)) == [
        "reference: the newest baseline",
        "windows: 7D each, in America/New_York, from 2026-03-02 to 2026-03-23",
        "runs: '0 6 * * 1' in America/New_York, with a report",
        "checks: with the runs only",
        "next: week of 9 March 2026, over on Mon 16 Mar, run on Mon 16 Mar 2026 at 06:00",
        "next: week of 16 March 2026, over on Mon 23 Mar, run on Mon 23 Mar 2026 at 06:00",
    ]


def test_before_the_first_day_the_first_windows_come_and_after_the_last_none() -> None:
    early = told_of(replace(MONITOR, schedule=""), datetime(2020, 1, 1, tzinfo=UTC))
    assert early[2] == "runs: by hand only, for there is no schedule"
    assert early[4] == "next: week of 2 March 2026, over on Mon 09 Mar"
    late = told_of(MONITOR, datetime(2027, 1, 1, tzinfo=UTC))
    assert late[4:] == ["next: none; the windows have ended on 2026-03-23"]


def test_checks_are_told_with_the_minute_also_where_only_the_settings_ask_for_them() -> None:
    quarters = Calendar(Length.parse("15min"), "UTC", date(2026, 3, 2))
    lines = told_of(Monitor("often", "shop", quarters), datetime(2026, 3, 2, 7, tzinfo=UTC), 1200)
    assert lines[3:5] == [
        "checks: every 20m, without a report",
        "next: 2 March 2026 07:00, over on Mon 02 Mar 2026 at 07:15, checked on Mon 02 Mar 2026 at "
        "07:20",
    ]


def test_each_reference_has_words() -> None:
    assert reference_in_words(Reference("previous window")) == "the window before"
    assert reference_in_words(Reference("previous weeks", weeks=4)) == (
        "the same weekdays and hours of the 4 weeks before"
    )
    assert reference_in_words(Reference(version=3)) == "baseline 3"
