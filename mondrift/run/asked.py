"""Which windows of a monitor are asked for: by a day in them, their end, since when, or as due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from mondrift.errors import MonitorError, WindowError
from mondrift.run.check import now_of
from mondrift.run.plan import Monitor
from mondrift.run.schedule import REVISIONS, Agenda, Memory, agenda, checks, past_of
from mondrift.store import Store
from mondrift.window import Window

Done = Literal["checked", "finished"]


@dataclass(frozen=True)
class Asked:
    """At most one of these; none: the last window that is over.

    Parameters
    ----------
    window : a day, or a day and time, in it.
    window_end : the last window whose end is not after this moment: the end itself, or the moment
        at which a scheduler such as cron or Airflow fires after it.
    since : every window that is over and ended after this moment, oldest first. What ended at the
        moment itself is what `window_end` gives, so the two never give the same window.
    due : what `mondrift schedule` would start now.

    Moments are ISO; without an offset they are read in the monitor's zone.
    """

    window: str | None = None
    window_end: str | None = None
    since: str | None = None
    due: bool = False

    @property
    def many(self) -> bool:
        """Whether the answer may be several windows, or none."""
        return self.due or self.since is not None


def windows_asked(
    store: Store, monitor: Monitor, asked: Asked, done: Done = "finished"
) -> tuple[Window, ...]:
    """The windows, in the order of running them; with `due`, those that may have new labels last.

    Parameters
    ----------
    done : "checked" where a window counts as done without a report.

    Raises WindowError when one window is asked for that is not there or not over, MonitorError for
    `due` of a monitor without a schedule.
    """
    if asked.window is not None:
        return (monitor.window(asked.window),)
    if asked.due:
        found = due(store, monitor, done)
        return (*found.due, *found.late)
    now = now_of(store, monitor)
    if asked.since is not None:
        since = _moment(monitor, asked.since)
        over = monitor.windows(now) if now is not None else ()
        return tuple(each for each in over if _end(each) > since)
    if asked.window_end is not None:
        return (_ended_by(monitor, asked.window_end, store.now()),)
    newest = monitor.calendar.last(now, 1) if now is not None else ()
    if not newest:
        raise WindowError(
            f"No window of {monitor.name!r} is over yet: there are no rows of {monitor.model!r}, "
            f"or none reach the end of its first window. Log rows, or name one: --window 2013-04-22"
        )
    return newest


def due(store: Store, monitor: Monitor, done: Done = "finished") -> Agenda:
    """What `mondrift schedule` would start now: runs at the ticks of the monitor's schedule, or
    checks, without a report, at its interval (where it has none: at the schedule's ticks).
    """
    now = now_of(store, monitor)
    every = monitor.interval(store.settings.drift_check_interval) if done == "checked" else 0.0
    if not monitor.schedule and not every:
        raise MonitorError(
            f"Monitor {monitor.name!r} has no schedule, so nothing of it is ever due. Add a line "
            f"to params/monitors/{monitor.name}.yaml, such as  schedule: '0 6 * * 1'  for Mondays "
            "at 06:00."
        )
    if now is None:
        return Agenda()
    model = store.model(monitor.model)
    memory = Memory(label_delay=model.label_delay)
    last = monitor.catch_up.windows * REVISIONS
    past = past_of(store.primary.runs(monitor=monitor.name, last=last), model.clock)
    if every:
        return checks(monitor, every, now, past, wall=store.now(), memory=memory)
    if done == "checked":
        past = [replace(each, state="finished") if each.checked else each for each in past]
    return agenda(monitor, now, past, wall=store.now(), memory=memory)


def _ended_by(monitor: Monitor, text: str, wall: datetime) -> Window:
    """The last window whose end is not after a moment; never one that is not over yet."""
    moment = _moment(monitor, text)
    found = monitor.calendar.last(moment, 1)
    if not found:
        first = replace(monitor.calendar, end=None).window(monitor.calendar.start.isoformat())
        raise WindowError(
            f"No window of {monitor.name!r} has ended at {text}: the first one ends at "
            f"{_told(monitor, _end(first))}."
        )
    if _end(found[0]) > wall:
        raise WindowError(
            f"The window of {monitor.name!r} that ends at {_told(monitor, _end(found[0]))} is not "
            "over yet. Name one that is, or a day in this one: --window."
        )
    return found[0]


def _moment(monitor: Monitor, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WindowError(
            f"{text!r} is no moment; write it like 2013-04-22 or 2013-04-22T06:00+02:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(monitor.calendar.zone))


def _told(monitor: Monitor, moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(monitor.calendar.zone)):%Y-%m-%d %H:%M %Z}"


def _end(window: Window) -> datetime:
    assert window.end is not None  # a calendar's windows have both
    return window.end
