"""A monitor's file: read as a whole, refused as a whole, every complaint with its line."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mondrift.demo import WEATHER, WEEKS
from mondrift.errors import MonitorError, WindowError
from mondrift.policy import Policy
from mondrift.run.catch_up import CatchUp
from mondrift.run.keeping import Keeping
from mondrift.run.plan import Reference, load_monitor, load_monitors, read_monitor
from mondrift.run.windows import Calendar, Length
from tests.rings import ROOT

MONITORS = ROOT / "params" / "monitors"
SMALL = """\
model: churn
window:
  length: 1D
  zone: Europe/Berlin
  start: 2024-01-01
"""


def write(folder: Path, text: str, name: str = "daily.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def complaints(folder: Path, text: str) -> list[str]:
    """What is wrong with a file, each as "line: complaint"."""
    path = write(folder, text)
    with pytest.raises(MonitorError) as raised:
        read_monitor(path)
    return [line.removeprefix(f"{path}:") for line in str(raised.value).splitlines()]


def test_the_monitor_of_the_demo_is_good():
    monitor = load_monitor("flights_weekly", MONITORS)
    assert (monitor.model, monitor.notebook) == ("flights", "drift_report")
    assert monitor.policy.groups == {"weather": WEATHER}
    assert monitor.policy.expected == {"weather": "with the season"}
    assert monitor.alerts.channels == ("webhook",)


def test_the_weeks_of_the_demo_are_windows_of_its_monitor():
    monitor = load_monitor("flights_weekly", MONITORS)
    windows = {w.start: w for w in monitor.windows(datetime(2014, 1, 1, tzinfo=UTC))}
    assert [windows[week.start].end for week in WEEKS] == [week.end for week in WEEKS]
    assert len(windows) == 51
    assert monitor.window("2013-04-22").label == "week of 22 April 2013"


def test_what_is_not_said_is_as_built_in(tmp_path):
    monitor = read_monitor(write(tmp_path, SMALL))
    assert monitor.reference == Reference("baseline", None)
    assert (monitor.title, monitor.notebook, monitor.schedule) == ("daily", "drift_report", "")
    assert monitor.policy == Policy()


def test_the_policy_builds_upon_the_one_of_the_settings(tmp_path):
    path = write(tmp_path, SMALL + "policy:\n  minimum_rows: 50\n")
    policy = read_monitor(path, policy=Policy(minimum_labels=300)).policy
    assert (policy.minimum_rows, policy.minimum_labels) == (50, 300)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("baseline", Reference()),
        ("{baseline: 2}", Reference("baseline", 2)),
        ("previous window", Reference("previous window")),
        ("{previous weeks: 4}", Reference("previous weeks", weeks=4)),
        ("{baseline: newest, match: hour}", Reference(match="hour")),
        ("{baseline: 3, match: weekday and hour}", Reference(version=3, match="weekday and hour")),
    ],
)
def test_references(tmp_path, text, reference):
    assert read_monitor(write(tmp_path, f"{SMALL}reference: {text}\n")).reference == reference


def test_all_complaints_come_at_once_with_their_lines(tmp_path):
    text = """\
modle: churn
window:
  length: 7 days
  zone: America/NewYork
  start: 22.4.2013
  from: 3
reference: last week
schedule: every monday
parameters:
  top: [1, 2]
  not-a-name: 3
policy:
  level: 7
  minimum_row: 3
alerts:
  many: 0
"""
    found = complaints(tmp_path, text)
    assert [int(each.split(":")[0]) for each in found] == [1, 1, 3, 4, 6, 7, 8, 10, 11, 13, 14, 16]
    told = "\n".join(found)
    assert "1: unknown key 'modle'. Did you mean 'model'?" in told
    assert "1: model is missing." in told
    assert "'7 days' is no length of a window; try '15min', '1h', '1D'" in told
    assert "'America/NewYork' is no IANA time zone. Did you mean 'America/New_York'?" in told
    assert "6: unknown key 'from' in window. Known:" in told
    assert "{baseline: newest, match: weekday and hour}, not 'last week'" in told
    assert "schedule is a cron line such as '0 6 * * 1'" in told
    assert "10: parameters.top is a text, a number or true/false, not [1, 2]" in told
    assert "'minimum_row' is no key of a policy. Did you mean 'minimum_rows'?" in told


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: a monitor's file is a mapping"),
        ("- model", "1: a monitor's file is a mapping"),
        ("model: [a\nwindow: 3", "2: this is not YAML"),
        (SMALL + "model: other\n", "6: model is given twice."),
        (SMALL.replace("2024-01-01", "22.4.2024"), "5: window.start: '22.4.2024' is no day"),
        (SMALL + "  end: 2023-01-01\n", "6: window.end 2023-01-01 is not after window.start"),
        (SMALL + "schedule: 0 0 30 2 *\n", "6: schedule '0 0 30 2 *' never comes: no year has"),
        ("model: x\n", "1: window is missing: give length, zone and start."),
        ("model: x\nwindow:\n  length: 1D\n", "2: window.start is missing"),
        ("model: x\nwindow: weekly\n", "2: window is a mapping of names to values, not 'weekly'."),
        (SMALL + "policy:\n  groups: {weather: rain}\n", "7: policy.groups maps names to lists"),
        (
            SMALL + "policy:\n  level: high\n",
            "7: The policy cannot be used: level is a number, not 'high'",
        ),
        (SMALL + "alerts:\n  chanels: []\n", "7: The alerts cannot be used: 'chanels'"),
        (SMALL + "reference: {baseline: 0}\n", "6: reference is 'baseline' (the newest)"),
        (SMALL + "reference: {baseline: 1, weeks: 2}\n", "6: reference is 'baseline' (the newest)"),
        (SMALL + "reference: {match: hour}\n", "6: reference is 'baseline' (the newest)"),
        (
            SMALL + "reference:\n  baseline: 1\n  match: week\n",
            "8: reference.match is one of ['weekday and hour', 'weekday', 'hour'], not 'week'.",
        ),
        (
            SMALL.replace("1D", "2W") + "reference: {previous weeks: 1}\n",
            "6: reference.previous weeks is a number from 2 to 52 for windows of 14D, not 1.",
        ),
        (SMALL + "reference: {previous weeks: yes}\n", "6: reference.previous weeks is a number"),
        (SMALL.replace("churn", "7"), "1: model is a text, not 7."),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path, text, complaint):
    found = complaints(tmp_path, text)
    assert any(each.startswith(complaint) for each in found), found


# Ten mistakes in two files, each with its own line: YAML's and ours.

BROKEN = """\
model: churn
windows: {length: 1D}
window:
  length: 1D
  zone: Europe/Berlin
  start: 2024-01-01
  start: 2024-02-01
notebook: 7
segments: origin
retention:
  reports: 90 days
  alarm: 1y
policy:
  minimum_rows: 2.5
  level: high
  effects: {psi: [0.1, 0.2], ks: {warning: 0.1, alarm: big}}
  groups:
    weather: [rain]
alerts:
  many: 0
  channels: webhook
parameters:
  share: .nan
  top: {a: 1}
"""


def test_ten_mistakes_in_one_file_have_ten_lines_beside_those_of_another(tmp_path):
    path = write(tmp_path, BROKEN, "broken.yaml")
    tabs = write(tmp_path, "model: churn\nwindow:\n\tlength: 1D\n", "tabs.yaml")
    write(tmp_path, SMALL, "good.yaml")
    with pytest.raises(MonitorError) as raised:
        load_monitors(tmp_path)
    *told, last = str(raised.value).splitlines()
    assert last == f"{tabs}:3: this is not YAML: found character '\\t' that cannot start any token."
    found = [each.removeprefix(f"{path}:").split(": ", 1) for each in told]
    assert {int(line): text for line, text in found} == {
        2: "unknown key 'windows'. Did you mean 'window'?",
        7: "window.start is given twice.",
        8: "notebook is a text, not 7.",
        9: "segments is a list of the model's segment columns, e.g. [origin], not 'origin'.",
        11: "retention.reports: '90 days' is no length of time; write 90d, 12w, 6m or 1y "
        "(days, weeks, months, years).",
        12: "'alarm' is no key of retention, which has ['reports', 'alarms']. Did you mean "
        "'alarms'?",
        14: "The policy cannot be used: minimum_rows is a whole number, not 2.5.",
        15: "The policy cannot be used: level is a number, not 'high'.",
        16: "The policy cannot be used: effects.psi needs 'warning' and 'alarm', not [0.1, 0.2]; "
        "effects.ks holds two numbers, not {'warning': 0.1, 'alarm': 'big'}.",
        20: "The alerts cannot be used: many is a whole number from 1 on, not 0.",
        21: "The alerts cannot be used: channels is a list of names, e.g. [webhook], not "
        "'webhook'.",
        23: "parameters.share is a text, a number or true/false, not nan.",
        24: "parameters.top is a text, a number or true/false, not {'a': 1}.",
    }


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"model: caf\xe9\n", "1: this is not UTF-8; save the file in that encoding."),
        (b"model: x\ntitle: caf\xe9\n", "2: this is not UTF-8"),
        (b"model: x\ntitle: a\x00b\n", "2: the character '\\x00' has no place in YAML."),
        (b"model: &m x\ntitle: *m\n", "2: *m repeats another entry; write its values out"),
        (b"a: &a {b: *a}\n", "1: *a repeats another entry"),
        (b"x: &x {y: 1}\nwindow:\n  <<: *x\n", "3: *x repeats another entry"),
        (b"model: !!python/object:os.system x\n", "1: this is not YAML: could not determine"),
        (b"a: 1\n---\nb: 1\n", "2: this is not YAML: but found another document."),
        (b"? [a]\n: b\n", "1: this is not YAML: found unhashable key."),
        (b"model: !!int seven\n", "1: this is not YAML: invalid literal for int()"),
        (b"# nothing\n", "1: a monitor's file is a mapping"),
        (b"a: " + b"[" * 600 + b"]" * 600, "1: this is nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path, content, complaint):
    path = tmp_path / "daily.yaml"
    path.write_bytes(content)
    with pytest.raises(MonitorError) as raised:
        read_monitor(path)
    told = str(raised.value)
    assert told.startswith(f"{path}:{complaint}")
    assert len(told.splitlines()) == 1


def test_a_mark_of_the_byte_order_is_no_mistake(tmp_path):
    path = tmp_path / "daily.yaml"
    path.write_text(SMALL, encoding="utf-8-sig")
    assert read_monitor(path).model == "churn"


def test_a_file_of_another_ending_is_not_passed_over_in_silence(tmp_path):
    write(tmp_path, SMALL, "daily.yml")
    with pytest.raises(MonitorError, match=r"daily\.yml: .* daily\.yaml"):
        load_monitors(tmp_path)


def test_segments_change_what_a_run_is_and_retention_does_not(tmp_path):
    plain = read_monitor(write(tmp_path, SMALL))
    assert (plain.segments, plain.retention) == (None, Keeping())
    assert "segments" not in plain.config()  # runs of earlier versions keep their identity
    none = read_monitor(write(tmp_path, SMALL + "segments: []\n"))
    assert none.config() == {**plain.config(), "segments": []}
    kept = read_monitor(write(tmp_path, SMALL + "retention: {reports: 2w, alarms: 6m}\n"))
    assert kept.config() == plain.config()
    assert kept.retention == Keeping(timedelta(days=14), timedelta(days=180))
    with pytest.raises(MonitorError, match="names a column twice"):
        read_monitor(write(tmp_path, SMALL + "segments: [a, a]\n"))


def test_alarms_are_kept_at_least_as_long_as_other_reports(tmp_path):
    found = complaints(tmp_path, SMALL + "retention: {reports: 2y, alarms: 1y}\n")
    assert found == [
        "6: retention.alarms (365d) is shorter than retention.reports (730d); alarms are kept at "
        "least as long."
    ]


def test_dates_stay_texts(tmp_path):
    path = write(tmp_path, SMALL + "parameters:\n  since: 2024-02-30\n  day: 2024-02-01\n")
    assert read_monitor(path).parameters == {"since": "2024-02-30", "day": "2024-02-01"}


def test_a_file_with_a_strange_name_is_refused(tmp_path):
    with pytest.raises(MonitorError, match="the file's name 'My Monitor'"):
        read_monitor(write(tmp_path, SMALL, "My Monitor.yaml"))


def test_without_a_folder_the_error_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(MonitorError, match="mondrift init"):
        load_monitors(tmp_path / "params" / "monitors")


def test_an_unknown_monitor_is_told_which_there_are(tmp_path):
    write(tmp_path, SMALL)
    with pytest.raises(MonitorError, match=r"has \['daily'\]\. Did you mean 'daily'\?"):
        load_monitor("dialy", tmp_path)


def test_complaints_about_all_files_come_at_once(tmp_path):
    write(tmp_path, "", "one.yaml")
    write(tmp_path, "", "two.yaml")
    with pytest.raises(MonitorError, match=r"(?s)one\.yaml:1.*two\.yaml:1"):
        load_monitors(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "daily.yaml").mkdir()
    with pytest.raises(MonitorError, match=r"daily\.yaml cannot be read: Is a directory"):
        load_monitors(tmp_path)


def test_schedule_title_and_alerts_do_not_change_what_a_run_is(tmp_path):
    plain = read_monitor(write(tmp_path, SMALL)).config()
    talkative = SMALL + "title: Churn\nschedule: '@daily'\nalerts:\n  channels: [webhook]\n"
    assert read_monitor(write(tmp_path, talkative)).config() == plain
    strict = SMALL + "policy:\n  level: 0.001\n"
    assert read_monitor(write(tmp_path, strict)).config() != plain
    json.dumps(plain, allow_nan=False)


def test_a_reference_that_is_matched_makes_another_run(tmp_path):
    configs = [
        read_monitor(write(tmp_path, SMALL + each)).config()
        for each in (
            "",
            "reference: {baseline: newest}\n",
            "reference: {baseline: newest, match: hour}\n",
            "reference: {previous weeks: 4}\n",
            "reference: {previous weeks: 5}\n",
        )
    ]
    assert configs[0] == configs[1]
    assert configs[0]["reference"] == {"kind": "baseline", "version": None}  # as it always was
    assert len({json.dumps(each) for each in configs}) == 4


# Calendars


def test_weeks_have_167_168_or_169_hours_in_new_york():
    weeks = Calendar(Length.parse("1W"), "America/New_York", date(2013, 1, 7))
    year = weeks.windows(datetime(2014, 1, 1, tzinfo=UTC))
    hours = [(w.end - w.start) / timedelta(hours=1) for w in year]
    assert sorted(set(hours)) == [167, 168, 169]
    assert (hours.count(167), hours.count(169)) == (1, 1)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("length", ["1D", "7D", "6h"])
def test_windows_lie_end_to_end_in_every_zone(zone, length):
    windows = Calendar(Length.parse(length), zone, date(2011, 12, 1)).windows(
        datetime(2012, 3, 1, tzinfo=UTC)
    )
    assert len(windows) >= 12
    assert all(one.end == other.start for one, other in pairwise(windows))
    # Apia had no 30 December 2011: that day's window is empty
    assert sum(each.end == each.start for each in windows) == (zone + length == "Pacific/Apia1D")


def test_a_window_is_due_at_its_end_and_not_before():
    days = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 1))
    end = datetime(2024, 1, 2, tzinfo=UTC)
    assert days.windows(end - timedelta(microseconds=1)) == ()
    assert len(days.windows(end)) == 1


def test_no_window_reaches_beyond_the_end():
    calendar = Calendar(Length.parse("7D"), "UTC", date(2024, 1, 1), end=date(2024, 1, 20))
    assert [w.label for w in calendar.windows(datetime(2025, 1, 1, tzinfo=UTC))] == [
        "week of 1 January 2024", "week of 8 January 2024",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "moment", ["2013-04-22", "2013-04-25", "2013-04-28T23:59", "2013-04-29T03:59:59+00:00"]
)
def test_any_moment_of_a_week_finds_it(moment):
    weeks = Calendar(Length.parse("7D"), "America/New_York", date(2013, 1, 7))
    assert weeks.window(moment).label == "week of 22 April 2013"


def test_hours_are_found_too():
    hours = Calendar(Length.parse("6h"), "America/New_York", date(2013, 1, 7))
    assert hours.window("2013-07-04T07:30").label == "4 July 2013 07:00"  # 6 h + an hour of summer


def test_minutes_are_windows_too():
    quarters = Calendar(Length.parse("15min"), "Asia/Kathmandu", date(2013, 1, 7))  # UTC+5:45
    window = quarters.window("2013-07-04T07:29")
    assert (window.label, window.end - window.start) == ("4 July 2013 07:15", timedelta(minutes=15))
    assert quarters.last(window.end, 2)[1] == window
    (before,) = quarters.weeks_before(window, 1)
    assert (before.label, window.start - before.start) == ("27 June 2013 07:15", timedelta(weeks=1))
    assert Length.parse("60min") == Length.parse("1h")


def local(window, zone):
    return [f"{at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}" for at in (window.start, window.end)]


@pytest.mark.parametrize(
    ("length", "moment", "weeks", "expected"),
    [
        ("1D", "2013-11-10", 2, ["Sun 27 Oct 00:00", "Mon 28 Oct 00:00", "Sun 03 Nov 00:00"]),
        ("6h", "2013-11-06T11:00", 1, ["Wed 30 Oct 06:00", "Wed 30 Oct 12:00"]),
        (
            "1h",
            "2013-11-10T01:00",
            1,
            ["Sun 03 Nov 01:00", "Sun 03 Nov 01:00"],
        ),  # of two, the first
        ("7D", "2013-11-04", 2, ["Mon 21 Oct 00:00", "Mon 28 Oct 00:00", "Mon 28 Oct 00:00"]),
        ("10D", "2013-10-14", 5, ["Mon 16 Sep 00:00", "Thu 26 Sep 00:00", "Mon 30 Sep 00:00"]),
    ],
)
def test_the_weeks_before_have_the_same_weekday_and_hour_when_the_clocks_change(
    length, moment, weeks, expected
):
    zone = "America/New_York"
    calendar = Calendar(Length.parse(length), zone, date(2013, 1, 7))
    found = calendar.weeks_before(calendar.window(moment), weeks)
    edges = [edge for each in found for edge in local(each, zone)]
    assert edges[: len(expected)] == expected


def test_the_day_of_25_hours_is_measured_with_days_of_24_and_is_whole_itself():
    days = Calendar(Length.parse("1D"), "Europe/Berlin", date(2024, 1, 1))
    [before] = days.weeks_before(days.window("2024-10-27"), 1)
    [itself] = days.weeks_before(days.window("2024-11-03"), 1)
    assert (before.end - before.start, itself.end - itself.start) == (
        timedelta(hours=24),
        timedelta(hours=25),
    )
    assert itself == days.window("2024-10-27")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("length", ["1h", "7h", "1D", "3D", "7D", "10D", "2W", "168h", "400h"])
def test_reference_windows_never_overlap_each_other_or_the_window(zone, length):
    calendar = Calendar(Length.parse(length), zone, date(2011, 1, 1))
    windows = calendar.windows(datetime(2012, 3, 1, tzinfo=UTC))[-80:]
    for window in (each for each in windows if each.start > datetime(2011, 3, 15, tzinfo=UTC)):
        found = (*calendar.weeks_before(window, 8), window)
        assert len(found) == 1 + 8 // calendar.length.weeks
        assert all(one.end <= other.start for one, other in pairwise(found))


def test_weeks_before_the_first_day_are_left_out():
    days = Calendar(Length.parse("1D"), "UTC", date(2024, 1, 1))
    assert [w.label for w in days.weeks_before(days.window("2024-01-17"), 4)] == [
        "3 January 2024", "10 January 2024",
    ]  # fmt: skip
    assert days.weeks_before(days.window("2024-01-07"), 4) == ()


@pytest.mark.parametrize("moment", ["2012-12-31", "2013-12-31", "2014-05-01"])
def test_a_day_outside_of_the_calendar_is_refused(moment):
    weeks = Calendar(Length.parse("7D"), "UTC", date(2013, 1, 7), end=date(2013, 12, 30))
    with pytest.raises(WindowError, match="begin on 2013-01-07 and end on 2013-12-30"):
        weeks.window(moment)


def test_what_is_no_day_is_refused():
    weeks = Calendar(Length.parse("7D"), "UTC", date(2013, 1, 7))
    with pytest.raises(WindowError, match="write it like 2013-04-22"):
        weeks.window("last monday")


def test_catching_up_is_read_and_its_mistakes_told_with_the_line(tmp_path):
    good = "catch_up: {windows: 7, first: newest, retries: 0, late_labels: true}\n"
    assert read_monitor(write(tmp_path, SMALL + good)).catch_up == CatchUp(7, "newest", 0, True)
    assert read_monitor(write(tmp_path, SMALL)).catch_up == CatchUp(30, "oldest", 3, False)
    bad = "catch_up: {windows: 0, first: last, retries: yes, late_labels: 3, retrys: 1}\n"
    found = complaints(tmp_path, SMALL + bad)
    assert len(found) == 5
    assert all(each.startswith("6: ") for each in found)
    told = "\n".join(found)
    assert "catch_up.windows is a whole number from 1 to 10000, not 0." in told
    assert "catch_up.first is one of ['oldest', 'newest'], not 'last'." in told
    assert "catch_up.retries is a whole number from 0 to 10000, not True." in told
    assert "catch_up.late_labels is true or false, not 3." in told
    assert "Did you mean 'retries'?" in told


@pytest.mark.parametrize("line", ["61 * * * *", "0 6 * *", "0 6 * * 1 30", "@now and then"])
def test_a_cron_line_that_never_ticks_is_refused(tmp_path, line):
    (told,) = complaints(tmp_path, f"{SMALL}schedule: '{line}'\n")
    assert told.startswith("6: schedule is a cron line such as '0 6 * * 1'")


def test_limits_are_read_and_change_no_result(tmp_path):
    plain = read_monitor(write(tmp_path, SMALL))
    limited = read_monitor(write(tmp_path, SMALL + "limits: {memory: 2G, cell: 90s}\n"))
    assert (limited.limits.memory, limited.limits.cell, limited.limits.run) == (2**31, 90.0, 3600.0)
    assert limited.config() == plain.config()
    (told,) = complaints(tmp_path, SMALL + "limits: {memory: lots}\n")
    assert told.startswith("6: limits.memory: 'lots' is no amount of memory")


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900.0), ("90", 90.0), ("2h", 7200.0), ("never", 0.0)]
)
def test_how_often_windows_are_checked_is_a_length_of_time_or_never(tmp_path, text, seconds):
    path = tmp_path / "daily.yaml"
    path.write_text(f"{SMALL}check_every: {text}\n", encoding="utf-8")
    assert read_monitor(path).check_every == seconds


@pytest.mark.parametrize("text", ["soon", "0", "-5m", "400d", "true", "[15m]", "''"])
def test_an_interval_that_is_none_is_told(tmp_path, text):
    (told,) = complaints(tmp_path, f"{SMALL}check_every: {text}\n")
    assert told.startswith("6: check_every is a length of time from 1s to 366d such as 15m")
