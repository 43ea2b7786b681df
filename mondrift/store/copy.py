"""PostgreSQL's COPY BINARY, written and read by numpy: no other way is nearly as fast.

Rows of the same shape (the same nulls, the same lengths of strings) are one structured array whose
memory is what COPY expects; a batch is split into its few shapes. On reading, every length word is
checked, so that a NULL or a ragged array is refused and never misread as numbers.

Format: https://www.postgresql.org/docs/current/sql-copy.html (binary format).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mondrift.errors import StoreError

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = _SIGNATURE + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_OIDS = {"f8": 701, "i4": 23}
_ROWS_AT_ONCE = 20_000

#: Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01.
EPOCH = 946_684_800_000_000


@dataclass(frozen=True)
class Field:
    """One column on its way in.

    Parameters
    ----------
    values : array of shape (n,) for a scalar, (n, k) for a SQL array (float64 or int32 items), or
        a list of n byte strings for text and JSON.
    null : boolean array of shape (n,), where the value is NULL; None: nowhere.
    """

    values: np.ndarray | Sequence[bytes]
    null: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Field:
        """The field of these rows only (an index array)."""
        null = None if self.null is None else self.null[rows]
        if isinstance(self.values, np.ndarray):
            return Field(self.values[rows], null)
        return Field([self.values[row] for row in rows.tolist()], null)

    def lengths(self, n: int) -> np.ndarray:
        """Bytes of each value on the wire, -1 for NULL."""
        if not isinstance(self.values, np.ndarray):
            lengths = np.fromiter(map(len, self.values), dtype=np.int64, count=n)
        elif self.values.ndim == 1:
            lengths = np.full(n, self.values.dtype.itemsize, dtype=np.int64)
        else:
            items = self.values.shape[1]
            size = 12 if items == 0 else 20 + items * (4 + self.values.dtype.itemsize)
            lengths = np.full(n, size, dtype=np.int64)
        return lengths if self.null is None else np.where(self.null, -1, lengths)


def moments(microseconds: np.ndarray) -> np.ndarray:
    """Microseconds since 1970 as the int64 that PostgreSQL's timestamptz holds."""
    return microseconds - EPOCH


def texts(values: Sequence[str | None]) -> Field:
    """A text column; None is NULL."""
    null = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    return Field([b"" if value is None else value.encode() for value in values], null)


def text_array(rows: Sequence[Sequence[str | None]]) -> Field:
    """A column of text[], one sequence per row, all of the same number of items."""
    return Field([_text_array(row) for row in rows])


def _text_array(row: Sequence[str | None]) -> bytes:
    head = struct.pack(">iiiii", 1, int(None in row), 25, len(row), 1)
    items = (b"\xff\xff\xff\xff" if v is None else _sized(v.encode()) for v in row)
    return head + b"".join(items)


def _sized(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def blocks(fields: Sequence[Field], n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows in blocks of one shape each: (index array, structured array as COPY wants it)."""
    shape = np.zeros(n, dtype=np.int64)
    lengths = [field.lengths(n) for field in fields]
    for column in lengths:
        codes = np.unique(column, return_inverse=True)[1] if n else column
        if n and codes.max() > 0:
            shape = np.unique(shape * (codes.max() + 1) + codes, return_inverse=True)[1]
    order = np.argsort(shape, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(shape[order])) + 1, n) if n else np.empty(0, int)
    start = 0
    for end in ends.tolist():
        for low in range(start, end, _ROWS_AT_ONCE):
            rows = order[low : min(low + _ROWS_AT_ONCE, end)]
            sizes = [int(column[rows[0]]) for column in lengths]
            yield rows, _block([field.take(rows) for field in fields], sizes, len(rows))
        start = end


def _block(fields: Sequence[Field], sizes: Sequence[int], n: int) -> np.ndarray:
    parts: list[Any] = [("fields", ">i2")]
    for at, (field, size) in enumerate(zip(fields, sizes, strict=True)):
        parts.append((f"size{at}", ">i4"))
        if size > 0:
            parts.append((f"value{at}", _dtype(field, size)))
    block = np.empty(n, dtype=np.dtype(parts))
    block["fields"] = len(fields)
    for at, (field, size) in enumerate(zip(fields, sizes, strict=True)):
        block[f"size{at}"] = size
        if size <= 0:
            continue
        if not isinstance(field.values, np.ndarray):
            block[f"value{at}"] = np.frombuffer(b"".join(field.values), dtype=f"V{size}")
        elif field.values.ndim == 1:
            block[f"value{at}"] = field.values
        else:
            _fill(block[f"value{at}"], field.values)
    return block


def _dtype(field: Field, size: int) -> np.dtype[Any]:
    if not isinstance(field.values, np.ndarray):
        return np.dtype(f"V{size}")
    wire = field.values.dtype.newbyteorder(">")
    if field.values.ndim == 1:
        return wire
    return array_dtype(field.values.shape[1], wire)


def array_dtype(items: int, wire: np.dtype[Any]) -> np.dtype[Any]:
    """The memory of a one-dimensional SQL array without NULLs."""
    if items == 0:
        return np.dtype([("head", ">i4", (3,))])
    item = np.dtype([("size", ">i4"), ("value", wire)])
    return np.dtype([("head", ">i4", (5,)), ("items", item, (items,))])


def array_head(items: int, wire: np.dtype[Any]) -> list[int]:
    """Dimensions, null flag, item type, then length and lower bound: what must stand there."""
    oid = _OIDS[wire.str[1:]]
    return [0, 0, oid] if items == 0 else [1, 0, oid, items, 1]


def _fill(part: np.ndarray, values: np.ndarray) -> None:
    part["head"] = array_head(values.shape[1], values.dtype)
    if values.shape[1]:
        part["items"]["size"] = values.dtype.itemsize
        part["items"]["value"] = values


class _Stream(io.RawIOBase):
    """What psycopg2 reads from: each read gives the next block, whatever size it asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def readable(self) -> bool:
        return True

    def read(self, _size: int = -1) -> bytes:
        return next(self._chunks, b"")


def write(cursor: Any, target: str, fields: Sequence[Field], n: int) -> None:
    """COPY n rows into `target`, e.g. "quarantine (model, reason)", within the transaction."""

    def chunks() -> Iterator[bytes]:
        yield _HEADER
        for _, block in blocks(fields, n):
            yield block.tobytes()
        yield _TRAILER

    cursor.copy_expert(f"COPY {target} FROM STDIN WITH (FORMAT BINARY)", _Stream(chunks()))


@dataclass(frozen=True)
class Wanted:
    """One column on its way out: a scalar or a SQL array of `items`, or text (`wire` None)."""

    name: str
    wire: np.dtype[Any] | None
    items: int | None = None


def read(cursor: Any, query: str, wanted: Sequence[Wanted]) -> dict[str, Any]:
    """COPY the rows of `query` out: arrays by name, lists of str for the text columns.

    The text columns stand last. Raises StoreError when a row is not of the shape that was asked
    for (a NULL, a ragged array): numbers are never read from the wrong place.
    """
    received = io.BytesIO()
    cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT BINARY)", received)
    with received.getbuffer() as data:
        return _parse(data, wanted)


def _parse(data: memoryview, wanted: Sequence[Wanted]) -> dict[str, Any]:
    if bytes(data[: len(_SIGNATURE)]) != _SIGNATURE or bytes(data[-2:]) != _TRAILER:
        raise StoreError("PostgreSQL's answer to COPY is cut short; read the window again.")
    rows = data[len(_HEADER) : -2]
    fixed = [each for each in wanted if each.wire is not None]
    strings = [each for each in wanted if each.wire is None]
    try:
        block, found = _split(rows, _row_dtype(fixed), len(strings))
    except (struct.error, UnicodeDecodeError):
        raise StoreError(_MISSHAPEN) from None
    _verify(block, fixed, len(wanted))
    result: dict[str, Any] = {}
    for each in fixed:
        value = block[each.name]["value"]
        if each.items is not None:
            value = value["items"]["value"] if each.items else np.empty((len(block), 0))
        result[each.name] = value
    result.update({each.name: found[at] for at, each in enumerate(strings)})
    return result


def _row_dtype(fixed: Sequence[Wanted]) -> np.dtype[Any]:
    parts: list[Any] = [("fields", ">i2")]
    for each in fixed:
        assert each.wire is not None
        wire = each.wire if each.items is None else array_dtype(each.items, each.wire)
        parts.append((each.name, np.dtype([("size", ">i4"), ("value", wire)])))
    return np.dtype(parts)


def _split(
    rows: memoryview, dtype: np.dtype[Any], strings: int
) -> tuple[np.ndarray, list[list[str | None]]]:
    """The fixed part of every row, and the strings after it, which are of any length."""
    if strings == 0:
        if len(rows) % dtype.itemsize:
            raise StoreError(_MISSHAPEN)
        return np.frombuffer(rows, dtype=dtype), []
    even = _split_even(rows, dtype, strings)
    if even is not None:
        return even
    size_at = struct.Struct(">i").unpack_from
    parts: list[memoryview] = []
    found: list[list[str | None]] = [[] for _ in range(strings)]
    at, end, width = 0, len(rows), dtype.itemsize
    while at < end:
        if at + width > end:
            raise StoreError(_MISSHAPEN)
        parts.append(rows[at : at + width])
        at += width
        for column in found:
            (size,) = size_at(rows, at)
            at += 4
            if size < 0:
                column.append(None)
            else:
                column.append(str(rows[at : at + size], "utf-8"))
                at += size
    return np.frombuffer(b"".join(parts), dtype=dtype), found


def _split_even(
    rows: memoryview, dtype: np.dtype[Any], strings: int
) -> tuple[np.ndarray, list[list[str | None]]] | None:
    """The same without a loop, when every row's strings are as long as the first row's (ids)."""
    parts: list[Any] = [("fixed", dtype)]
    at = dtype.itemsize
    for column in range(strings):
        if at + 4 > len(rows):
            return None
        (size,) = struct.unpack_from(">i", rows, at)
        if size <= 0:
            return None
        parts += [(f"size{column}", ">i4"), (f"text{column}", f"S{size}")]
        at += 4 + size
    even = np.dtype(parts)
    if len(rows) % even.itemsize:
        return None
    block = np.frombuffer(rows, dtype=even)
    for column in range(strings):
        if (block[f"size{column}"] != even[f"text{column}"].itemsize).any():
            return None
    found = [block[f"text{column}"].tolist() for column in range(strings)]
    return block["fixed"], [[text.decode() for text in column] for column in found]


_MISSHAPEN = "A stored row has another shape than its schema version says; the read was stopped."


def _verify(block: np.ndarray, fixed: Sequence[Wanted], fields: int) -> None:
    good = bool((block["fields"] == fields).all())
    for each in fixed:
        part = block[each.name]
        assert each.wire is not None
        good &= bool((part["size"] == part.dtype["value"].itemsize).all())
        if each.items is not None:
            good &= bool((part["value"]["head"] == array_head(each.items, each.wire)).all())
            if each.items:
                sizes = part["value"]["items"]["size"]
                good &= bool((sizes == each.wire.itemsize).all())
    if not good:
        raise StoreError(_MISSHAPEN)
