"""Runs and checks as processes of their own: started, watched, stopped.

One that dies takes nothing along.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import IO, Any, ClassVar, Literal

from mondrift.errors import BusyError
from mondrift.run.stops import TIME_IS_UP
from mondrift.window import Window

BUSY = "another process runs the monitor"
"""What `Child.result` says of a run that found somebody else at it: no failure of ours."""
_PATIENCE = 10.0  # seconds from SIGTERM to SIGKILL


@dataclass
class Started:
    """A process of ours, in a session of its own, so that a Ctrl-C reaches only the scheduler."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]
    deadline: float
    stopped: str = field(default="", init=False)
    too_late: ClassVar[signal.Signals] = signal.SIGTERM

    def ended(self) -> bool:
        """Whether it is over; one that has outlived its limit is stopped here, with a grace."""
        if self.process.poll() is not None:
            return True
        late = monotonic() - self.deadline
        if late > _PATIENCE:
            self.kill()
        elif late > 0 and not self.stopped:
            self.stop("it took longer than a run may", self.too_late)
        return False

    def stop(self, why: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end now, in order; `ended` makes it, when it has not after some seconds."""
        self.stopped = why
        self.deadline = min(self.deadline, monotonic())
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it and what it started in its session, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _said(self) -> tuple[bytes, str]:
        """What it wrote, and its last words; closes its files."""
        with self.output, self.errors:
            self.output.seek(0)
            self.errors.seek(0)
            output, errors = self.output.read(), self.errors.read().decode(errors="replace")
        if self.stopped:
            return output, f"stopped: {self.stopped}"
        lines = [line for line in errors.splitlines() if line.strip()]
        return output, lines[-1].strip() if lines else f"ended with {self.process.returncode}"


@dataclass
class Child(Started):
    """One `mondrift run`."""

    monitor: str
    window: Window
    too_late = TIME_IS_UP

    @property
    def asked_to_end(self) -> bool:
        """Whether it has ended because somebody asked it to: that is no failure."""
        return self.process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)

    @classmethod
    def start(
        cls, command: Sequence[str], monitor: str, window: Window, *, cwd: str, limit: float
    ) -> Child:
        """Start `command MONITOR --window START --json`; `limit` is in seconds."""
        assert window.start is not None
        line = [*command, monitor, "--window", window.start.isoformat(), "--json"]
        return cls(*_popen(line, cwd, b""), monotonic() + limit, monitor, window)

    def result(self) -> tuple[bool, str]:
        """Whether it did well, and one line about it. Call it once, at the end.

        (False, BUSY) when another process runs the monitor.
        """
        output, words = self._said()
        if self.process.returncode == 0:
            return True, _summary(output)
        if self.process.returncode == BusyError.exit_code:
            return False, BUSY
        return False, words


@dataclass(frozen=True)
class Checked:
    """What became of one window that was to be checked.

    `state`: "done"; "busy", another process has the monitor; "failed"; "left", its turn never came.
    """

    monitor: str
    window: Window
    state: Literal["done", "busy", "failed", "left"]
    words: str


@dataclass
class Batch(Started):
    """One process that checks windows of several monitors in turn: see `mondrift.run.checks`."""

    asked: tuple[tuple[str, Window], ...]

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        asked: Sequence[tuple[str, Window]],
        *,
        cwd: str,
        limit: float,
    ) -> Batch:
        """Start `command` with [[monitor, start of the window], …] on its standard input."""
        pairs = [[name, window.start.isoformat()] for name, window in asked if window.start]
        given = json.dumps(pairs).encode()
        return cls(*_popen(list(command), cwd, given), monotonic() + limit, tuple(asked))

    def monitors(self) -> set[str]:
        """Whose windows are in it."""
        return {name for name, _ in self.asked}

    def result(self) -> list[Checked]:
        """What became of each window. Call it once, at the end.

        When it died, the window it was at has failed; when it never came to the first, all have.
        """
        output, words = self._said()
        told = [each for line in output.splitlines() if (each := _line(line))]
        begun = {each["number"] for each in told if each["state"] == "begun"}
        ends = {each["number"]: each for each in told if each["state"] != "begun"}
        found = []
        for number, (name, window) in enumerate(self.asked):
            end = ends.get(number)
            if end is not None:
                found.append(Checked(name, window, end["state"], end["words"]))
            elif not self.stopped and (number in begun or not begun):
                found.append(Checked(name, window, "failed", words))
            else:
                found.append(Checked(name, window, "left", words))
        return found


def _line(line: bytes) -> dict[str, Any] | None:
    """What a process of checks said in a line; None where it was cut off, or is somebody else's."""
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and {"number", "state"} <= set(found):
            return found
    return None


def _popen(
    command: list[str], cwd: str, given: bytes
) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
    output, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    with tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        process = subprocess.Popen(
            command, cwd=cwd, stdin=source, stdout=output, stderr=errors, start_new_session=True
        )
    return process, output, errors


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
