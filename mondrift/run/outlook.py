"""What a monitor will do, in words: its reference, its windows, when they are run."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mondrift.errors import WindowError
from mondrift.run.plan import Monitor, Reference
from mondrift.run.ticks import first_beat, first_tick, in_words
from mondrift.window import Window

_NEXT = 3
_WITH_RUNS = "with the runs only"
_DAY, _MINUTE = "%a %d %b", "%a %d %b %Y at %H:%M"


def told_of(monitor: Monitor, now: datetime, usual: float = 0.0) -> list[str]:
    """A few lines for people; `now` by the wall's clock, whatever clock the model has.

    `usual`: seconds between checks where the file says nothing, see `Monitor.interval`.
    """
    calendar, every = monitor.calendar, monitor.interval(usual)
    end = f" to {calendar.end}" if calendar.end else " on"
    return [
        f"reference: {reference_in_words(monitor.reference)}",
        f"windows: {calendar.length} each, in {calendar.zone}, from {calendar.start}{end}",
        f"runs: {_rhythm(monitor)}",
        f"checks: {f'every {in_words(every)}, without a report' if every else _WITH_RUNS}",
        *_next(monitor, now, every),
    ]


def _rhythm(monitor: Monitor) -> str:
    if not monitor.schedule:
        return "by hand only, for there is no schedule"
    return f"{monitor.schedule!r} in {monitor.calendar.zone}, with a report"


def reference_in_words(reference: Reference) -> str:
    """What windows are measured against.

    >>> reference_in_words(Reference(version=2, match="hour"))
    "baseline 2, cut to the window's own hours"
    """
    if reference.kind == "previous window":
        return "the window before"
    if reference.kind == "previous weeks":
        return f"the same weekdays and hours of the {reference.weeks} weeks before"
    name = f"baseline {reference.version}" if reference.version else "the newest baseline"
    parts = {"hour": "hours", "weekday": "weekdays", "weekday and hour": "weekdays and hours"}
    return f"{name}, cut to the window's own {parts[reference.match]}" if reference.match else name


def _next(monitor: Monitor, now: datetime, every: float) -> list[str]:
    coming = _windows(monitor, now)
    if not coming:
        return [f"next: none; the windows have ended on {monitor.calendar.end}"]
    calendar = monitor.calendar
    zone = ZoneInfo(calendar.zone)
    lines = []
    for window in coming:
        assert window.end is not None
        over = f"{window.end.astimezone(zone):{_DAY if calendar.length.days else _MINUTE}}"
        parts = [window.label, f"over on {over}"]
        if every:
            parts.append(f"checked on {first_beat(every, window.end).astimezone(zone):{_MINUTE}}")
        if monitor.schedule:
            tick = first_tick(monitor.schedule, calendar.zone, window.end)
            parts.append(f"run on {tick.astimezone(zone):{_MINUTE}}")
        lines.append(f"next: {', '.join(parts)}")
    return lines


def _windows(monitor: Monitor, now: datetime) -> list[Window]:
    """The next windows that end after `now`."""
    zone = ZoneInfo(monitor.calendar.zone)
    first = datetime.combine(monitor.calendar.start, datetime.min.time(), zone)
    moment = max(now, first)
    found: list[Window] = []
    try:
        while len(found) < _NEXT:
            found.append(monitor.calendar.window(moment.isoformat()))
            end = found[-1].end
            assert end is not None
            moment = end + timedelta(microseconds=1)
    except WindowError:  # beyond the last day
        pass
    return found
