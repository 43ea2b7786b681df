"""Rows on disk while the store is away: files of lines in a folder per model and store.

Each process appends to a file of its own, which it holds by a lock (flock); a file that nobody
holds, because it is full or its process has died, is sent by whoever claims it first, and removed
when all of it is in the store. A process that dies meanwhile leaves it whole: rows are sent again
and known by their ids.

Durability: what is appended outlives the process at once (it is in the kernel), and the machine
after `sync`, which the client calls after each batch.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from mondrift.embedded.locks import open_private
from mondrift.embedded.place import Place

_FILE_BYTES = 8 * 2**20  # so much is sent again, at most, when a process dies while sending
_SUFFIX = ".jsonl"


class Spill:
    """The folder of one model; at most `limit` bytes, of all processes together."""

    def __init__(self, folder: Path, limit: int, home: Path) -> None:
        self.folder = folder
        self._limit = limit
        self._home = home
        self._begin_empty()

    def forget(self) -> None:
        """Begin anew in a forked child: the parent's files stay the parent's."""
        for inherited in (self._file, self._claim):
            if inherited is not None:
                os.close(inherited)  # not LOCK_UN: the lock is the parent's too
        self._begin_empty()

    def _begin_empty(self) -> None:
        self._file: int | None = None
        self._claim: int | None = None
        self._written = 0
        self._unsynced = False
        self._numbers = count()
        self._lock = threading.Lock()
        self._used = self.size()

    def append(self, lines: list[bytes]) -> int:
        """Write lines, in order; how many fitted. Raises OSError when the disk does not take them.

        A line that is written in part is taken back, so that only a crash leaves a torn one.
        """
        done = 0
        with self._lock:
            while done < len(lines):
                if self._used + len(lines[done]) > self._limit:
                    break
                if self._file is None or self._written >= _FILE_BYTES:
                    self._begin()
                room = min(self._limit - self._used, _FILE_BYTES)
                end, size = done, 0
                while end < len(lines) and size + len(lines[end]) <= max(room, len(lines[done])):
                    size += len(lines[end])
                    end += 1
                self._write(b"".join(lines[done:end]))
                done = end
        return done

    def _write(self, chunk: bytes) -> None:
        assert self._file is not None
        start, left = self._written, memoryview(chunk)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, start)
            raise
        self._written += len(chunk)
        self._used += len(chunk)
        self._unsynced = True

    def _begin(self) -> None:
        import fcntl  # not on Windows

        self._end()
        if not self.folder.is_dir():
            if self.folder.is_relative_to(self._home):
                Place(self._home).make()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}{_SUFFIX}"
        # Locked under a name that nobody claims, so that it is never seen without its lock.
        aside = self.folder / f".{name}"
        descriptor = open_private(aside, os.O_WRONLY | os.O_APPEND | os.O_EXCL)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        aside.rename(self.folder / name)
        self._file, self._written = descriptor, 0
        self._used = self.size()

    def sync(self) -> None:
        """Wait until what was appended is on the disk itself."""
        with self._lock:
            if self._file is not None and self._unsynced:
                os.fsync(self._file)
                self._unsynced = False

    def end(self) -> None:
        """Let go of the file that is being written: it may be claimed now."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._file is not None:
            if self._unsynced:
                os.fsync(self._file)
                self._unsynced = False
            os.close(self._file)
            self._file = None

    @contextmanager
    def claimed(self) -> Iterator[Path | None]:
        """The oldest file that nobody holds, held meanwhile; None when there is none."""
        for path in self._files():
            descriptor = _claim(path)
            if descriptor is not None:
                self._claim = descriptor
                try:
                    yield path
                finally:
                    self._claim = None
                    os.close(descriptor)
                    self._used = self.size()
                return
        yield None

    def waiting(self) -> bool:
        """Whether there is any file, be it another process's."""
        return bool(self._files())

    def size(self) -> int:
        """Bytes in the folder."""
        sizes = 0
        for path in self._files():
            try:
                sizes += path.stat().st_size
            except FileNotFoundError:  # sent, and removed by another process just now
                continue
        return sizes

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"[0-9]*{_SUFFIX}"))


def _claim(path: Path) -> int | None:
    """A descriptor that holds the file's lock; None when it is held, or gone."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.fstat(descriptor).st_nlink > 0  # else: sent and removed while we waited
    except OSError:
        held = False
    if held:
        return descriptor
    os.close(descriptor)
    return None
