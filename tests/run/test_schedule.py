"""What is due: each window once, whatever clocks, restarts and sleep do; time is an argument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random

import pandas as pd
import pytest

from mondrift.policy import Policy
from mondrift.run.catch_up import CatchUp
from mondrift.run.plan import Monitor, Reference
from mondrift.run.schedule import Agenda, Memory, Past, Tries, agenda, checks, pause
from mondrift.run.ticks import first_tick, last_beat, last_tick
from mondrift.run.windows import Calendar, Length
from mondrift.store.runs import State, config_hash
from mondrift.window import Window

NEW_YORK, INDIA = "America/New_York", "Asia/Kolkata"


def monitor(
    length: str = "1D",
    zone: str = "UTC",
    start: date = date(2024, 1, 1),
    *,
    schedule: str = "0 6 * * *",
    end: date | None = None,
    **catch_up: object,
) -> Monitor:
    calendar = Calendar(Length.parse(length), zone, start, end)
    rules = CatchUp(**catch_up)  # type: ignore[arg-type]
    return Monitor("shop", "shop", calendar, schedule=schedule, catch_up=rules)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ran(plan: Monitor, *windows: Window, state: State = "finished", when: datetime) -> list[Past]:
    hashed, checked = config_hash(plan.config()), state in ("checked", "finished")
    return [Past(each.start, hashed, state, when, checked) for each in windows if each.start]


def labels(windows: Iterable[Window]) -> list[str]:
    return [each.label for each in windows]


# A month, with everything that happens in one


Look = Callable[[datetime, list[Past]], Agenda]


def month(
    plan: Monitor, begin: datetime, seed: int, look: Look, state: State = "finished"
) -> tuple[Counter[Window], datetime]:
    """How often each window is done when a scheduler looks at odd moments; and the latest moment.

    It looks once or twice an hour, is away for up to a day and a half now and then (a restart:
    nothing but the table of runs is kept), and one time in fifty the clock is put back an hour.
    """
    random, now, latest, runs = Random(seed), begin, begin, list[Past]()
    done: Counter[Window] = Counter()
    while now < begin + timedelta(days=31):
        if random.random() < 0.02:
            now -= timedelta(hours=1)
        elif random.random() < 0.05:
            now += timedelta(hours=random.uniform(1, 36))
        now += timedelta(minutes=random.uniform(1, 80))
        latest = max(latest, now)
        found = look(now, runs)
        chosen = found.due[: random.randint(0, 5)]  # a few are done, then it is killed
        done.update(chosen)
        runs += ran(plan, *chosen, state=state, when=now)
    done.update(look(latest, runs).due)
    return done, latest


def edges(
    zone: str, begin: str, length: str, until: datetime
) -> dict[tuple[datetime, datetime], int]:
    """{(start, end): once} of each window that is over, by pandas' calendar instead of ours."""
    marks = pd.date_range(begin, periods=1000, freq=length, tz=zone).tz_convert("UTC")
    return {pair: 1 for pair in pairwise(marks.to_pydatetime()) if pair[1] <= until}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("zone", "begin", "length", "schedule"),
    [
        (NEW_YORK, "2013-02-25", "1D", "30 2 * * *"),  # skipped on 10 March: 02:30 does not exist
        (NEW_YORK, "2013-02-25", "1h", "5 * * * *"),
        (NEW_YORK, "2013-10-20", "1D", "30 1 * * *"),  # comes twice on 3 November
        (NEW_YORK, "2013-10-20", "1h", "*/15 * * * *"),
        (NEW_YORK, "2013-10-20", "7D", "0 6 * * 1"),
        (INDIA, "2026-01-05", "1D", "0 0 * * *"),
        (INDIA, "2026-01-05", "6h", "@hourly"),
    ],
)
def test_a_month_with_restarts_sleep_and_clock_changes_runs_each_window_exactly_once(
    zone: str, begin: str, length: str, schedule: str, seed: int
) -> None:
    plan = monitor(length, zone, date.fromisoformat(begin), schedule=schedule, windows=150)
    done, now = month(plan, at(begin), seed, lambda now, runs: agenda(plan, now, runs))
    expected = edges(zone, begin, length, last_tick(schedule, zone, now))
    assert {(each.start, each.end): times for each, times in done.items()} == expected
    assert len(expected) >= 4


@pytest.mark.parametrize(
    ("zone", "begin", "length", "every"),
    [
        (NEW_YORK, "2013-02-25", "1h", 900.0),
        (NEW_YORK, "2013-10-20", "1D", 3600.0),
        (INDIA, "2026-01-05", "6h", 7000.0),  # an interval that fits into no day
    ],
)
def test_a_month_of_checks_at_an_interval_checks_each_window_exactly_once(
    zone: str, begin: str, length: str, every: float
) -> None:
    plan = monitor(length, zone, date.fromisoformat(begin), schedule="", windows=150)
    done, now = month(
        plan, at(begin), 7, lambda now, runs: checks(plan, every, now, runs), "checked"
    )
    expected = edges(zone, begin, length, last_beat(every, now))
    assert {(each.start, each.end): times for each, times in done.items()} == expected
    assert len(expected) >= 28


def test_two_schedulers_that_see_the_same_table_ask_for_the_same_window() -> None:
    plan = monitor()
    looks = [agenda(plan, at("2024-01-03T07:00")) for _ in range(2)]
    assert looks[0] == looks[1]
    runs = ran(plan, *looks[0].due, when=at("2024-01-03T07:01"))
    assert agenda(plan, at("2024-01-03T07:02"), runs).due == ()


# Ticks and windows


def test_a_window_waits_for_the_first_tick_after_its_end() -> None:
    plan = monitor(zone=INDIA)
    assert agenda(plan, at("2024-01-02T00:29")).due == ()  # 05:59 in Kolkata
    found = agenda(plan, at("2024-01-02T00:30"))
    assert (labels(found.due), found.tick) == (["1 January 2024"], at("2024-01-02T00:30"))
    assert found.next is not None
    assert (found.next[0], found.next[1].label) == (at("2024-01-03T00:30"), "2 January 2024")


def test_a_tick_that_the_clocks_skip_comes_when_they_have_jumped() -> None:
    assert first_tick("30 2 * * *", NEW_YORK, at("2013-03-10T05:00")) == at("2013-03-10T07:00")
    assert last_tick("30 2 * * *", NEW_YORK, at("2013-03-10T07:00")) == at("2013-03-10T07:00")


def test_ticks_go_on_through_the_hour_that_comes_twice() -> None:
    for hour in (4, 5, 6, 7):
        now = at(f"2013-11-03T0{hour}:59")
        assert last_tick("0 * * * *", NEW_YORK, now) == at(f"2013-11-03T0{hour}:00")


def test_a_monitor_that_has_ended_asks_for_what_it_missed_and_then_for_nothing() -> None:
    plan = monitor(end=date(2024, 1, 4))
    found = agenda(plan, at("2025-07-01T00:00"))
    assert (labels(found.due)[-1], found.next) == ("3 January 2024", None)
    assert agenda(plan, at("2025-07-01T00:00"), ran(plan, *found.due, when=at("2025-07-01"))) == (
        Agenda(tick=at("2025-06-30T06:00"))
    )


def test_before_the_first_day_nothing_is_due_and_the_first_window_is_next() -> None:
    found = agenda(monitor(), at("2023-12-01T00:00"))
    assert (found.due, found.tick) == ((), None)
    assert found.next is not None
    assert (found.next[0], found.next[1].label) == (at("2024-01-02T06:00"), "1 January 2024")


def test_without_a_schedule_nothing_is_due() -> None:
    assert agenda(monitor(schedule=""), at("2024-02-01T00:00")) == Agenda()


def test_a_window_that_has_no_reference_is_not_asked_for() -> None:
    plan = replace(monitor(), reference=Reference("previous window"))
    assert labels(agenda(plan, at("2024-01-04T07:00")).due) == ["2 January 2024", "3 January 2024"]


@pytest.mark.parametrize("length", ["1h", "5h", "1D", "3D", "2W"])
@pytest.mark.parametrize("zone", [NEW_YORK, INDIA, "Australia/Lord_Howe"])
@pytest.mark.parametrize("end", [None, date(2013, 4, 2)])
def test_the_last_windows_are_the_end_of_all_windows(
    length: str, zone: str, end: date | None
) -> None:
    calendar = Calendar(Length.parse(length), zone, date(2013, 3, 4), end)
    for text in ("2013-03-01", "2013-03-04T05:00", "2013-03-10T07:00", "2013-04-09T03:59:59.5"):
        for most in (1, 3, 5000):
            assert calendar.last(at(text), most) == calendar.windows(at(text))[-most:]


# Catching up


def test_catching_up_is_bounded_and_oldest_or_newest_first() -> None:
    now, days = at("2024-03-01T07:00"), [f"{day} February 2024" for day in (27, 28, 29)]
    assert labels(agenda(monitor(windows=3), now).due) == days
    assert labels(agenda(monitor(windows=3, first="newest"), now).due) == days[::-1]


def test_windows_beyond_the_bound_stay_undone_also_when_the_others_are_done() -> None:
    plan, now = monitor(windows=3), at("2024-03-01T07:00")
    assert agenda(plan, now, ran(plan, *agenda(plan, now).due, when=now)).due == ()


def test_a_window_finished_under_another_configuration_is_done() -> None:
    plan, now = monitor(windows=1), at("2024-01-02T07:00")
    runs = ran(plan, *agenda(plan, now).due, when=now)
    assert agenda(replace(plan, policy=Policy(minimum_rows=7)), now, runs).due == ()


def test_a_check_without_its_report_is_due_at_once() -> None:
    plan, now = monitor(windows=1), at("2024-01-02T07:00")
    first = agenda(plan, now)
    assert agenda(plan, now, ran(plan, *first.due, state="checked", when=now)).due == first.due


def test_a_window_that_fails_is_tried_again_after_a_pause_and_in_the_end_given_up() -> None:
    plan, now, runs = monitor(windows=1, retries=2), at("2024-01-02T07:00"), list[Past]()
    window = agenda(plan, now).due
    pauses = []
    for _ in range(3):
        assert agenda(plan, now, runs).due == window
        runs += ran(plan, *window, state="failed", when=now)
        began = now
        while agenda(plan, now, runs).waiting:
            now += timedelta(seconds=30)
        pauses.append(now - began)
    assert pauses == [timedelta(minutes=1), timedelta(minutes=2), timedelta(0)]
    assert agenda(plan, now + timedelta(days=0.5), runs).given_up == window


def test_a_mended_file_starts_afresh() -> None:
    plan, now = monitor(windows=1, retries=0), at("2024-01-02T07:00")
    window = agenda(plan, now).due
    runs = ran(plan, *window, state="failed", when=now)
    assert agenda(plan, now, runs).given_up == window
    assert agenda(replace(plan, notebook="mended"), now, runs).due == window


def test_a_killed_run_counts_as_a_try_but_is_no_reason_to_wait() -> None:
    plan, now = monitor(windows=1, retries=1), at("2024-01-02T07:00")
    window = agenda(plan, now).due
    killed = ran(plan, *window, state="started", when=now)
    assert agenda(plan, now, killed).due == window
    assert agenda(plan, now, killed * 2).given_up == window


def test_a_run_that_somebody_stopped_is_neither_a_try_nor_a_reason_to_wait() -> None:
    plan, now = monitor(windows=1, retries=0), at("2024-01-02T07:00")
    window = agenda(plan, now).due
    stopped = ran(plan, *window, state="stopped", when=now)
    assert agenda(plan, now, stopped * 5).due == window
    assert checks(plan, 3600, now, stopped * 5).due == window


def test_failures_that_left_no_run_in_the_table_count_too_and_none_counts_twice() -> None:
    plan, now = monitor(windows=1, retries=1), at("2024-01-02T07:00")
    window = agenda(plan, now).due
    assert window[0].start is not None
    memory = Memory({window[0].start: Tries(1, now)})
    assert agenda(plan, now, memory=memory).waiting == window
    seen = ran(plan, *window, state="failed", when=now)  # the same failure, in both
    later = now + pause(1)
    assert agenda(plan, later, seen, memory=memory).due == window
    twice = Memory({window[0].start: Tries(2, now)})
    assert agenda(plan, later, seen, memory=twice).given_up == window


def test_a_failure_in_the_future_of_a_clock_put_back_waits_no_longer_than_its_pause() -> None:
    plan, now = monitor(windows=1), at("2024-01-02T07:00")
    window = agenda(plan, now).due
    failed = ran(plan, *window, state="failed", when=now + timedelta(hours=9))
    assert agenda(plan, now, failed).waiting == window
    assert window[0].start is not None
    early = Memory({window[0].start: Tries(1, now - pause(1))})
    assert agenda(plan, now, memory=early).due == window


def test_pauses_go_by_the_wall_also_where_now_is_the_newest_row() -> None:
    plan, newest, wall = monitor(windows=1), at("2024-01-02T07:00"), at("2026-11-22T10:00")
    window = agenda(plan, newest, wall=wall).due
    failed = ran(plan, *window, state="failed", when=wall)
    assert agenda(plan, newest, failed, wall=wall).waiting == window
    assert agenda(plan, newest, failed, wall=wall + pause(1)).due == window


# Checks at an interval


def test_without_an_interval_nothing_is_checked() -> None:
    assert checks(monitor(), 0.0, at("2024-02-01T00:00")) == Agenda()


def test_a_window_is_checked_at_the_first_tick_of_the_interval_after_its_end() -> None:
    plan = monitor("1h", schedule="")
    before = checks(plan, 2400.0, at("2024-01-01T01:19"))
    assert (before.due, before.next) == ((), (at("2024-01-01T01:20"), plan.window("2024-01-01")))
    found = checks(plan, 2400.0, at("2024-01-01T01:20"))
    assert labels(found.due) == ["1 January 2024 00:00"]
    assert found.next is not None
    assert found.next[0] == at("2024-01-01T02:00")


def test_a_window_with_results_is_checked_whatever_became_of_its_report() -> None:
    plan, now = monitor(windows=1), at("2024-01-02T07:00")
    hashed, start = config_hash(plan.config()), at("2024-01-01T00:00")
    for state in ("checked", "finished", "failed"):
        assert checks(plan, 900.0, now, [Past(start, hashed, state, now, True)]).due == ()
    died = [Past(start, hashed, "started", now, False)]
    assert labels(checks(plan, 900.0, now, died).due) == ["1 January 2024"]


def test_the_newest_window_is_asked_again_once_per_tick_until_it_has_a_report() -> None:
    plan, now = monitor(schedule=""), at("2024-01-03T07:00")
    windows = checks(plan, 900.0, now).due
    runs = ran(plan, *windows, state="checked", when=now)
    assert checks(plan, 900.0, now, runs).late == windows[-1:]
    asked = {each.start: now for each in windows if each.start}
    for minutes, late in ((14, ()), (15, windows[-1:])):
        then = now + timedelta(minutes=minutes)
        assert checks(plan, 900.0, then, runs, memory=Memory(asked=asked)).late == late
    assert checks(plan, 900.0, now, [*runs, *ran(plan, *windows, when=now)]).late == ()


def test_late_labels_are_asked_for_at_each_tick_of_the_interval() -> None:
    plan, now = monitor(schedule="", late_labels=True, windows=3), at("2024-01-04T00:00")
    windows = checks(plan, 3600.0, now).due
    runs = ran(plan, *windows, state="checked", when=now)
    asked = {each.start: now for each in windows if each.start}
    day = timedelta(days=1)
    memory = Memory(asked=asked, label_delay=2 * day)
    assert checks(plan, 3600.0, now, runs, memory=memory).late == ()
    later = checks(plan, 3600.0, now + timedelta(hours=1), runs, memory=memory)
    assert labels(later.late) == ["2 January 2024", "3 January 2024"]


def test_a_check_that_fails_is_tried_again_after_a_pause() -> None:
    plan, now = monitor(schedule="", windows=1), at("2024-01-02T07:00")
    window = checks(plan, 900.0, now).due
    runs = ran(plan, *window, state="failed", when=now)
    assert checks(plan, 900.0, now, runs).waiting == window
    assert checks(plan, 900.0, now + pause(1), runs).due == window


@pytest.mark.parametrize(
    ("schedule", "said", "seconds"),
    [("", None, 3600.0), ("@daily", None, 0.0), ("@daily", 900.0, 900.0), ("", 0.0, 0.0)],
)
def test_a_schedule_stands_for_checks_unless_the_file_says_how_often(
    schedule: str, said: float | None, seconds: float
) -> None:
    plan = replace(monitor(schedule=schedule), check_every=said)
    assert plan.interval(3600.0) == seconds


# Late labels


def test_late_labels_are_asked_for_at_each_tick_once_where_the_monitor_wants_it() -> None:
    plan = monitor(late_labels=True, windows=2)
    now = at("2024-01-03T07:00")
    windows = agenda(plan, now).due
    runs = ran(plan, *windows, when=now)
    tick = at("2024-01-03T06:00")
    asked = {each.start: tick for each in windows if each.start}
    assert agenda(plan, now, runs, memory=Memory(asked=asked)).late == ()
    later = agenda(plan, at("2024-01-04T06:00"), runs, memory=Memory(asked=asked))
    assert labels(later.late) == ["2 January 2024"]
    assert labels(later.due) == ["3 January 2024"]
    quiet = replace(plan, catch_up=CatchUp(windows=2))
    assert agenda(quiet, at("2024-01-04T06:00"), runs).late == ()


def test_labels_are_asked_for_until_once_when_the_last_must_have_come() -> None:
    plan, day = monitor(late_labels=True, windows=30), timedelta(days=1)
    first = agenda(plan, at("2024-01-02T07:00")).due[0]
    assert first.start is not None
    runs = ran(plan, first, when=at("2024-01-02T07:00"))
    asked, ticks = {first.start: at("2024-01-02T06:00")}, []
    now = at("2024-01-02T06:00")
    for _ in range(10):
        now += day
        memory = Memory(asked=asked, label_delay=2.5 * day)
        if first in agenda(plan, now, runs, memory=memory).late:
            asked[first.start] = now
            ticks.append(now.day)
    assert ticks == [3, 4, 5]  # labels may come until 4 January, 12:00
