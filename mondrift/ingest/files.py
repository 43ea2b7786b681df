"""Files in, frames out: CSV, JSON Lines and Parquet, told apart by the file's name.

A column of codes stays what it is: values that begin with a zero ("007", postal codes) are read as
text, not as the number 7.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from mondrift.errors import ColumnError, ExtraError, InputError, shown

_LEADING_ZERO = re.compile(r"-?0\d+")
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_PEEKED = 10_000  # rows in which codes with a leading zero are looked for


def read_file(
    path: str | Path, *, timestamps: tuple[str, ...] = (), zone: str = ""
) -> pd.DataFrame:
    """The rows of a file.

    Parameters
    ----------
    path : *.csv, *.tsv, *.jsonl, *.ndjson (also *.gz of these) or *.parquet.
    timestamps : columns to read as UTC; text in ISO 8601.
    zone : IANA zone of timestamps that name none; "" refuses them.

    Raises InputError when the file cannot be read, ColumnError for a timestamp that is not there.
    """
    file = Path(path)
    reader = _READERS.get(suffix(file))
    if reader is None:
        raise InputError(
            f"{str(file)!r} is of no kind that can be read; there are {shown(_READERS)} "
            "(and .gz of the texts)."
        )
    try:
        rows = reader(file)
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror or error}.") from None
    except (ValueError, EOFError) as error:  # pandas' parsers and pyarrow complain in ValueErrors
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise InputError(f"{str(file)!r} cannot be read: {reason}.") from None
    return with_timestamps(rows, timestamps, zone, repr(str(file)))


def with_timestamps(
    rows: pd.DataFrame, timestamps: tuple[str, ...], zone: str, where: str
) -> pd.DataFrame:
    """The rows with these columns in UTC; see `read_file`. `where` they come from, for errors."""
    for name in timestamps:
        if name not in rows.columns:
            raise ColumnError.unknown(name, rows.columns, where)
        rows[name] = _moments(rows[name], zone, where)
    return rows


def suffix(file: Path) -> str:
    """What a file's name says that it is, in lower case, without .gz."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packed = suffixes[-1:] == [".gz"]
    return suffixes[-2] if packed and len(suffixes) > 1 else (suffixes or [""])[-1]


def _csv(file: Path, separator: str = ",") -> pd.DataFrame:
    return pd.read_csv(file, sep=separator, dtype=codes_of(file, separator))


def codes_of(file: Path, separator: str) -> dict[Any, Any]:
    """The columns of a CSV file in which a value begins with a zero, to be read as text."""
    head = pd.read_csv(file, sep=separator, nrows=_PEEKED, dtype="str", keep_default_na=False)
    codes = [
        name
        for name in head.columns
        if head[name].map(lambda value: _LEADING_ZERO.fullmatch(value) is not None).any()
    ]
    return dict.fromkeys(codes, "str")


def _tsv(file: Path) -> pd.DataFrame:
    return _csv(file, "\t")


def _json_lines(file: Path) -> pd.DataFrame:
    packed = file.suffix.lower() == ".gz"
    text = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
    return pd.DataFrame([json.loads(line) for line in text.splitlines() if line.strip()])


def _parquet(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except ImportError:
        raise ExtraError.needed("Reading Parquet", "pyarrow", "parquet") from None


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


def _moments(column: pd.Series[Any], zone: str, where: str) -> pd.Series[Any]:
    """A column of timestamps in UTC."""
    zoned = getattr(column.dtype, "tz", None) is not None
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        zoned = bool(column.dropna().astype("str").str.contains(_OFFSET).all())
        try:
            column = pd.to_datetime(column, format="ISO8601", utc=zoned)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"Column {column.name!r} of {where} holds no ISO 8601 timestamps: {error}"
            ) from None
    if not zoned and not zone:
        raise InputError(
            f"Column {column.name!r} of {where} has timestamps without a time zone. Say "
            "which one they are in: --zone UTC, or --zone Europe/Berlin."
        )
    try:
        moments: pd.Series[Any] = column if zoned else column.dt.tz_localize(zone)
        return cast("pd.Series[Any]", moments.dt.tz_convert("UTC"))
    except Exception as error:  # noqa: BLE001  (zoneinfo's and pandas' several complaints)
        raise InputError(
            f"Column {column.name!r} cannot be read in zone {zone!r}: {error}"
        ) from None


def refuse_zoneless(rows: pd.DataFrame, name: str, file: Path) -> None:
    """Raises InputError when a column of timestamps is there, and none of them says its zone."""
    if name not in rows.columns or getattr(rows[name].dtype, "tz", None) is not None:
        return
    told = rows[name].dropna()
    if pd.api.types.is_datetime64_any_dtype(told.dtype):
        zoneless = len(told) > 0
    else:
        texts = [value for value in told.tolist() if isinstance(value, str)]
        zoneless = len(texts) == len(told) > 0 and not any(map(_OFFSET.search, texts))
    if zoneless:
        raise InputError(
            f"Column {name!r} of {str(file)!r} has timestamps without a time zone. Say which one "
            "they are in: --zone UTC, or --zone Europe/Berlin."
        )


def zoned(column: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """The column with its naive timestamps taken to be of `zone`; what cannot be read is left."""
    return column.map(lambda value: _in_zone(value, zone), na_action="ignore")


def _in_zone(value: Any, zone: str) -> Any:
    try:
        moment = pd.Timestamp(value)
        return (moment.tz_localize(zone) if moment.tzinfo is None else moment).isoformat()
    except Exception:  # noqa: BLE001  (zoneinfo's and pandas' several complaints)
        return value
