"""How long a run's notebook may take, and how much memory: what `limits:` in a file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mondrift.errors import SettingsError, nearest, shown

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BYTES = {"M": 2**20, "G": 2**30}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([MG])B?")
_KEYS = ("memory", "cell", "run")
_LEAST_MEMORY = 256 * 2**20
"""A kernel that has imported mondrift and drawn a chart holds about 200 MB."""


@dataclass(frozen=True)
class Limits:
    """What a notebook may take.

    Parameters
    ----------
    start, cell, run : seconds that the kernel's start, one cell, and all cells together may take.
    memory : bytes that the kernel and the processes it started may hold; None for no limit. On
        Linux it is looked at ten times a second, elsewhere once a second, so what is taken in
        between goes beyond it.
    """

    start: float = 60.0
    cell: float = 600.0
    run: float = 3600.0
    memory: int | None = None

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Limits:
        """The keys of a file; SettingsError with everything that is wrong.

        >>> Limits.from_mapping({"memory": "2G", "cell": "10m"})
        Limits(start=60.0, cell=600.0, run=3600.0, memory=2147483648)
        >>> Limits.from_mapping({"memory": "lots"})
        Traceback (most recent call last):
        mondrift.errors.SettingsError: limits.memory: 'lots' is no amount of memory; write it 512M
        or 2G.
        """
        complaints = [
            f"{name!r} is no key of limits, which has {shown(_KEYS)}.{nearest(name, _KEYS)}"
            for name in given
            if name not in _KEYS
        ]
        read: dict[str, Any] = {}
        for name in (name for name in _KEYS if name in given):
            try:
                read[name] = (memory if name == "memory" else seconds)(str(given[name]))
            except SettingsError as error:
                complaints.append(f"limits.{name}: {error}")
        if complaints:
            raise SettingsError(" ".join(complaints))
        return cls(**read)


def seconds(text: str) -> float:
    """A length of time: 90s, 10m or 1h.

    >>> seconds("90s"), seconds("1.5h")
    (90.0, 5400.0)

    Raises SettingsError for anything else, also for a number without its unit.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None or float(match[1]) < 1 / _SECONDS[match[2]]:
        raise SettingsError(f"{text!r} is no length of time of a second or more; write it 10m.")
    return float(match[1]) * _SECONDS[match[2]]


def memory(text: str) -> int:
    """An amount of memory in bytes: 512M or 2G, of 1024 × 1024 and 1024 × 1024 × 1024 bytes.

    >>> memory("2G"), memory("1.5 GB")
    (2147483648, 1610612736)

    Raises SettingsError for anything else, and for less than a kernel needs to start.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f"{text!r} is no amount of memory; write it 512M or 2G.")
    size = int(float(match[1]) * _BYTES[match[2]])
    if size < _LEAST_MEMORY:
        raise SettingsError(f"{text!r} is less than a kernel needs; give it 256M or more.")
    return size


def amount(size: int) -> str:
    """Bytes as `memory` reads them.

    >>> amount(2**31), amount(3 * 2**29), amount(600 * 2**20)
    ('2G', '1.5G', '600M')
    """
    return f"{size / 2**30:.3g}G" if size >= 2**30 else f"{round(size / 2**20)}M"
