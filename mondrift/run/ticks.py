"""Ticks: of a cron line read in a time zone, daylight saving included, or of an interval.

A time that the clocks skip in spring ticks when they have jumped; one that comes twice in autumn
ticks twice, which runs nothing twice: what is due is decided by windows, not by ticks. Intervals
are counted from midnight UTC of 1 January 1970, so that a restart does not move their ticks.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mondrift.errors import SettingsError

_LONGEST_INTERVAL = 366 * 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float | None:
    """A length of time in seconds: 90, 90s, 15m, 2h, 1d; None when it is none, or not above 0.

    >>> [seconds_of(text) for text in ("90", "15m", "1.5h", "0s", "soon")]
    [90.0, 900.0, 5400.0, None, None]
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    return seconds if seconds > 0 else None


def in_words(seconds: float) -> str:
    """A length of time as `seconds_of` reads it; "never" for 0.

    >>> [in_words(seconds) for seconds in (900, 3600, 86_400, 90, 0)]
    ['15m', '1h', '1d', '90s', 'never']
    """
    if not seconds:
        return "never"
    unit = next((unit for unit in "dhm" if not seconds % _SECONDS[unit]), "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def interval_of(given: object) -> float | None:
    """`check_every:` of a monitor's file in seconds; 0 for "never", None when it says nothing.

    Raises SettingsError for what is no length of time.

    >>> interval_of("15m"), interval_of("never"), interval_of(None)
    (900.0, 0.0, None)
    """
    if given is None or given == "never":
        return None if given is None else 0.0
    seconds = None if isinstance(given, bool) else seconds_of(str(given))
    if seconds is None or not 1 <= seconds <= _LONGEST_INTERVAL:
        raise SettingsError(
            "check_every is a length of time from 1s to 366d such as 15m, or 'never', not "
            f"{given!r}."
        )
    return seconds


def last_beat(seconds: float, now: datetime) -> datetime:
    """The last tick of an interval at or before `now`, in UTC.

    >>> last_beat(900, datetime(2026, 1, 1, 6, 14, 59, tzinfo=UTC))
    datetime.datetime(2026, 1, 1, 6, 0, tzinfo=datetime.timezone.utc)
    """
    every = timedelta(seconds=seconds)
    return _EPOCH + (now - _EPOCH) // every * every


def first_beat(seconds: float, since: datetime) -> datetime:
    """The first tick of an interval at or after `since`, in UTC.

    >>> first_beat(900, datetime(2026, 1, 1, 6, 0, 1, tzinfo=UTC))
    datetime.datetime(2026, 1, 1, 6, 15, tzinfo=datetime.timezone.utc)
    """
    last = last_beat(seconds, since)
    return last if last == since else last + timedelta(seconds=seconds)


def is_cron(line: str) -> bool:
    """Whether a line can be read: five fields, or @hourly, @daily, @weekly, @monthly.

    >>> is_cron("0 6 * * 1"), is_cron("99 6 * * 1"), is_cron("0 6 * * 1 30")
    (True, False, False)
    """
    from croniter import croniter

    return (len(line.split()) == 5 or line.startswith("@")) and bool(croniter.is_valid(line))


def cron_of(given: object) -> str:
    """`schedule:` of a monitor's file; "" when it says nothing.

    Raises SettingsError for what is no cron line, or one that never ticks.

    >>> cron_of("0 0 29 2 *")
    '0 0 29 2 *'
    >>> cron_of("0 0 30 2 *")
    Traceback (most recent call last):
    mondrift.errors.SettingsError: schedule '0 0 30 2 *' never comes: no year has such a day. The
    third field is the day, the fourth the month.
    """
    from croniter import CroniterBadDateError, croniter

    line = str(given or "").strip()
    if not line:
        return line
    if not is_cron(line):
        raise SettingsError(
            f"schedule is a cron line such as '0 6 * * 1' (Mondays at 06:00), not {given!r}."
        )
    try:
        croniter(line, _EPOCH).get_next()
    except CroniterBadDateError:
        raise SettingsError(
            f"schedule {line!r} never comes: no year has such a day. The third field is the day, "
            "the fourth the month."
        ) from None
    return line


def last_tick(line: str, zone: str, now: datetime) -> datetime:
    """The last tick at or before `now`, in UTC.

    >>> last_tick("0 6 * * 1", "America/New_York", datetime(2013, 3, 11, 10, tzinfo=UTC))
    datetime.datetime(2013, 3, 11, 10, 0, tzinfo=datetime.timezone.utc)
    """
    from croniter import croniter

    after = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    tick: datetime = croniter(line, after.astimezone(ZoneInfo(zone))).get_prev(datetime)
    return tick.astimezone(UTC)


def first_tick(line: str, zone: str, since: datetime) -> datetime:
    """The first tick at or after `since`, in UTC.

    >>> first_tick("0 6 * * *", "Asia/Kolkata", datetime(2026, 1, 1, 1, tzinfo=UTC))
    datetime.datetime(2026, 1, 2, 0, 30, tzinfo=datetime.timezone.utc)
    """
    from croniter import croniter

    whole = since.astimezone(UTC).replace(microsecond=0)
    before = whole - timedelta(seconds=0 if since.microsecond else 1)
    tick: datetime = croniter(line, before.astimezone(ZoneInfo(zone))).get_next(datetime)
    return tick.astimezone(UTC)
