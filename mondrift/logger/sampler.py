"""A fair sample of each hour, and exact counts: what a `Logger` with `sample` keeps in memory.

Of each hour (UTC) the rows stay whose ids have the smallest keyed hashes: each row of the hour is
as likely to stay as any other, whatever their order, and the same rows with the same seed give the
same sample. Rows are held until their hour is over, since only then it is known which stay; counts
go to the store every few seconds. Until its rows are handed on, an hour has `kept` 0: the number of
stored rows plus `seen - kept` is the number of rows at any time, also when the process is killed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappush, heappushpop
from itertools import count
from uuid import UUID, uuid4

from mondrift.logger.record import Record, tallied

COUNT_SECONDS = 5.0
"""How often counts go to the store: a killed process loses at most so much of them."""

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_GRACE = 60 * _SECOND  # rows may come so much later than their hour
_REMEMBERED = 1000  # hours that are over; one that is forgotten and comes again begins anew


@dataclass
class _Hour:
    """Rows seen of an hour, handed on, and held: those with the smallest hashes, largest first."""

    opened: int
    source: UUID = field(default_factory=uuid4)
    seen: int = 0
    kept: int = 0
    held: list[tuple[int, int, Record]] = field(default_factory=list)


class Sampler:
    """At most `size` rows of each hour; at most `memory` rows are held. Safe to use from threads.

    Moments are microseconds since 1970. A row that comes later than a minute after its hour is
    kept while the hour has less than `size`, and counted in any case.
    """

    def __init__(self, size: int, seed: int, memory: int) -> None:
        self._size = size
        self._seed = seed
        self._memory = memory
        self.begin()

    def begin(self) -> None:
        """Nothing seen: at first, and in a forked child."""
        self._lock = threading.Lock()
        self._key = str(self._seed).encode()
        self._hours: dict[int, _Hour] = {}
        self._open: set[int] = set()  # hours that hold rows, or did just now
        self._untold: set[int] = set()
        self._ready: deque[Record] = deque()
        self._order = count()  # of rows with one hash, that is with one id
        self._told_at = 0
        self._hurried = False
        self._ending = False
        self._held = self.seen = self._kept = 0

    def offer(self, records: Iterable[Record], now: int) -> None:
        """Count rows, and hold those that may stay."""
        with self._lock:
            for record in records:
                start = record.moment - record.moment % _HOUR
                hour = self._hours.get(start)
                if hour is None:
                    hour = self._hours[start] = _Hour(now)
                elif start not in self._open:
                    hour.opened = now
                self._open.add(start)
                self._untold.add(start)
                hour.seen += 1
                self.seen += 1
                self._hold(hour, record)
                if self._held > self._memory:
                    self._close(min(self._open))

    def _hold(self, hour: _Hour, record: Record) -> None:
        digest = blake2b(record.id.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key)
        entry = (-int.from_bytes(digest.digest()), next(self._order), record)
        if hour.kept + len(hour.held) < self._size:
            heappush(hour.held, entry)
            self._held += 1
        elif hour.held:
            heappushpop(hour.held, entry)

    def take(self, most: int | None, now: int) -> list[Record]:
        """What is to be sent now, at most so much: rows of hours that are over, and counts."""
        with self._lock:
            for start in sorted(self._open):
                over = max(start + _HOUR, self._hours[start].opened) + _GRACE
                if self._ending or now >= over:
                    self._close(start)
            due = not 0 <= now - self._told_at < COUNT_SECONDS * _SECOND
            if self._untold and (due or self._hurried or self._ending):
                self._tell(sorted(self._untold))
                self._told_at = now
                self._hurried = False
            n = len(self._ready) if most is None else min(most, len(self._ready))
            return [self._ready.popleft() for _ in range(n)]

    def _close(self, start: int) -> None:
        """Hand on the rows of an hour, then its counts."""
        hour = self._hours[start]
        self._ready.extend(record for *_, record in sorted(hour.held, key=lambda e: e[2].moment))
        self._held -= len(hour.held)
        hour.kept += len(hour.held)
        self._kept += len(hour.held)
        hour.held = []
        self._open.discard(start)
        self._tell([start])
        closed = len(self._hours) - len(self._open)
        if closed > _REMEMBERED:
            del self._hours[next(each for each in self._hours if each not in self._open)]

    def _tell(self, starts: Iterable[int]) -> None:
        for start in starts:
            hour = self._hours[start]
            self._ready.append(tallied(start, hour.source, (hour.seen, hour.kept), self._seed))
            self._untold.discard(start)

    def hurry(self) -> None:
        """Counts are to be told the next time."""
        self._hurried = True

    def end(self) -> None:
        """All hours are over, now and from now on."""
        self._ending = True

    @property
    def waiting(self) -> bool:
        """Whether there is anything that `take` should give now."""
        with self._lock:
            counts = self._untold and (self._hurried or self._ending)
            return bool(self._ready or counts or (self._ending and self._open))

    @property
    def restless(self) -> bool:
        """Whether there is something that `take` will give by itself, sooner or later."""
        with self._lock:
            return bool(self._ready or self._untold or self._open)

    @property
    def kept(self) -> int:
        """Rows handed on, or held."""
        return self._kept + self._held

    @property
    def in_memory(self) -> int:
        """Rows (and counts) that wait here."""
        return self._held + len(self._ready)
