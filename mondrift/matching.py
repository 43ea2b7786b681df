"""Calendar-matched reference: Monday mornings are measured against Monday mornings.

Traffic swings by the hour and the weekday, and with it every column: a Monday against a whole month
differs with no drift at all. So the reference is cut to the current window's weekdays and hours,
and thinned to its mix of them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from mondrift.errors import ColumnError, WindowError, nearest, shown
from mondrift.kinds import floats, table

Match = Literal["weekday and hour", "weekday", "hour"]
MATCHES: tuple[str, ...] = get_args(Match)

_UNMATCHED = 0.01  # share of rows by which the mixes of hours may differ; a KS D moves as much
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def calendar_matched(
    reference: Any,
    current: Any,
    *,
    timestamp: str,
    zone: str = "UTC",
    by: Match = "weekday and hour",
    seed: int = 0,
) -> Any:
    """The rows of `reference` on the weekdays and at the hours of `current`, in the same mix.

    Parameters
    ----------
    reference, current : pandas, polars or pyarrow tables. The reference should not hold the rows
        of the current window, or these are compared with themselves.
    timestamp : column of times with a time zone, in both.
    zone : IANA zone in which hours and days are told.
    by : "weekday and hour" (168 of them), "weekday" or "hour".
    seed : of the choice of rows where an hour has more than its share.

    Returns
    -------
    A table of the reference's type, its rows in their order: as many as can be had with each hour's
    share of rows within the current window's; together they miss it by 1 % of rows at most, and
    by what whole rows round. An hour that is scarce in the reference makes all of it small.

    What is left to differ is how a column behaves at the same hour. Not seen any more: that an hour
    brings more or less traffic than it did. Not explained away: a season, in which all hours move.

    Raises
    ------
    WindowError
        When more than 1 % of the current rows are at hours that the reference does not have.
    ColumnError
        When a table has no column `timestamp`.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.date_range("2024-01-01", periods=24 * 28, freq="h", tz="UTC")
    >>> log = pd.DataFrame({"at": times, "calls": times.hour * (times.day_of_week < 5)})
    >>> reference, monday = log[log["at"] < "2024-01-22"], log[504:528]
    >>> matched = calendar_matched(reference, monday, timestamp="at")
    >>> len(matched), matched["at"].dt.day_name().unique().tolist()
    (72, ['Monday'])
    """
    if by not in MATCHES:
        raise WindowError(f"{by!r} is no way to match; there are {shown(MATCHES)}.")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        close = nearest(zone, available_timezones())
        raise WindowError(f"{zone!r} is no IANA time zone.{close}") from None
    rows = table(reference, "the reference window")
    there = _slots(rows, timestamp, zone, by, "the reference window")
    here = _slots(table(current, "the current window"), timestamp, zone, by, "the current window")
    wanted, had = _counts(here), _counts(there)
    times = _times_over(wanted, had, len(here), by)
    chosen = _drawn(there, _quotas(wanted, had, times), np.random.default_rng(seed))
    return rows[chosen].to_native()


_SLOTS = 168  # weekday * 24 + hour


def _slots(frame: Any, timestamp: str, zone: str, by: str, where: str) -> np.ndarray:
    """Weekday and hour of each row as a number below 168, -1 where the time is missing."""
    if timestamp not in frame.columns:
        raise ColumnError.unknown(timestamp, frame.columns, where)
    series = frame[timestamp]
    if getattr(series.dtype, "time_zone", None) is None:
        raise WindowError(
            f"Column {timestamp!r} of {where} holds {series.dtype}; hours are told from times with "
            f"a time zone: rows[{timestamp!r}] = pandas.to_datetime(rows[{timestamp!r}], utc=True)"
        )
    seconds = floats(series.dt.timestamp("ms")) // 1000
    known = np.isfinite(seconds)
    moments = pd.DatetimeIndex(np.where(known, seconds, 0).astype("datetime64[s]"), tz="UTC")
    local = moments.tz_convert(ZoneInfo(zone))
    day = local.day_of_week.to_numpy() if "weekday" in by else 0
    hour = local.hour.to_numpy() if "hour" in by else 0
    return np.where(known, day * 24 + hour, -1)


def _counts(slots: np.ndarray) -> np.ndarray:
    return np.bincount(slots[slots >= 0], minlength=_SLOTS)


def _times_over(wanted: np.ndarray, had: np.ndarray, n: int, by: str) -> float:
    """How many reference rows a current row gets: the most at which so few lack that all is well.

    At t reference rows per current row, hour s lacks max(0, wanted - had / t) current rows' worth.
    """
    if n == 0:
        raise WindowError("The current window has no rows, so there are no hours to match.")
    allowed = _UNMATCHED * n
    lost = n - int(wanted[had > 0].sum())
    if lost > allowed:
        alone = np.flatnonzero((wanted > 0) & (had == 0))
        missing = shown([_named(slot, by) for slot in alone.tolist()])
        raise WindowError(
            f"{lost:,} of {n:,} current rows have no reference to be measured against: it has no "
            f"rows at {missing}. Give a longer reference"
            f"{', or match by the weekday or the hour alone' if by == MATCHES[0] else ''}."
        )
    both = np.flatnonzero((wanted > 0) & (had > 0))
    both = both[np.argsort(had[both] / wanted[both], kind="stable")]
    ratio = had[both] / wanted[both]
    # With t between the ratios k-1 and k, the k poorest hours lack Σ wanted - Σ had / t.
    poor_wanted, poor_had = np.cumsum(wanted[both]), np.cumsum(had[both])
    lacking = poor_wanted - poor_had / ratio + lost
    enough = np.flatnonzero(lacking <= allowed)
    last = int(enough[-1])
    if last == len(both) - 1:
        return float(ratio[last])
    return float(poor_had[last] / (poor_wanted[last] - (allowed - lost)))


def _quotas(wanted: np.ndarray, had: np.ndarray, times: float) -> np.ndarray:
    """Rows per hour. Rounded on their running sum, so that hours of few rows are not all rounded
    the same way."""
    ends = np.rint(np.cumsum(wanted * times)).astype(np.int64)
    quotas: np.ndarray = np.minimum(np.diff(ends, prepend=0), had)
    return quotas


def _drawn(slots: np.ndarray, quotas: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of the rows that stay, ascending: of each slot, its quota, at random."""
    order = np.lexsort((generator.random(len(slots)), slots))
    order = order[np.count_nonzero(slots < 0) :]
    starts = np.concatenate([[0], np.cumsum(_counts(slots))])[:-1]
    rank = np.arange(len(order)) - starts[slots[order]]
    drawn: np.ndarray = order[rank < quotas[slots[order]]]
    drawn.sort()
    return drawn


def _named(slot: int, by: str) -> str:
    day, hour = _DAYS[slot // 24], f"{slot % 24:02d}:00"
    return {"weekday": day, "hour": hour}.get(by, f"{day} {hour}")
