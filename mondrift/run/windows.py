"""A calendar cuts time into windows: days and weeks of a time zone, hours, or minutes.

Days are calendar days of an IANA zone, so one of them may last 23 or 25 hours; hours are hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from mondrift.errors import WindowError
from mondrift.window import Window

_LENGTH = re.compile(r"([1-9]\d{0,3})\s*(min|[hDW])")


@dataclass(frozen=True)
class Length:
    """How long a window is: minutes ("15min"), hours ("6h") or calendar days ("1D", "7D", "2W").

    >>> Length.parse("2W"), str(Length.parse("90min")), str(Length.parse("120min"))
    (Length(days=14, minutes=0), '90min', '2h')
    """

    days: int = 0
    minutes: int = 0

    @classmethod
    def parse(cls, text: str) -> Length:
        """Read "15min", "6h", "7D" or "2W"; raises WindowError for anything else."""
        match = _LENGTH.fullmatch(text)
        if match is None:
            raise WindowError(
                f"{text!r} is no length of a window; try '15min', '1h', '1D', '7D' or '2W' "
                "(minutes, hours, days, weeks)."
            )
        number, unit = int(match[1]), match[2]
        if unit in ("min", "h"):
            return cls(minutes=number * (60 if unit == "h" else 1))
        return cls(days=number * (7 if unit == "W" else 1))

    @property
    def weeks(self) -> int:
        """The smallest number of weeks in which a window fits, also when the clocks change.

        >>> [Length.parse(text).weeks for text in ("1h", "1D", "7D", "10D", "168h")]
        [1, 1, 1, 2, 2]
        """
        week = 7 * 24 * 60
        return self.minutes // week + 1 if self.minutes else -(-self.days // 7)

    def __str__(self) -> str:
        if not self.minutes:
            return f"{self.days}D"
        return f"{self.minutes}min" if self.minutes % 60 else f"{self.minutes // 60}h"


@dataclass(frozen=True)
class Calendar:
    """Windows of one length, laid end to end from the first day.

    Parameters
    ----------
    length : of each window.
    zone : IANA zone in which days begin.
    start : the first day; weeks begin on its weekday.
    end : the first day that is not watched any more; None for no end. A window that reaches
        beyond it is left out.

    Examples
    --------
    >>> weeks = Calendar(Length.parse("7D"), "America/New_York", date(2013, 3, 4))
    >>> for window in weeks.windows(datetime(2013, 3, 17, tzinfo=UTC)):  # the clocks go forward
    ...     print(window.label, window.end - window.start)
    week of 4 March 2013 6 days, 23:00:00
    """

    length: Length
    zone: str
    start: date
    end: date | None = None

    def windows(self, until: datetime) -> tuple[Window, ...]:
        """The windows that are over at `until`, oldest first."""
        found: list[Window] = []
        while (window := self._at(len(found))).end <= until:  # type: ignore[operator]
            if self._is_beyond(window):
                break
            found.append(window)
        return tuple(found)

    def last(self, until: datetime, most: int) -> tuple[Window, ...]:
        """`windows(until)[-most:]`, at a cost that does not grow with the years before.

        >>> hours = Calendar(Length.parse("1h"), "Asia/Kolkata", date(2013, 3, 4))
        >>> [each.label for each in hours.last(datetime(2026, 3, 17, 10, tzinfo=UTC), 2)]
        ['17 March 2026 13:00', '17 March 2026 14:00']
        """
        if self.end is not None:
            until = min(until, datetime.combine(self.end, time(), ZoneInfo(self.zone)))
        over = self._number(until)
        return tuple(self._at(number) for number in range(max(over - most, 0), over))

    def window(self, moment: str) -> Window:
        """The window that holds `moment`: an ISO day of the zone, or a day and time.

        Raises WindowError when it is no time, or before the first or after the last day.
        """
        try:
            parsed = datetime.fromisoformat(moment)
        except ValueError:
            raise WindowError(f"{moment!r} is no day; write it like 2013-04-22.") from None
        zone = ZoneInfo(self.zone)
        number = self._number(parsed if parsed.tzinfo else parsed.replace(tzinfo=zone))
        if number < 0 or self._is_beyond(self._at(number)):
            last = f" and end on {self.end}" if self.end else ""
            raise WindowError(
                f"No window holds {moment}: the windows of {self.length} begin on {self.start}"
                f"{last} ({self.zone})."
            )
        return self._at(number)

    def weeks_before(self, window: Window, weeks: int) -> tuple[Window, ...]:
        """The same weekdays and hours, in the zone, in each of the weeks before, oldest first.

        Windows of a week and more go back by as many whole weeks as they are long, so that none
        overlaps another; what would begin before the first day is left out.

        >>> days = Calendar(Length.parse("1D"), "America/New_York", date(2013, 2, 20))
        >>> for each in days.weeks_before(days.window("2013-03-17"), 4):  # a Sunday
        ...     print(each.label, each.end - each.start)
        24 February 2013 1 day, 0:00:00
        3 March 2013 1 day, 0:00:00
        10 March 2013 23:00:00
        """
        step = self.length.weeks
        back = (timedelta(weeks=number) for number in range(weeks // step * step, 0, -step))
        found = (self._earlier(window, each) for each in back)
        first = self.edge(0)
        return tuple(each for each in found if each.start is not None and each.start >= first)

    def _earlier(self, window: Window, back: timedelta) -> Window:
        """The window, `back` by the calendar and the clock on the wall."""
        zone = ZoneInfo(self.zone)
        assert window.start is not None and window.end is not None
        start, end = window.start.astimezone(zone), window.end.astimezone(zone)
        if self.length.minutes:
            begins = (start.replace(tzinfo=None) - back).replace(tzinfo=zone).astimezone(UTC)
            ends = begins + timedelta(minutes=self.length.minutes)
        else:
            begins, ends = (
                datetime.combine(day.date() - back, time(), zone).astimezone(UTC)
                for day in (start, end)
            )
        return Window(begins, ends, label=self.named(begins))

    def _number(self, moment: datetime) -> int:
        """Of the window that holds `moment`: so many are over then; negative before the first."""
        if self.length.minutes:
            return (moment - self.edge(0)) // timedelta(minutes=self.length.minutes)
        local = moment.astimezone(ZoneInfo(self.zone))
        return (local.date() - self.start).days // self.length.days

    def _at(self, number: int) -> Window:
        return _window(self, number)

    def edge(self, number: int) -> datetime:
        """Start of window `number`, in UTC."""
        zone = ZoneInfo(self.zone)
        day = self.start + timedelta(days=self.length.days * number)
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        return midnight + timedelta(minutes=self.length.minutes * number)

    def _is_beyond(self, window: Window) -> bool:
        if self.end is None or window.end is None:
            return False
        return window.end > datetime.combine(self.end, time(), ZoneInfo(self.zone))

    def named(self, start: datetime) -> str:
        """What a window that starts then is called."""
        local = start.astimezone(ZoneInfo(self.zone))
        day = f"{local.day} {local:%B %Y}"
        if self.length.minutes:
            return f"{day} {local:%H:%M}"
        if self.length.days == 1:
            return day
        return f"week of {day}" if self.length.days == 7 else f"{self.length.days} days from {day}"


@lru_cache(maxsize=4096)  # a scheduler asks for the same windows at every look
def _window(calendar: Calendar, number: int) -> Window:
    start = calendar.edge(number)
    return Window(start, calendar.edge(number + 1), label=calendar.named(start))
