"""How far a file is in the store: noted after each piece, for a process that dies in the middle.

A note only saves work: what it forgets is sent again and known by its ids. Whoever works on a
file holds its note by a lock (flock), so that of two processes with the same file one waits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mondrift.embedded.locks import open_private, release
from mondrift.embedded.place import Place


@dataclass
class Progress:
    """`pieces` are done, with these `counts`; `probe` is a row that is surely stored.

    `probe`: number of its piece, and of the row in it. `started`: ISO 8601. `finished`: the file
    was stored to its end.
    """

    started: str = ""
    pieces: int = 0
    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    probe: tuple[int, int] | None = None
    finished: bool = False

    def add(self, rows: int, counts: dict[str, int]) -> None:
        """One more piece."""
        self.pieces += 1
        self.rows += rows
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class Note:
    """The progress of one file into one model of one store, on disk, held by this process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.waited = False

    def read(self) -> Progress:
        """What was noted last; nothing, where there is nothing that can be read."""
        try:
            data = json.loads(os.pread(self._descriptor, 2**16, 0))
            probe = data.pop("probe")
            return Progress(**data, probe=None if probe is None else (int(probe[0]), int(probe[1])))
        except (ValueError, TypeError, KeyError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Note it. A crash in between leaves a note that cannot be read, which costs only time."""
        text = json.dumps(asdict(progress)).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)


@contextmanager
def noted(home: Path, key: str, waiting: Callable[[], None] | None) -> Iterator[Note]:
    """The note called `key` below a home, held meanwhile; `waiting` is called before waiting."""
    import fcntl  # not on Windows

    Place(home).make()
    folder = home / "ingest"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    descriptor = open_private(folder / f"{name}.json", os.O_RDWR)
    try:
        note = Note(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note.waited = True
            if waiting is not None:
                waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield note
    finally:
        with contextlib.suppress(OSError):
            release(descriptor)
