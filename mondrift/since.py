"""Since when a model is worse: a change point in its errors, place by place in time.

`changed_since` is how much larger the error is from that moment on (a share of wrong answers, or
the target's unit); `detail` has the moment (`at`), its 95 % range (`from`, `to`) and `until`, when
the errors came back before the last row. Times are those of predictions, not of labels.

Blind spots: those of `detectors.changepoint`; and what changed before the first row seen is told
as the first moment, or not at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mondrift.detectors import Change, Series, change_point
from mondrift.measurement import Measurement

SINCE = "changed_since"
SURE = 0.05  # up to this p-value a moment is told
COLUMNS = ("start", "n", "errors", "squares")
"""Of a frame of errors: a row per hour or day, with how many labelled rows, the sum of their errors
(0 and 1 for classes, else absolute errors), and of their squares."""
_FEWEST_DAYS = 10  # places of a day from so many days on, of an hour for fewer


@dataclass(frozen=True, eq=False)
class Course:
    """Errors place by place (`step` as `step_of` says), in the order of time, up to `end`."""

    starts: tuple[datetime, ...]
    series: Series
    end: datetime
    step: str
    zone: str = "UTC"

    @classmethod
    def of(cls, frame: pd.DataFrame, end: datetime, step: str, zone: str = "UTC") -> Course:
        """From a frame with `COLUMNS`, cut by `step` in `zone`; empty places may be left out."""
        ordered = frame.sort_values("start")
        starts = pd.DatetimeIndex(ordered["start"]).tz_convert(UTC)
        sums = (ordered[name].to_numpy(dtype=np.float64) for name in COLUMNS[1:])
        return cls(tuple(at.to_pydatetime() for at in starts), Series(*sums), end, step, zone)

    def ends(self, place: int) -> datetime:
        """When a place ends: where the next begins, unless there are none in between."""
        following = self.starts[place + 1] if place + 1 < len(self.starts) else self.end
        length = timedelta(days=1) if self.step == "1D" else timedelta(hours=1)
        alone = following - self.starts[place] > 1.5 * length  # a day may last 25 hours
        return self.starts[place] + length if alone else following


def step_of(start: datetime, end: datetime) -> str:
    """How long a place is: "1h", or "1D" where the rhythm of a day would be taken for a change.

    >>> step_of(datetime(2013, 4, 1), datetime(2013, 4, 4)), step_of(
    ...     datetime(2013, 4, 1), datetime(2013, 4, 29))
    ('1h', '1D')
    """
    return "1D" if (end - start).total_seconds() >= _FEWEST_DAYS * 86_400 else "1h"


def course_of(times: pd.Series[pd.Timestamp], losses: np.ndarray) -> Course | None:
    """The course of errors from the time and the error of each row; None when no row has both.

    >>> times = pd.Series(pd.to_datetime(["2013-04-01T10:05", "2013-04-01T10:50"], utc=True))
    >>> course = course_of(times, np.array([1.0, 0.0]))
    >>> course.step, course.series.n.tolist(), course.series.sums.tolist()
    ('1h', [2.0], [1.0])
    """
    known = times.notna().to_numpy() & ~np.isnan(losses)
    held = pd.DataFrame({"start": times[known].dt.tz_convert(UTC), "errors": losses[known]})
    if held.empty:
        return None
    last = held["start"].max()
    step = step_of(held["start"].min(), last)
    places = held["start"].dt.floor("D" if step == "1D" else "h")
    held = held.assign(start=places, n=1.0, squares=held["errors"] ** 2)
    sums = held.groupby("start", as_index=False)[["n", "errors", "squares"]].sum()
    return Course.of(sums, last.to_pydatetime(), step)


def changed_since(course: Course, about: Measurement, *, metric: str, seed: int = 0) -> Measurement:
    """Since when errors are larger, of the same column and sizes as `about`.

    NaN with the reason when no moment stands out, or when errors only became smaller.
    """
    found, until = _rise(course, seed)
    detail: dict[str, object] = {"metric": metric, "reference": None}
    reason, size = found.reason, math.nan
    if not course.starts:
        reason = "errors over time are summed from stored predictions and labels: there are none"
    if not reason and found.pvalue > SURE:
        reason = f"no moment stands out (p = {found.pvalue:.2g})"
    elif not reason and found.after <= found.before:
        reason = "errors were fewer at the end"
    if not reason:
        size = found.after - found.before
        # places without rows lie between: the change may have been there
        first = course.ends(found.first - 1) if found.first else course.starts[0]
        moments = {"at": course.starts[found.at], "from": first, "to": course.starts[found.last]}
        if until is not None:
            moments["until"] = course.starts[until]
        detail |= {name: at.astimezone(UTC).isoformat() for name, at in moments.items()}
        detail |= {"step": course.step, "zone": course.zone}
        detail |= {"reference": found.before, "labelled": _rows_after(course, found.last)}
    return replace(
        about, measure=SINCE, statistic=size, pvalue=None if reason else found.pvalue,
        low=None, high=None, reason=reason, detail=detail,
    )  # fmt: skip


def _rise(course: Course, seed: int) -> tuple[Change, int | None]:
    """The change, and the place at which the level was over again; None while it lasts.

    One step is looked for in the whole course, then its counterpart on the other side of it.
    """
    series = course.series
    found = change_point(series, seed=seed)
    if found.reason or found.pvalue > SURE:
        return found, None
    if found.after > found.before:
        back = change_point(series.part(found.at), seed=seed)
        over = back.pvalue <= SURE and back.after < (back.before + found.before) / 2
        return found, found.at + back.at if over else None
    rise = change_point(series.part(0, found.at), seed=seed)
    if rise.pvalue <= SURE and rise.after > rise.before:
        return rise, found.at
    return found, None


def _rows_after(course: Course, place: int) -> int:
    """Labelled rows from a place on."""
    return int(course.series.n[place:].sum())
