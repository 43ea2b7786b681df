"""Runs as processes of their own: started, watched, stopped; one that dies takes nothing along."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import IO

from mondrift.errors import BusyError
from mondrift.window import Window

BUSY = "another process runs the monitor"
"""What `Child.result` says of a run that found somebody else at it: no failure of ours."""
_PATIENCE = 10.0  # seconds from SIGTERM to SIGKILL


@dataclass
class Child:
    """One `mondrift run`, in a session of its own, so that a Ctrl-C reaches only the scheduler."""

    monitor: str
    window: Window
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]
    deadline: float
    stopped: str = ""

    @classmethod
    def start(
        cls, command: Sequence[str], monitor: str, window: Window, *, cwd: str, limit: float
    ) -> Child:
        """Start `command MONITOR --window START --json`; `limit` is in seconds."""
        assert window.start is not None
        output, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        process = subprocess.Popen(
            [*command, monitor, "--window", window.start.isoformat(), "--json"],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        return cls(monitor, window, process, output, errors, monotonic() + limit)

    def ended(self) -> bool:
        """Whether it is over; one that has outlived its limit is stopped here, with a grace."""
        if self.process.poll() is not None:
            return True
        late = monotonic() - self.deadline
        if late > _PATIENCE:
            self.kill()
        elif late > 0 and not self.stopped:
            self.stop("it took longer than a run may")
        return False

    def stop(self, why: str) -> None:
        """Ask it to end now, in order; `ended` makes it, when it has not after some seconds."""
        self.stopped = why
        self.deadline = min(self.deadline, monotonic())
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def kill(self) -> None:
        """End it and what it started in its session, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def result(self) -> tuple[bool, str]:
        """Whether it did well, and one line about it; closes its files. Call it once, at the end.

        (False, BUSY) when another process runs the monitor.
        """
        with self.output, self.errors:
            self.output.seek(0)
            self.errors.seek(0)
            output, errors = self.output.read(), self.errors.read().decode(errors="replace")
        if self.process.returncode == 0:
            return True, _summary(output)
        if self.process.returncode == BusyError.exit_code:
            return False, BUSY
        if self.stopped:
            return False, f"stopped: {self.stopped}"
        lines = [line for line in errors.splitlines() if line.strip()]
        return False, lines[-1].strip() if lines else f"ended with {self.process.returncode}"


class Bell:
    """Rings when a child ends or somebody asks us to stop, so that waiting needs no polling."""

    def __init__(self) -> None:
        self.asked = 0
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGTERM, SIGINT and SIGCHLD meanwhile; only in the main thread."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        before = {number: signal.signal(number, self._rung) for number in numbers}
        wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._read)
            os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Until it rings, at most so long."""
        if select.select([self._read], [], [], max(seconds, 0.0))[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)

    def _rung(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.asked += 1


def _summary(output: bytes) -> str:
    try:
        told = json.loads(output)
        return f"{told['status']}: {told['reason']}"
    except (ValueError, KeyError, TypeError):
        return "done"
