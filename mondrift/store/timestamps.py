"""When a row happened: microseconds since 1970, from anything that says its time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from mondrift.errors import InputError, WindowError
from mondrift.store.complaints import Complaints

#: Earlier rows are taken for a mistake (seconds read as milliseconds, a zero).
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

#: How far the clock of a model's process may be ahead of the store's.
AHEAD = timedelta(days=1)

#: In place of the timestamp of a row that has none (only rows of a baseline may).
NO_TIME = np.iinfo(np.int64).min

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONED = re.compile(r"(?:[zZ]|[+-]\d{2}:?\d{2}|[+-]\d{2}|UTC|GMT)\s*$")


def to_microseconds(moment: datetime, what: str) -> int:
    """A time-zone-aware moment as microseconds since 1970; WindowError for a naive one."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise WindowError(
            f"{what} is {moment!r}, without a time zone. Say which one it is in, "
            "e.g. datetime(2013, 4, 22, tzinfo=UTC)."
        )
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def microseconds(
    column: pd.Series[Any], zone: str | None, latest: datetime, complaints: Complaints
) -> np.ndarray:
    """The column as microseconds since 1970, with a complaint against each row it cannot use.

    Raises InputError when the whole column lacks a time zone and `zone` declares none, or holds
    numbers: whether those are seconds or milliseconds would be a guess.
    """
    name = str(column.name)
    if column.dtype.kind in "iuf" and not column.isna().all():
        raise InputError(
            f"Column {name!r} holds numbers, not timestamps. Say what they count: "
            f"rows[{name!r}] = pandas.to_datetime(rows[{name!r}], unit='s', utc=True)"
        )
    if zone is not None:
        _check_zone(zone)
    missing = column.isna().to_numpy()
    naive = _naive(column) & ~missing
    if naive.any() and zone is None:
        if naive.sum() == (~missing).sum():
            raise InputError(
                f"Column {name!r} has timestamps without a time zone. Say which one they are in: "
                "log(..., zone='UTC')"
            )
        complaints.add(naive, lambda row: f"timestamp {column.iloc[row]!s} has no time zone")
    moments = _parse(column, naive, zone)
    unread = np.isnat(moments)
    complaints.add(unread & missing, lambda _: "it has no timestamp")
    complaints.add(
        unread & ~missing, lambda row: f"timestamp {str(column.iloc[row])[:60]!r} cannot be read"
    )
    values = moments.astype("int64")
    absurd = ~unread & (
        (values < to_microseconds(EARLIEST, "EARLIEST"))
        | (values > to_microseconds(latest + AHEAD, "now"))
    )
    complaints.add(
        absurd,
        lambda row: (
            f"timestamp {column.iloc[row]!s} is not between {EARLIEST:%Y-%m-%d} and now + 1 day"
        ),
    )
    return np.asarray(values)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(
            f"{zone!r} is no time zone; give an IANA name such as 'UTC' or 'America/New_York'."
        ) from None


def _naive(column: pd.Series[Any]) -> np.ndarray:
    """Which values say no time zone."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.zeros(len(column), dtype=bool)
    if column.dtype.kind == "M":
        return np.ones(len(column), dtype=bool)
    return np.array([_says_no_zone(value) for value in column.tolist()], dtype=bool)


def _says_no_zone(value: Any) -> bool:
    if isinstance(value, str):
        return not _ZONED.search(value)
    return not isinstance(value, datetime) or value.utcoffset() is None


def _parse(column: pd.Series[Any], naive: np.ndarray, zone: str | None) -> np.ndarray:
    """datetime64[us] in UTC, NaT where it cannot be read."""
    moments = pd.Series(pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601"))
    if zone not in (None, "UTC") and naive.any():
        local = moments[naive].dt.tz_localize(None)
        # An hour that the clocks skip or repeat has no single instant: such rows become NaT.
        told = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        moments = moments.where(~naive, told.dt.tz_convert("UTC"))
    return moments.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
