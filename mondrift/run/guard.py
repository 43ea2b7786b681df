"""Watches a kernel while its notebook runs, and ends it when it takes too long or too much.

Memory is what the kernel's processes hold (resident), not what they have reserved: numpy, threads
and browsers reserve far more than they use, so that the kernel's own limits on addresses
(`ulimit -v`) would end healthy notebooks.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Literal

from mondrift.run.limits import Limits

Reason = Literal["", "time", "memory"]
_PROC = Path("/proc")
_LOOKS = 10  # at the kernel, for each one at all processes that it started


class Guard:
    """`ended` says what the kernel was ended for, "" while nothing was amiss."""

    def __init__(self, limits: Limits, pid: Callable[[], int | None]) -> None:
        self.ended: Reason = ""
        self._limits = limits
        self._pid = pid
        self._done = threading.Event()
        self._deadline = math.inf

    def begin(self) -> None:
        """The kernel has started, and the first cell begins: from now on the time counts."""
        self._deadline = min(self._deadline, monotonic() + self._limits.run)

    def watch(self) -> None:
        """Look again and again, until told to stop or until the kernel had to be ended."""
        on_linux = (_PROC / "self" / "statm").exists()
        step = 1.0 if self._limits.memory is None or not on_linux else 0.1
        looks = 0
        while not self._done.wait(max(min(step, self._deadline - monotonic()), 0.05)):
            pid = self._pid()
            if pid is None:
                continue
            if monotonic() >= self._deadline:
                self._end("time", pid)
                return
            if self._limits.memory is None:
                continue
            looks += 1
            everyone = not on_linux or looks % _LOOKS == 0
            if (held(pid) if everyone else _resident(pid)) > self._limits.memory:
                self._end("memory", pid)
                return

    def stop(self) -> None:
        """It is over."""
        self._done.set()

    def _end(self, reason: Reason, pid: int) -> None:
        self.ended = reason
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(pid), signal.SIGKILL)


@contextlib.contextmanager
def guarded(limits: Limits, pid: Callable[[], int | None]) -> Iterator[Guard]:
    """A kernel and what it started are killed when they go beyond `limits`.

    Parameters
    ----------
    pid : the kernel's process, the leader of a group of its own; None before it has started.
    """
    guard = Guard(limits, pid)
    thread = threading.Thread(target=guard.watch, name="mondrift-guard", daemon=True)
    thread.start()
    try:
        yield guard
    finally:
        guard.stop()
        thread.join()


def held(leader: int) -> int:
    """Bytes that the processes of a group hold in memory; 0 when they are gone.

    What they share counts once where the system tells (Linux), else for each of them.
    """
    if not (_PROC / "self" / "statm").exists():
        return _held_by_ps(leader)
    members = _members(leader)
    if len(members) == 1:
        return _resident(members[0])
    return sum(_proportional(pid) for pid in members)


def _members(leader: int) -> list[int]:
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # pid (name) state parent group …; a name may hold spaces and parentheses
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[2]) == leader:
                    found.append(int(entry.name))
    return found


def _resident(pid: int) -> int:
    try:
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGESIZE")


def _proportional(pid: int) -> int:
    """Resident bytes, a page that n processes share counted as 1/n of it."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


def _held_by_ps(leader: int) -> int:
    """The same by `ps`, which every Unix has."""
    command = ["ps", "-A", "-o", "pgid=,rss="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    return sum(int(rss) * 1024 for group, rss in lines if int(group) == leader)
