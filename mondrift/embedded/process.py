"""Start and end one server process; what both servers have in common.

Each server inherits a locked descriptor and so holds its `.lock` for as long as any process of
it lives, zombies not counted. That, and a round trip on the socket, are the only signs of life:
a pid in a file may be a stranger's by now.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mondrift.embedded.locks import hold
from mondrift.embedded.place import Account, Place
from mondrift.errors import ServerError

START_SECONDS = 120.0  # recovery after a crash reads the write-ahead log first
STOP_SECONDS = 60.0
_LARGEST_LOG = 10 * 2**20


@dataclass(frozen=True)
class Server:
    """One server of a place: its name is its folder, its log and its lock."""

    name: str
    label: str
    place: Place

    @property
    def data(self) -> Path:
        """The folder with its data."""
        return self.place.home / self.name

    @property
    def log(self) -> Path:
        """What it says."""
        return self.place.home / f"{self.name}.log"

    @property
    def lock(self) -> Path:
        """Held by every process of it."""
        return self.place.home / f"{self.name}.lock"

    def spawn(self, command: list[str], account: Account, stdin: str = "") -> _Child:
        """Start it in a session of its own, so that it outlives us; `stdin` is its configuration.

        Called under the start lock, when nothing answers on its socket.
        """
        descriptor = self.outlived()
        _shorten(self.log)
        try:
            with self.log.open("ab") as log:
                self.place.give_to_owner(self.log)
                start = log.tell()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self.data,
                    env=environment(),
                    start_new_session=True,
                    umask=0o077,
                    pass_fds=[descriptor],
                    user=account.uid if account.switch else None,
                    group=account.gid if account.switch else None,
                    extra_groups=[] if account.switch else None,
                )
        except OSError as error:
            raise ServerError(f"{command[0]} cannot be started: {error}") from error
        finally:
            os.close(descriptor)  # from here on the server alone holds its lock
        assert process.stdin
        process.stdin.write(stdin.encode())
        process.stdin.close()
        # Reaped as soon as it ends: a zombie's pid would look alive to the next postgres.
        threading.Thread(target=process.wait, name=f"reap-{self.name}", daemon=True).start()
        return _Child(self, process, start)

    def outlived(self) -> int:
        """Wait until no process of an earlier server lives, end what does not go; its lock."""
        for seconds, number in (
            (2.0, signal.SIGINT),  # postgres alone: stop in order; a backend: cancel
            (10.0, signal.SIGQUIT),
            (5.0, signal.SIGKILL),
            (5.0, None),
        ):
            descriptor = hold(self.lock, seconds=seconds)
            if descriptor is not None:
                return descriptor
            for pid in self.processes() if number else ():
                _signal(pid, number)
        raise ServerError(
            f"A process of an earlier {self.label} still holds {str(self.lock)!r} but does not "
            f"answer (processes: {self.processes() or 'not known'}). End it, then try again."
        )

    def processes(self) -> list[int]:
        """The processes that work in its data folder, oldest first (Linux; elsewhere none)."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.data:
                    found.append(int(entry.name))
            except OSError:  # gone meanwhile, or not ours
                continue
        return sorted(found)

    def wait_until_gone(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for its lock; beyond `seconds` it is ended the hard way."""
        descriptor = hold(self.lock, seconds=seconds)
        os.close(descriptor if descriptor is not None else self.outlived())

    def alive(self) -> bool:
        """Whether any process of it lives, whether or not it answers."""
        if not self.lock.exists():
            return False
        descriptor = hold(self.lock)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None


@dataclass(frozen=True)
class _Child:
    """A server that was started and has perhaps not come up yet."""

    server: Server
    process: subprocess.Popen[bytes]
    log_start: int

    def wait_for(self, answers: Callable[[], bool]) -> None:
        """Until it answers. Raises ServerError with its last words when it ends instead."""
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if self.process.poll() is not None:
                raise ServerError(f"{self.server.label} did not start.{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.server.label} did not answer within {START_SECONDS:.0f} s and may "
                    f"still be recovering; see {self.server.log}.{self._last_words()}"
                )
            time.sleep(0.005)

    def _last_words(self) -> str:
        with self.server.log.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return f" It said: {' / '.join(lines[-6:])}" if lines else ""


def environment() -> dict[str, str]:
    """What a server gets to see: no PG* variable of the user, no locale that macOS stumbles on."""
    kept = {key: os.environ[key] for key in ("LD_LIBRARY_PATH", "TMPDIR") if key in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def connect(path: Path, seconds: float = 5.0) -> socket.socket | None:
    """A connection to the socket at `path`; None when nobody listens there."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise ServerError(f"Cannot connect to {str(path)!r}: {error}") from error
    return connection


def end(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each, whether or not it is still there."""
    for pid in pids:
        _signal(pid, number)


def exit_on_sigterm() -> None:
    """From now on SIGTERM ends this process in order, so that it lets go of its servers.

    For programs of our own (a worker, a service); a library does not touch signals unasked.
    """
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _signal(pid: int, number: signal.Signals | None) -> None:
    if number is None:
        return
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
