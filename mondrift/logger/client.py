"""`Logger`: what a model's process calls; it costs microseconds and never raises.

The caller's thread only appends to a queue in memory. A thread of its own sends batches; while
the store is away it moves them to disk, and when the queue is full the caller's thread writes its
row to disk itself: slower, but nothing is lost until the disk's bound is reached too.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import time
import weakref
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote, urlsplit

from mondrift.embedded import home
from mondrift.errors import InputError, MondriftError
from mondrift.logger.record import Record, Stats, unreadable
from mondrift.logger.sampler import Sampler
from mondrift.logger.sender import Door
from mondrift.logger.spill import Spill
from mondrift.logger.worker import EXIT_SECONDS, Worker
from mondrift.settings import Settings, secret
from mondrift.store.timestamps import to_microseconds

_loggers: weakref.WeakSet[Logger] = weakref.WeakSet()
_NOISE = (1 << 62) - 1
_STRIDE = 0x1E3779B97F4A7C15  # odd, so that a counter times it meets each of 2^62 numbers once


class Logger:
    """Logs the predictions of one model from the process that makes them.

    Parameters
    ----------
    model_id : a registered model; it may be registered later than the first row is logged.
    url : address of the store; default: DATABASE_URL, else the embedded servers.
    memory : rows that may wait in memory.
    disk : bytes that may wait on disk while the store is away, of all processes of this model.
    batch, seconds : a batch is sent when so many rows wait, or when the first has waited so long.
    spill : folder for rows on disk; default: below MONDRIFT_HOME.
    sample : for very busy models: keep a fair sample of so many rows of each hour (UTC, of the
        `timestamp` given by keyword, else of the call) and process, and exact counts of all rows;
        default: keep every row. Counts go to the store every five seconds, an hour's rows a minute
        after its end, or with `close`; `flush` waits for counts, not for the hour. A process that
        is killed loses five seconds of counts and the rows of hours that were not over.
    seed : of the sample: the same rows with the same seed give the same sample.

    Delivery is at least once, with ids made here, so the store keeps each row exactly once. Rows
    in memory are lost when the process is killed (SIGKILL, or SIGTERM that nobody handles: servers
    such as gunicorn handle it, `mondrift.embedded.exit_on_sigterm()` does it for a script). Rows
    on disk are not: the next `Logger` of this model sends them. A forked child begins with an
    empty queue and a thread of its own; what waited in the parent is sent by the parent.

    Examples
    --------
    ::

        predictions = md.Logger("fraud_v2")
        id = predictions.log({"amount": 12.5, "country": "DE"}, prediction=1, probability=0.93)

    Raises InputError and SettingsError for arguments and settings that cannot be; after that,
    nothing is raised.
    """

    def __init__(
        self,
        model_id: str,
        *,
        url: str | None = None,
        memory: int = 100_000,
        disk: int = 2**30,
        batch: int = 5_000,
        seconds: float = 1.0,
        spill: str | Path | None = None,
        sample: int | None = None,
        seed: int = 0,
    ) -> None:
        bounds = {"memory": memory, "disk": disk, "batch": batch, "sample": sample}
        for name, value in bounds.items():
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; it must be at least 1.")
        sampler = None if sample is None else _sampler(sample, seed, memory)
        settings = Settings.load()
        base = settings.mondrift_home or home()
        if spill is None:
            known = url or secret(settings.database_url)
            spill = _folder(base, model_id, known)
        self.model_id = model_id
        self._memory = memory
        self._batch = batch
        self._spill = Spill(Path(spill), disk, base)
        self._url = url
        self._worker = Worker(
            model_id, self._open, self._spill, batch=batch, seconds=seconds, sampler=sampler
        )
        self._begin()
        _loggers.add(self)
        atexit.register(self.close)
        if self._spill.waiting():  # left by a process that died, or ended while the store was away
            self._worker.start()

    def _begin(self) -> None:
        """An empty queue, and ids like nobody else's: at first, and in a forked child."""
        self._base = int.from_bytes(os.urandom(8))
        self._numbers = count()
        self._worker.begin()
        self._queue: deque[Record] = self._worker.queue
        self._closed = False

    def _open(self) -> Door:
        door = cast(Door, Door.open(self._url))
        if not self._closed:
            # What is registered last is called first: our farewell comes before the end of the
            # embedded servers, which opening the store has registered just now.
            atexit.unregister(self.close)
            atexit.register(self.close)
        return door

    def log(
        self,
        features: Mapping[str, Any],
        /,
        *,
        prediction: Any = None,
        probability: float | Mapping[str, float] | None = None,
        id: str | int | None = None,
        timestamp: datetime | str | None = None,
        latency_ms: float | None = None,
        version: str | None = None,
        target: Any = None,
    ) -> str:
        """Take one prediction; returns its id at once, whatever becomes of the row.

        Parameters
        ----------
        features : {column: value}, copied now; may hold every column of the row by its name, so
            that `log(row)` does. What is given by keyword holds against it.
        prediction, target, version, latency_ms : go to the columns that the schema declares.
        probability : of the positive class, or {class: probability}.
        id : default: a new UUIDv7.
        timestamp : with a time zone; default: now.

        A row that the schema refuses goes to quarantine, with the reason.
        """
        roles = {
            "prediction": prediction,
            "probability": probability,
            "id": id,
            "timestamp": timestamp,
            "latency_ms": latency_ms,
            "version": version,
            "target": target,
        }
        try:
            record = self._record(features, roles)
        except Exception as error:  # noqa: BLE001  (a model must not fail because of its monitoring)
            record = unreadable(self._record({}, {}), error)
        if len(self._queue) < self._memory and not self._closed:
            self._queue.append(record)
            if self._closed:  # just now, by another thread
                self._worker.put_away()
        else:
            self._worker.overflow(record)
        self._worker.notice()
        return record.id

    def _record(self, features: Any, given: dict[str, Any]) -> Record:
        roles = {name: value for name, value in given.items() if value is not None}
        if not isinstance(features, Mapping):
            roles["refused"] = f"features are a {type(features).__name__}, not a mapping"
            features = {}
        moment = time.time_ns() // 1000
        if "timestamp" in roles:
            told = _moment(roles["timestamp"])
            if told is None:
                what = str(roles["timestamp"])[:60]
                roles["refused"] = f"timestamp {what!r} is no moment with a time zone"
            else:
                moment = told
            roles["timestamp"] = True
        columns = dict(features)
        name = roles.get("id", columns.get("id"))
        if "id" in roles:
            roles["id"] = True
        return Record(self._id(moment) if name is None else str(name), moment, columns, roles)

    def _id(self, moment: int) -> str:
        """A UUIDv7 as `store.ids` makes them, without asking the system for chance each time."""
        milliseconds, rest = divmod(moment, 1000)
        fraction = rest * 4096 // 1000
        noise = (self._base + next(self._numbers) * _STRIDE) & _NOISE
        high, low = (noise >> 48) | 0x8000, noise & 0xFFFFFFFFFFFF
        at = f"{milliseconds:012x}"
        return f"{at[:8]}-{at[8:]}-7{fraction:03x}-{high:04x}-{low:012x}"

    @property
    def stats(self) -> Stats:
        """What became of the rows so far."""
        return self._worker.stats()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until no row is in memory: all are in the store or, if it is away, on disk.

        With `sample`, rows of hours that are not over stay in memory; their counts do not.
        False when `timeout` seconds were not enough.
        """
        return self._worker.flush(timeout)

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Send what waits for at most `timeout` seconds, put the rest on disk, and end the thread.

        Happens by itself at the end of the process. Rows logged later go to disk.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._worker.close(timeout)

    def __enter__(self) -> Logger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Logger {self.model_id}: {self.stats.pending:,} pending>"

    def _forked(self) -> None:
        closed = self._closed
        self._worker.forget()
        self._begin()
        self._closed = closed


def _moment(timestamp: Any) -> int | None:
    """Microseconds since 1970; None when it is no moment, or says no time zone."""
    try:
        if isinstance(timestamp, str):
            timestamp = datetime.fromisoformat(timestamp)
        return max(to_microseconds(timestamp, "timestamp"), 0)
    except (MondriftError, ValueError, OverflowError):
        return None


def _sampler(sample: int, seed: int, memory: int) -> Sampler:
    if sample > memory:
        raise InputError(
            f"sample is {sample:,}, and memory holds {memory:,} rows; an hour's sample waits "
            f"there: Logger(..., sample={sample}, memory={sample})"
        )
    if not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}; it must be at least 0 and below 2**63.")
    return Sampler(sample, seed, memory)


def _folder(base: Path, model_id: str, url: str | None) -> Path:
    """A folder of its own for each model and store: rows never go where they were not meant."""
    parts = urlsplit(url or "")
    store = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    mark = hashlib.sha256(f"{model_id}\0{store}".encode()).hexdigest()[:12]
    return Path(base).absolute() / "spill" / f"{quote(model_id, safe='')[:80]}-{mark}"


def _in_child() -> None:
    for logger in list(_loggers):
        with contextlib.suppress(Exception):
            logger._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
