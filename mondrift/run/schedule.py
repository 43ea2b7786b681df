"""What is due: windows that are over, seen from the last tick, and not yet run or checked.

Pure: the time, and what has been done, are arguments. Nothing is remembered between two looks, so a
restart, a sleeping laptop or a clock that was put right changes nothing: what is missing is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from mondrift.errors import WindowError
from mondrift.run.plan import Monitor
from mondrift.run.reference import reference_windows
from mondrift.run.ticks import first_beat, first_tick, last_beat, last_tick
from mondrift.store.models import Clock
from mondrift.store.runs import State, config_hash
from mondrift.window import Window

REVISIONS = 50
"""Of a window, on average, that are looked at; a run too many is a no-op."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Past:
    """One run as the table of runs has it: of which window, how it stands, since when.

    `checked`: its results are stored, whatever became of its report.
    """

    window_start: datetime
    config_hash: str
    state: State
    at: datetime
    checked: bool = False


def past_of(frame: pd.DataFrame, clock: Clock = "data") -> list[Past]:
    """What `Store.runs` gives, as `agenda` takes it.

    `clock`: of the model; by the wall's, a run that began before its window was over says nothing.
    """
    if clock == "wall":
        frame = frame[frame["started_at"] >= frame["window_end"]]
    ended = frame["finished_at"].where(frame["finished_at"].notna(), frame["started_at"])
    checked = frame["checked_at"].notna()
    columns = (frame["window_start"], frame["config_hash"], frame["state"], ended, checked)
    return [
        Past(start.to_pydatetime(), config, state, at.to_pydatetime(), stored)
        for start, config, state, at, stored in zip(*columns, strict=True)
    ]


@dataclass(frozen=True)
class Tries:
    """Failures of one window: how many, and the last one, by the wall's clock."""

    failures: int = 0
    last: datetime | None = None


@dataclass(frozen=True)
class Memory:
    """What a scheduler knows beside the table of runs, by the start of the window.

    Parameters
    ----------
    failed : tries that left no trace in the table, or a lesser one.
    asked : the tick at which a window was last started.
    label_delay : how long labels take at most; None: nobody knows.
    """

    failed: Mapping[datetime, Tries] = field(default_factory=dict)
    asked: Mapping[datetime, datetime] = field(default_factory=dict)
    label_delay: timedelta | None = None


@dataclass(frozen=True)
class Agenda:
    """What a monitor's schedule, or its interval, asks for; windows in the order of doing them.

    Parameters
    ----------
    due : to be done now, for the first time or again.
    late : done already; to be asked again, since rows or labels may have come.
    waiting : failed, and tried again after a pause.
    given_up : failed too often; only a person does them again.
    tick : the last one, None when no window of the monitor has come to one.
    next : the window that comes next, and when it will be due; None when none comes.
    """

    due: tuple[Window, ...] = ()
    late: tuple[Window, ...] = ()
    waiting: tuple[Window, ...] = ()
    given_up: tuple[Window, ...] = ()
    tick: datetime | None = None
    next: tuple[datetime, Window] | None = None


def agenda(
    monitor: Monitor,
    now: datetime,
    runs: Iterable[Past] = (),
    *,
    wall: datetime | None = None,
    memory: Memory | None = None,
) -> Agenda:
    """What is due for a monitor at `now`, by its model's clock (see `check.now_of`).

    Parameters
    ----------
    runs : those of the monitor; the order does not matter.
    wall : the wall's clock, for pauses between tries; default: `now`.

    A window is done when the monitor has finished a run for it, whatever its configuration was:
    a new policy holds from the next window on. Windows without a reference are not asked for.
    """
    if not monitor.schedule:
        return Agenda()
    line, zone, past = monitor.schedule, monitor.calendar.zone, list(runs)
    rhythm = _Rhythm(
        last_tick(line, zone, now),
        lambda end: first_tick(line, zone, end),
        frozenset(each.window_start for each in past if each.state == "finished"),
    )
    return _agenda(monitor, rhythm, past, wall or now, memory or Memory())


def checks(
    monitor: Monitor,
    every: float,
    now: datetime,
    runs: Iterable[Past] = (),
    *,
    wall: datetime | None = None,
    memory: Memory | None = None,
) -> Agenda:
    """As `agenda`, for checks every so many seconds; 0: for none.

    A window is checked when results of any run of it are stored, with a report or without. The
    newest one is asked again at each tick until it has a report, for its last rows may come a
    little late; others where the monitor asks for late labels.
    """
    if not every:
        return Agenda()
    past = list(runs)
    finished = frozenset(each.window_start for each in past if each.state == "finished")
    checked = frozenset(each.window_start for each in past if each.checked)
    rhythm = _Rhythm(
        last_beat(every, now),
        lambda end: first_beat(every, end),
        checked | finished,
        checked - finished,
    )
    return _agenda(monitor, rhythm, past, wall or now, memory or Memory())


@dataclass(frozen=True)
class _Rhythm:
    """The last tick, the tick at which a window that ends then is due, and what is done.

    `open_` : done, and asked again while they are the newest.
    """

    tick: datetime
    due_at: Callable[[datetime], datetime]
    done: frozenset[datetime]
    open_: frozenset[datetime] = frozenset()


def _agenda(
    monitor: Monitor, rhythm: _Rhythm, past: list[Past], wall: datetime, memory: Memory
) -> Agenda:
    rules, tick = monitor.catch_up, rhythm.tick
    windows = monitor.calendar.last(tick, rules.windows)
    coming = _next(monitor, windows, rhythm.due_at)
    newest = windows[-1:]
    windows = tuple(each for each in windows if _has_reference(monitor, each))
    if rules.first == "newest":
        windows = windows[::-1]
    failures = _failures(past, config_hash(monitor.config()), memory.failed)
    due, late, waiting, given_up = [], [], [], []
    for window in windows:
        start, end = _bounds(window)
        tries = failures.get(start, Tries())
        if start in rhythm.done:
            trickles = window in newest and start in rhythm.open_
            if (trickles and memory.asked.get(start, start) < tick) or (
                rules.late_labels and _may_have_labels(end, tick, start, memory)
            ):
                late.append(window)
        elif tries.failures > rules.retries:
            given_up.append(window)
        elif wall < _again(tries, wall):
            waiting.append(window)
        else:
            due.append(window)
    return Agenda(
        tuple(due), tuple(late), tuple(waiting), tuple(given_up), tick if windows else None, coming
    )


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures: a minute, two, four, an hour at most.

    >>> [str(pause(failures)) for failures in (1, 2, 3, 50)]
    ['0:01:00', '0:02:00', '0:04:00', '1:00:00']
    """
    return min(_FIRST_PAUSE * (1 << min(failures - 1, 10)), _LONGEST_PAUSE)


def _again(tries: Tries, wall: datetime) -> datetime:
    """When a window may be tried; a failure in the future, by a clock put back, counts as now."""
    if tries.last is None:
        return wall
    return min(tries.last, wall) + pause(tries.failures)


def _failures(
    runs: Iterable[Past], config: str, remembered: Mapping[datetime, Tries]
) -> dict[datetime, Tries]:
    """Failures of each window under the present configuration; a mended file starts afresh.

    A run that still stands at "started" died, for nobody tries a window that is being run: it
    counts, but it is no reason to wait. One that somebody stopped is neither.
    """
    found: dict[datetime, Tries] = dict(remembered)
    counted: dict[datetime, Tries] = {}
    for each in runs:
        if each.config_hash != config or each.state not in ("failed", "started"):
            continue
        before = counted.get(each.window_start, Tries())
        last = before.last
        if each.state == "failed":
            last = max(last or each.at, each.at)
        counted[each.window_start] = Tries(before.failures + 1, last)
    for start, tries in counted.items():
        other = found.get(start, Tries())
        lasts = [at for at in (tries.last, other.last) if at is not None]
        found[start] = Tries(max(tries.failures, other.failures), max(lasts, default=None))
    return found


def _may_have_labels(end: datetime, tick: datetime, start: datetime, memory: Memory) -> bool:
    """Asked once per tick, until once when the last label must have come."""
    asked = memory.asked.get(start)
    if asked is None:
        return True
    complete = tick if memory.label_delay is None else end + memory.label_delay
    return asked < min(tick, complete)


def _has_reference(monitor: Monitor, window: Window) -> bool:
    try:
        reference_windows(monitor, window)
    except WindowError:  # the monitor's first window has none before it
        return False
    return True


def _next(
    monitor: Monitor, windows: tuple[Window, ...], due_at: Callable[[datetime], datetime]
) -> tuple[datetime, Window] | None:
    """The window after the last one that has come to its tick, and its own tick."""
    calendar = monitor.calendar
    since = _bounds(windows[-1])[1].isoformat() if windows else calendar.start.isoformat()
    try:
        window = calendar.window(since)
    except WindowError:  # beyond the last day
        return None
    return due_at(_bounds(window)[1]), window


def _bounds(window: Window) -> tuple[datetime, datetime]:
    assert window.start is not None and window.end is not None  # a calendar's windows have both
    return window.start, window.end
