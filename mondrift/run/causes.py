"""Why a window is worse and since when, once its verdict says that it is."""

from __future__ import annotations

from datetime import datetime

from mondrift.diagnosis import FLAGGED, measurement
from mondrift.measurement import Measurement
from mondrift.performance import DECISIVE
from mondrift.rows import Rows
from mondrift.run.plan import Monitor
from mondrift.run.reference import bounds
from mondrift.since import Course, changed_since, step_of
from mondrift.split import split_change
from mondrift.store import Store
from mondrift.verdict import Verdict
from mondrift.window import Window

_WINDOWS = 12  # that are looked at for the moment of a change, at most
_BEFORE = 4  # of them, those before it got worse: they give the level


def causes(
    store: Store, monitor: Monitor, verdict: Verdict, before: Rows, after: Rows
) -> list[Measurement]:
    """What a worse metric comes from, and, where it is worse over the whole window, since when.

    `before` and `after` are the rows of the reference and of the verdict's window.
    """
    comparison = verdict.comparison
    found = split_change(before, after, seed=comparison.seed)
    worse = [f for f in verdict.findings if f.check in DECISIVE and f.status in FLAGGED]
    for each in worse:
        about = measurement(comparison, each.check)
        if about is not None and not each.segment:
            course = _course(store, monitor, comparison.current)
            seed = comparison.seed
            found.append(changed_since(course, about, metric=each.check, seed=seed))
    return found


def _course(store: Store, monitor: Monitor, window: Window) -> Course:
    """Errors from some windows before it got worse up to the end of this one."""
    _, end = bounds(window)
    start, zone = _start(store, monitor, window), monitor.calendar.zone
    step = step_of(start, end)
    frame = store.mistakes(monitor.model, start, end, every=step, zone=zone)
    return Course.of(frame, end, step, zone)


def _start(store: Store, monitor: Monitor, window: Window) -> datetime:
    """Start of the fourth window before this one that was not worse, at most eleven back."""
    start, _ = bounds(window)
    history = store.history(
        monitor.model, measures=DECISIVE, whole=True, monitor=monitor.name, last=5 * _WINDOWS
    )
    worse = set(history.loc[history["status"].isin(FLAGGED), "window_start"])
    fine = 0
    for each in reversed(monitor.calendar.last(start, _WINDOWS - 1)):
        start, _ = bounds(each)
        fine += start not in worse
        if fine == _BEFORE:
            break
    return start
