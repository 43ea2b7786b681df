"""The ticks of a schedule: a cron line read in a time zone, daylight saving included.

A time that the clocks skip in spring ticks when they have jumped; one that comes twice in autumn
ticks twice, which runs nothing twice: what is due is decided by windows, not by ticks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def is_cron(line: str) -> bool:
    """Whether a line can be read: five fields, or @hourly, @daily, @weekly, @monthly.

    >>> is_cron("0 6 * * 1"), is_cron("99 6 * * 1"), is_cron("0 6 * * 1 30")
    (True, False, False)
    """
    from croniter import croniter

    return (len(line.split()) == 5 or line.startswith("@")) and bool(croniter.is_valid(line))


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
