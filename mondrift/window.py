"""A window is the rows with time in [start, end); chunks are windows cut from a longer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from mondrift.errors import ColumnError, WindowError


@dataclass(frozen=True)
class Window:
    """Rows with time in [start, end), both UTC; None where time is not known.

    `n` is the number of rows, `label` what people call it ("reference", "week of 22 April").

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> print(Window(datetime(2013, 4, 22, tzinfo=UTC), datetime(2013, 4, 29, tzinfo=UTC), n=1298))
    2013-04-22 00:00 to 2013-04-29 00:00 UTC, 1,298 rows
    """

    start: datetime | None = None
    end: datetime | None = None
    n: int = 0
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment = getattr(self, name)
            if moment is not None and moment.utcoffset() is None:
                raise WindowError(
                    f"The {name} of a window has no time zone: {moment.isoformat()}. "
                    "Say which one it is in, e.g. datetime(2013, 4, 22, tzinfo=UTC)."
                )
        if self.start is not None and self.end is not None and self.end < self.start:
            raise WindowError(f"The window ends at {self.end}, before it starts at {self.start}.")

    def __str__(self) -> str:
        rows = f"{self.n:,} rows"
        if self.start is None or self.end is None:
            return rows
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC, {rows}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-valid; `Window.from_dict` reads it back."""
        return {
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "n": self.n,
            "label": self.label,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Window:
        """The window that `to_dict` wrote."""
        start, end = (
            datetime.fromisoformat(data[name]) if data[name] else None for name in ("start", "end")
        )
        return cls(start, end, n=data["n"], label=data["label"])


def chunk(
    rows: pd.DataFrame, every: str | int, *, timestamp: str | None = None, zone: str = "UTC"
) -> list[tuple[Window, pd.DataFrame]]:
    """Cut rows into chunks: by period ("1D", "7D", "1W-MON", "1h") or by number of rows.

    Parameters
    ----------
    rows : DataFrame with a timezone-aware column `timestamp` (needed for periods).
    every : a pandas offset, or the number of rows of a chunk.
    zone : IANA zone in which days and weeks begin.

    Returns
    -------
    (Window, rows) pairs in order of time; empty periods between the first and the last are there,
    with no rows, for silence is a finding too.

    Examples
    --------
    >>> times = pd.date_range("2013-01-01", periods=48, freq="h", tz="UTC")
    >>> [w.n for w, _ in chunk(pd.DataFrame({"at": times}), "1D", timestamp="at")]
    [24, 24]
    >>> [w.n for w, _ in chunk(pd.DataFrame({"x": range(5)}), 2)]
    [2, 2, 1]
    """
    if isinstance(every, int):
        return _by_size(rows, every)
    if timestamp is None:
        raise WindowError("Chunks by period need to know the time: chunk(..., timestamp='column').")
    if timestamp not in rows.columns:
        raise ColumnError.unknown(timestamp, rows.columns, "the rows")
    return _by_period(rows, every, timestamp, zone)


def _by_size(rows: pd.DataFrame, size: int) -> list[tuple[Window, pd.DataFrame]]:
    if size < 1:
        raise WindowError(f"A chunk has at least 1 row, not {size}.")
    cuts = [rows.iloc[start : start + size] for start in range(0, len(rows), size)]
    return [(Window(n=len(cut), label=f"chunk {i + 1}"), cut) for i, cut in enumerate(cuts)]


def _by_period(
    rows: pd.DataFrame, every: str, timestamp: str, zone: str
) -> list[tuple[Window, pd.DataFrame]]:
    times = rows[timestamp]
    if getattr(times.dt, "tz", None) is None:
        raise WindowError(
            f"Column {timestamp!r} has timestamps without a time zone. Say which one they are in: "
            f"rows[{timestamp!r}].dt.tz_localize('UTC')"
        )
    if times.isna().all():
        return []
    local = times.dt.tz_convert(ZoneInfo(zone))
    try:
        offset = pd.tseries.frequencies.to_offset(every)
    except ValueError:
        raise WindowError(f"{every!r} is no period; try '1h', '1D', '7D' or 'W-MON'.") from None
    edges = _edges(local.min(), local.max(), offset, zone)
    moments = times.dt.tz_convert("UTC")
    order = np.argsort(moments.to_numpy(), kind="stable")[: int(times.notna().sum())]
    cuts = moments.iloc[order].searchsorted(edges.tz_convert("UTC"))
    chunks = []
    for edge, after, low, high in zip(edges[:-1], edges[1:], cuts[:-1], cuts[1:], strict=True):
        cut = rows.iloc[order[low:high]]
        window = Window(
            edge.tz_convert("UTC").to_pydatetime(),
            after.tz_convert("UTC").to_pydatetime(),
            n=len(cut),
            label=f"{edge:%Y-%m-%d}",
        )
        chunks.append((window, cut))
    return chunks


def _edges(
    first: pd.Timestamp, last: pd.Timestamp, offset: pd.offsets.BaseOffset, zone: str
) -> pd.DatetimeIndex:
    """Borders of the periods from the local day of `first` to beyond `last`.

    Hours and shorter are counted as time that passes; days and longer by the calendar, so that the
    days on which clocks change have 23 and 25 hours.
    """
    start = first.normalize()
    if isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day):
        return pd.date_range(start, last + offset, freq=offset)
    day = start.tz_localize(None)
    if not isinstance(offset, pd.offsets.Day):
        day = offset.rollback(day)
    edges = pd.date_range(day, last.tz_localize(None) + 2 * offset, freq=offset)
    placed = edges.tz_localize(
        ZoneInfo(zone), nonexistent="shift_forward", ambiguous=np.ones(len(edges), dtype=bool)
    )
    return placed[: int((placed <= last).sum()) + 1]
