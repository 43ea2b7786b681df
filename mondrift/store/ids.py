"""Ids made here: UUIDv7 whose time is the row's own, to the microsecond.

48 bits of milliseconds, as RFC 9562 has it, and in the 12 bits after the version the fraction of
the millisecond (its method 3); so the id alone says in which partition, and at which timestamp,
its row stands, and no further table is needed to find it. 62 bits are random.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

_SHAPE = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_DASHES = (8, 13, 18, 23)
_DIGITS = tuple(i for i in range(36) if i not in _DASHES)

#: In place of a timestamp where an id carries none.
NO_TIME = np.iinfo(np.int64).min


def make(timestamps: np.ndarray) -> np.ndarray:
    """One new id per timestamp.

    Parameters
    ----------
    timestamps : int64 array of shape (n,), microseconds since 1970, at least 0.

    Returns
    -------
    Array of shape (n,) and dtype S36, no two alike.

    >>> import numpy as np
    >>> ids = make(np.array([1_366_588_800_123_456]))
    >>> ids[0].decode()[:13], times(ids.astype(str)).tolist()
    ('013e2f0a-3c7b', [1366588800123456])
    """
    n = len(timestamps)
    milliseconds, rest = np.divmod(timestamps.astype(np.int64), 1000)
    octets = np.empty((n, 16), dtype=np.uint8)
    octets[:, :6] = milliseconds.astype(">i8").view(np.uint8).reshape(n, 8)[:, 2:]
    fraction = rest * 4096 // 1000
    octets[:, 6] = 0x70 | (fraction >> 8)
    octets[:, 7] = fraction & 0xFF
    octets[:, 8:] = np.frombuffer(os.urandom(8 * n), dtype=np.uint8).reshape(n, 8)
    octets[:, 8] = 0x80 | (octets[:, 8] & 0x3F)
    text = np.full((n, 36), ord("-"), dtype=np.uint8)
    text[:, _DIGITS[0::2]] = _HEX[octets >> 4]
    text[:, _DIGITS[1::2]] = _HEX[octets & 0xF]
    return text.reshape(-1).view("S36") if n else np.empty(0, dtype="S36")


def times(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """The timestamp in each id, microseconds since 1970; `NO_TIME` where it is no UUIDv7.

    >>> int(times(["order-17"])[0]) == NO_TIME
    True
    """
    return np.fromiter((_time(str(each)) for each in ids), dtype=np.int64, count=len(ids))


def _time(text: str) -> int:
    if not _SHAPE.match(text):
        return int(NO_TIME)
    milliseconds = int(text[:8] + text[9:13], 16)
    fraction = int(text[15:18], 16)
    return milliseconds * 1000 + -(-fraction * 1000 // 4096)
