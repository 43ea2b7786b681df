"""What a window of a monitor is measured against, out of the store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from mondrift.errors import WindowError
from mondrift.matching import calendar_matched
from mondrift.rows import Rows, read
from mondrift.run.plan import Monitor
from mondrift.store import Model, Store
from mondrift.store.versions import joined
from mondrift.window import Window


def reference_rows(store: Store, monitor: Monitor, model: Model, window: Window) -> Rows:
    """The rows that `window` is measured against; none when its reference windows have none.

    Raises ModelError when there is no such baseline, WindowError when no window lies before, or
    when a baseline does not have the window's hours.
    """
    if monitor.reference.kind == "baseline":
        return read(_baseline(store, monitor, model, window), model.schema, label="reference")
    return window_rows(store, model, *reference_windows(monitor, window))


def window_rows(store: Store, model: Model, *windows: Window) -> Rows:
    """The rows of windows, oldest first, as one.

    Raises WindowError when retention has taken rows of them: what is left would say too little.
    """
    kept = store.kept_from(model.model_id)
    if kept is not None and bounds(windows[0])[0] < kept:
        raise WindowError(
            f"{windows[0].label or 'The window'} began before {kept:%Y-%m-%d}: rows of "
            f"{model.model_id!r} before that day are gone (mondrift retention), so it cannot be "
            "measured from rows any more. Check a later window, or keep rows for longer."
        )
    frames = [store.window(model.model_id, *bounds(each)) for each in windows]
    filled = [each for each in frames if len(each)] or frames[:1]
    frame = joined(filled)
    first, last = windows[0], windows[-1]
    label = first.label if first is last else f"{len(windows)} windows from {first.label} on"
    span = Window(first.start, last.end, label=label)
    return read(frame, model.schema, window=span, label=label)


def reference_windows(monitor: Monitor, window: Window) -> tuple[Window, ...]:
    """The windows that `window` is measured against, oldest first; none for a baseline.

    Raises WindowError when all of them would begin before the monitor's first day.
    """
    reference = monitor.reference
    if reference.kind == "baseline":
        return ()
    start, _ = bounds(window)
    if reference.kind == "previous window":
        return (monitor.window((start - timedelta(microseconds=1)).isoformat()),)
    found = monitor.calendar.weeks_before(window, reference.weeks)
    if not found:
        raise WindowError(
            f"{window.label} has no reference: the windows of {monitor.name!r} begin on "
            f"{monitor.calendar.start} ({monitor.calendar.zone}), and none of the "
            f"{reference.weeks} weeks before has this one. Begin window.start earlier, or check a "
            "later window."
        )
    return found


def bounds(window: Window) -> tuple[datetime, datetime]:
    """Start and end, which a window of a monitor has."""
    if window.start is None or window.end is None:
        raise WindowError("A check needs a window with a start and an end.")
    return window.start, window.end


def _baseline(store: Store, monitor: Monitor, model: Model, window: Window) -> pd.DataFrame:
    baseline = store.baseline(monitor.model, monitor.reference.version)
    rows, match, timestamp = baseline.rows(), monitor.reference.match, model.schema.timestamp
    if match is None or timestamp is None:
        return rows
    times = store.window(model.model_id, *bounds(window), columns=[timestamp])
    if times.empty:
        return rows  # of such a window there is only to tell that it is empty
    if rows[timestamp].isna().all():
        raise WindowError(
            f"Baseline {baseline.version} of {model.model_id!r} does not know when its rows were, "
            f"so it cannot be matched by {match}. Register one from rows with times, or leave "
            "`match` out of the monitor's reference."
        )
    zone = monitor.calendar.zone
    matched: pd.DataFrame = calendar_matched(rows, times, timestamp=timestamp, zone=zone, by=match)
    return matched
