"""Counts of many columns as one block of bytes, and as sums of such blocks.

Every cell of every grid has a place in one long line (`Places`), so that a sum over a month of
blocks is a few array additions, whatever the number of columns. Levels of categories stand beside
it as (column, code): new ones may come at any time.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HEAD = struct.Struct("<BBBqIII")  # version, bytes per gap (0: dense), per count, n, three sizes
_VERSION = 1
_FAST = 1  # zlib's quickest level: slower ones gain a tenth of the bytes for thrice the time
_DENSE = 3  # from a third of the places occupied on, all are written, without gaps

MISSING, NEGATIVE, POSITIVE = range(3)  # rows of `whole`
MINIMUM, MAXIMUM, MEAN, M2 = range(4)  # rows of `real`

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What is known of k columns of some rows; it adds.

    whole: (3, k) rows missing, minus and plus infinite. real: (4, k) minimum, maximum, mean and
    sum of squared deviations of the finite values; NaN (m2: 0) without any. at, count: the places
    that hold something, ascending, and how many rows each. column, code, rows: the same for
    levels, ascending by (column, code).
    """

    n: int
    whole: Ints
    real: Floats
    at: Ints
    count: Ints
    column: Ints
    code: Ints
    rows: Ints

    @classmethod
    def nothing(cls, columns: int) -> Counts:
        """The counts of no rows."""
        none = np.zeros(0, dtype=np.int64)
        real = np.full((4, columns), np.nan)
        real[M2] = 0.0
        return cls(0, np.zeros((3, columns), np.int64), real, none, none, none, none, none)

    def pack(self, places: int) -> bytes:
        """As bytes; `places` is the length of the line."""
        dense = len(self.at) * _DENSE >= places > 0
        line = self.count
        if dense:
            line = np.zeros(places, dtype=np.int64)
            line[self.at] = self.count
        gaps = _narrow(np.diff(self.at, prepend=0))
        counts = _narrow(line)
        gap_size = 0 if dense else gaps.dtype.itemsize
        sizes = (places if dense else len(self.at), len(self.code), self.whole.shape[1])
        parts = [
            _HEAD.pack(_VERSION, gap_size, counts.dtype.itemsize, self.n, *sizes),
            self.whole.astype("<i8").tobytes(),
            self.real.astype("<f8").tobytes(),
            b"" if dense else gaps.tobytes(),
            counts.tobytes(),
            self.column.astype("<u2").tobytes(),
            self.code.astype("<u4").tobytes(),
            self.rows.astype("<i8").tobytes(),
        ]
        return zlib.compress(b"".join(parts), _FAST)


def total(packed: Iterable[bytes], places: int, columns: int) -> Counts:
    """The sum of packed counts of the same layout: counts exactly, moments to rounding."""
    line = np.zeros(places, dtype=np.int64)
    blocks = [_unpack(each, line) for each in packed]
    if not blocks:
        return Counts.nothing(columns)
    whole = np.stack([block.whole for block in blocks])
    real = np.stack([block.real for block in blocks])
    n = np.array([block.n for block in blocks], dtype=np.int64)
    at = np.flatnonzero(line)
    levels = [np.concatenate([getattr(b, name) for b in blocks]) for name in _LEVELS]
    return Counts(
        int(n.sum()), whole.sum(axis=0), _pooled(n, whole, real), at, line[at], *_merged(*levels)
    )


_LEVELS = ("column", "code", "rows")


@dataclass(frozen=True)
class _Block:
    """One packed block, its line added elsewhere."""

    n: int
    whole: Ints
    real: Floats
    column: Ints
    code: Ints
    rows: Ints


def _unpack(packed: bytes, line: Ints) -> _Block:
    """Read a block and add its places to `line`."""
    data = zlib.decompress(packed)
    version, gap_size, count_size, n, entries, levels, columns = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise ValueError(f"packed counts of version {version}, not {_VERSION}")
    offset = _HEAD.size

    def take(dtype: str, size: int) -> NDArray[np.int64]:
        nonlocal offset
        values = np.frombuffer(data, dtype=dtype, count=size, offset=offset)
        offset += values.nbytes
        return values

    whole = take("<i8", 3 * columns).reshape(3, columns)
    real = take("<f8", 4 * columns).reshape(4, columns).view(np.float64)
    if gap_size:
        at = np.cumsum(take(f"<u{gap_size}", entries), dtype=np.int64)
        line[at] += take(f"<u{count_size}", entries).astype(np.int64)
    else:
        line += take(f"<u{count_size}", entries)
    column = take("<u2", levels).astype(np.int64)
    code = take("<u4", levels).astype(np.int64)
    return _Block(n, whole, real, column, code, take("<i8", levels))


def _narrow(values: Ints) -> NDArray[np.unsignedinteger]:
    """The same whole numbers, in as few bytes each as hold the largest."""
    top = int(values.max(initial=0))
    for size in (1, 2, 4):
        if top < 1 << 8 * size:
            return values.astype(f"<u{size}")
    return values.astype("<u8")


def _pooled(n: Ints, whole: Ints, real: Floats) -> Floats:
    """Extremes and moments of all blocks together (Chan, Golub and LeVeque 1979)."""
    count = n[:, np.newaxis] - whole.sum(axis=1)
    some = count.sum(axis=0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        held = np.where(count > 0, real[:, MEAN], 0.0)
        mean = (count / some * held).sum(axis=0)
        apart = np.where(count > 0, real[:, MEAN] - mean, 0.0)
        m2 = np.where(count > 0, real[:, M2], 0.0).sum(axis=0) + (count * apart**2).sum(axis=0)
    return np.stack(
        [
            np.fmin.reduce(real[:, MINIMUM]),
            np.fmax.reduce(real[:, MAXIMUM]),
            np.where(some > 0, mean, np.nan),
            np.where(some > 0, m2, 0.0),
        ]
    )


def _merged(column: Ints, code: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Each (column, code) once, ascending, with the sum of its rows."""
    keys, where = np.unique(column << 32 | code, return_inverse=True)
    summed = np.zeros(len(keys), dtype=np.int64)
    np.add.at(summed, where, rows)
    return keys >> 32, keys & 0xFFFFFFFF, summed


def concatenated(parts: Sequence[Ints]) -> Ints:
    """One array of all parts, also of none."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
