"""The client's own thread: takes rows from memory to the store, or to disk while it is away."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from mondrift.logger.record import Record, Stats, from_line, is_tally, settled, to_line
from mondrift.logger.sampler import COUNT_SECONDS, Sampler
from mondrift.logger.sender import Door, Sender, StoreAwayError
from mondrift.logger.spill import Spill

EXIT_SECONDS = 5.0
"""How long the end of a process may take to send what waits."""

_log = logging.getLogger("mondrift.logger")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0  # seconds between attempts to reach the store
_IDLE_SECONDS = 60.0  # how often a process without rows looks for files that others left
_LOUD_SECONDS = 10.0  # at most one warning in so many


class Worker:
    """Queue, thread and counters of one `Logger`.

    `queue` is appended to by any thread and emptied by this one; a deque needs no lock for that,
    so a caller never waits for this thread.
    """

    def __init__(
        self,
        model_id: str,
        open_store: Callable[[], Door],
        spill: Spill,
        *,
        batch: int,
        seconds: float,
        sampler: Sampler | None,
    ) -> None:
        self._sampler = sampler
        self._model_id = model_id
        self._spill = spill
        self._batch = batch
        self._seconds = seconds
        self._sender = Sender(model_id, open_store)

    def begin(self) -> None:
        """Everything empty, no thread yet."""
        self.queue: deque[Record] = deque()
        if self._sampler is not None:
            self._sampler.begin()
        self._sending: list[Record] = []
        self._starting = threading.Lock()
        self._taking = threading.Lock()  # so that a row is always in `queue` or in `_sending`
        self._counting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._awake = threading.Event()
        self._full = threading.Event()
        self._ended = threading.Event()
        self._turned = threading.Condition()
        self._stop = False
        self._sent = self._quarantined = self._spilled = self._dropped = self._torn = 0
        self._reported, self._loud_at = 0, 0.0
        self._error = ""
        self._pause, self._retry_at = 0.0, 0.0

    def forget(self) -> None:
        """In a forked child: leave the parent's rows, file and connections to the parent."""
        self._sender.forget()
        self._spill.forget()

    # Called by the model's threads

    def notice(self) -> None:
        """There is a new row. Nothing here waits; the events are set once per batch."""
        if self._thread is None:
            self.start()
        if not self._awake.is_set():
            self._awake.set()
        if len(self.queue) >= self._batch and not self._full.is_set():
            self._full.set()

    def start(self) -> None:
        """Start the thread, if it does not run."""
        with self._starting:
            if self._thread is None and not self._stop:
                thread = threading.Thread(target=self._run, name="mondrift-logger", daemon=True)
                self._awake.set()  # look at once for files that others left
                self._full.set()
                with contextlib.suppress(RuntimeError):  # at the interpreter's end: then `close`
                    thread.start()
                    self._thread = thread
                    self._at_exit_of_child()

    def _at_exit_of_child(self) -> None:
        """Children of multiprocessing end without atexit; they have finalizers of their own."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, self.close, args=(EXIT_SECONDS,), exitpriority=100)

    def overflow(self, record: Record) -> None:
        """The queue is full, or closed: this row goes to disk at once (the thread waits for it).

        A sampler has room for it.
        """
        if self._sampler is None:
            self._append([record])
            return
        self._sampler.offer([record], _now())
        if self._stop:
            self.put_away()

    def stats(self) -> Stats:
        """The counters now."""
        sampler = self._sampler
        return Stats(
            pending=len(self.queue) + len(self._sending) + (sampler.in_memory if sampler else 0),
            sent=self._sent,
            quarantined=self._quarantined,
            spilled=self._spilled,
            dropped=self._dropped,
            torn=self._torn,
            on_disk=self._spill.size(),
            last_error=self._error,
            seen=sampler.seen if sampler else 0,
            kept=sampler.kept if sampler else 0,
        )

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is in memory; whether that came to pass."""
        deadline = time.monotonic() + timeout
        if self.queue and not self._stop:
            self.start()
        while not self._settled():
            left = deadline - time.monotonic()
            if left <= 0 or self._thread is None:
                return False
            self._full.set()
            self._awake.set()
            with self._turned:
                self._turned.wait(min(left, 0.05))
        return True

    def _settled(self) -> bool:
        """Whether nothing is in memory but samples of hours that run."""
        with self._taking:
            if self._sampler is not None:
                self._sampler.hurry()
                if self._sampler.waiting:
                    return False
            return not self.queue and not self._sending

    def close(self, timeout: float) -> None:
        """Send what can be sent in time, write the rest to disk, end the thread."""
        deadline = time.monotonic() + timeout
        if self._sampler is not None:
            self._sampler.end()
        self.flush(timeout)
        self._stop = True
        self._awake.set()
        self._full.set()
        if self._thread is not None:
            self._ended.wait(max(0.0, deadline - time.monotonic()))
        # The thread may hang in the network. What it is sending may arrive or not: it goes to disk,
        # and the store knows the ids.
        self.put_away()
        with contextlib.suppress(OSError):
            self._spill.end()
        self._tell_dropped(at_once=True)

    def put_away(self) -> None:
        """Everything in memory to disk: there will be no further turn."""
        with self._taking:
            queued = [*self.queue]
            self.queue.clear()
            left = [*self._sending, *self._chosen(queued, None)]
        self._append(left)

    # The thread

    def _run(self) -> None:
        try:
            while not self._stop:
                self._await_rows()
                self._turn()
        finally:
            try:
                self._sender.close()
            finally:
                self._ended.set()

    def _await_rows(self) -> None:
        """Until a batch is full or its first row is old enough; or there is a file to send."""
        idle = self._retry_at - time.monotonic() if self._retry_at else _IDLE_SECONDS
        if self._sampler is not None and self._sampler.restless:
            idle = min(idle, COUNT_SECONDS)
        if self._awake.wait(max(0.0, idle)) and not self._stop:
            self._full.wait(self._seconds)
        self._full.clear()
        self._awake.clear()

    def _turn(self) -> None:
        """One batch from memory, and one file from disk."""
        try:
            self._take()
            if time.monotonic() < self._retry_at:
                self._to_disk(self._sending)
            else:
                self._send()
        except Exception as error:  # noqa: BLE001  (the thread must live on)
            self._error = f"{type(error).__name__}: {error}"
            self._to_disk(self._sending)
        finally:
            self._sending = []
            more = self._sampler is not None and self._sampler.waiting
            if self.queue or more:
                self._awake.set()
                if len(self.queue) >= self._batch or more:
                    self._full.set()
            self._to_disk([])  # waits for what other threads have put there
            self._tell_dropped()
            with self._turned:
                self._turned.notify_all()

    def _send(self) -> None:
        try:
            if self._sending:
                self._store(self._sending)
                self._sending = []
            elif self._spill.waiting():
                self._sender.connect()
            self._found()
            self._drain()
        except StoreAwayError as away:
            self._lost(str(away))
            self._to_disk(self._sending)

    def _store(self, records: list[Record]) -> None:
        done = self._sender.send(records)
        self._sent += done.stored
        self._quarantined += done.quarantined

    def _drain(self) -> None:
        """Send the oldest file that nobody holds, and remove it. Raises StoreAwayError."""
        self._spill.end()
        with self._spill.claimed() as path:
            if path is None:
                return
            self._send_file(path)
            path.unlink()
        self._awake.set()  # there may be another
        self._full.set()

    def _send_file(self, path: Path) -> None:
        records: list[Record] = []
        with path.open("rb") as file:
            for line in file:
                record = from_line(line)
                if record is None:
                    self._torn += 1
                    _log.warning("a line of %s was cut off by a crash; its row is lost", path.name)
                    continue
                records.append(record)
                if len(records) >= self._batch:
                    self._store(records)
                    records = []
        if records:
            self._store(records)

    def _found(self) -> None:
        """The store answers."""
        if self._pause:
            _log.info("the store answers again; rows on disk are being sent")
        self._pause, self._retry_at, self._error = 0.0, 0.0, ""

    def _lost(self, why: str) -> None:
        if not self._pause:
            _log.warning(
                "rows of %r go to disk until the store takes them: %s", self._model_id, why
            )
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._retry_at = time.monotonic() + self._pause
        self._error = why

    def _take(self) -> None:
        with self._taking:
            n = min(self._batch, len(self.queue))
            taken = [self.queue.popleft() for _ in range(n)]
            self._sending = self._chosen(taken, self._batch)

    def _chosen(self, records: list[Record], most: int | None) -> list[Record]:
        """The records; with a sampler, what it gives now, at most so many."""
        if self._sampler is None:
            return records
        self._sampler.offer(records, _now())
        return self._sampler.take(most, _now())

    def _to_disk(self, records: list[Record]) -> None:
        self._append(records)
        with contextlib.suppress(OSError):
            self._spill.sync()

    def _append(self, records: list[Record]) -> None:
        if not records:
            return
        kept = 0
        try:
            kept = self._spill.append([to_line(settled(each)) for each in records])
        except Exception as error:  # noqa: BLE001  (whatever it is, it is counted, and life goes on)
            self._error = f"{type(error).__name__}: {error}"
        rows = [not is_tally(each) for each in records]
        with self._counting:
            self._spilled += sum(rows[:kept])
            self._dropped += sum(rows[kept:])
        if not all(rows[kept:]):
            _log.warning("counts of %r are lost: the disk is full", self._model_id)

    def _tell_dropped(self, *, at_once: bool = False) -> None:
        """Loud, but not a line per row."""
        now = time.monotonic()
        if self._dropped == self._reported or (now < self._loud_at and not at_once):
            return
        _log.warning(
            "%d rows of %r are lost (%d in all): memory and disk are full. %s",
            self._dropped - self._reported,
            self._model_id,
            self._dropped,
            self._error or "Raise the bounds, or see why the store is away.",
        )
        self._reported, self._loud_at = self._dropped, now + _LOUD_SECONDS


def _now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
