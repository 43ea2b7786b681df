"""Start and end one server process; what both servers have in common.

Each server inherits a locked descriptor and so holds its `.lock` for as long as any process of
it lives, zombies not counted. That, and a round trip on the socket, are the only signs of life:
a pid in a file may be a stranger's by now.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mondrift.embedded.account import Account
from mondrift.embedded.locks import hold, open_private, release
from mondrift.embedded.place import Place
from mondrift.errors import ServerError

START_SECONDS = 120.0  # recovery after a crash reads the write-ahead log first
STOP_SECONDS = 60.0
_FULL_MB = 40  # two segments of the write-ahead log
_LARGEST_LOG = 10 * 2**20
_PROGRAMS = ("postgres", "valkey-server", "redis-server", "initdb")


@dataclass(frozen=True)
class Server(ABC):
    """One server of a place: its name is its folder, its log and its lock."""

    name: str
    label: str
    place: Place
    #: Ends it and its processes at once, whatever signals its starter ignored.
    at_once: signal.Signals

    @property
    @abstractmethod
    def socket(self) -> Path:
        """Where it listens; nothing listens on TCP."""

    @property
    @abstractmethod
    def url(self) -> str:
        """For a client, password included."""

    @abstractmethod
    def version(self) -> str | None:
        """Its version after a round trip; None when it does not (yet) answer.

        Raises ServerError when something is there that cannot be used.
        """

    @abstractmethod
    def stop(self) -> bool:
        """Ask it to stop, everything written. Does not wait; False when it cannot be asked."""

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

    def spawn(self, command: list[str], account: Account, lock: int, stdin: str = "") -> Child:
        """Start it in a session of its own, so that it outlives us; `stdin` is its configuration.

        Called under the start lock, when nothing answers; `lock` comes from `outlived` and is
        closed here.
        """
        try:
            _shorten(self.log)
            with os.fdopen(open_private(self.log, os.O_WRONLY | os.O_APPEND), "ab") as log:
                start = log.seek(0, os.SEEK_END)
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self.data,
                    env=environment(),
                    start_new_session=True,
                    umask=0o077,
                    pass_fds=[lock],
                    user=account.uid if account.switch else None,
                    group=account.gid if account.switch else None,
                    extra_groups=[] if account.switch else None,
                )
        except OSError as error:
            raise ServerError(f"{command[0]} cannot be started: {error}") from error
        finally:
            os.close(lock)  # from here on the server alone holds its lock
        assert process.stdin
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(stdin.encode())
        # Reaped as soon as it ends: a zombie's pid would look alive to the next postgres.
        threading.Thread(target=process.wait, name=f"reap-{self.name}", daemon=True).start()
        return Child(self, process, start)

    def outlived(self) -> int:
        """Wait until no process of an earlier server lives, end what does not go; its lock.

        After a kill -9 of postgres its other processes see that and go by themselves.
        """
        end(self.processes(deleted=True), self.at_once)
        for seconds, number in (
            (2.0, signal.SIGINT),  # postgres alone: stop in order; a backend: cancel
            (10.0, signal.SIGQUIT),
            (5.0, signal.SIGKILL),
            (5.0, None),
        ):
            descriptor = hold(self.lock, seconds=seconds)
            if descriptor is not None:
                return descriptor
            end(self.processes(), number)
        raise ServerError(
            f"A process of an earlier {self.label} still holds {str(self.lock)!r} but does not "
            f"answer (processes: {self.processes() or 'not known'}). End it, then try again."
        )

    def processes(self, *, deleted: bool = False) -> list[int]:
        """The server processes that work in its data folder (Linux; elsewhere none).

        `deleted`: those of a folder of that name which somebody has deleted under them.
        """
        return working_in(f"{self.data} (deleted)" if deleted else str(self.data))

    def wait_until_gone(self) -> None:
        """Wait for its lock; beyond STOP_SECONDS it is ended the hard way."""
        descriptor = hold(self.lock, seconds=STOP_SECONDS)
        release(descriptor if descriptor is not None else self.outlived())

    def alive(self) -> bool:
        """Whether any process of it lives, whether or not it answers."""
        if not self.lock.exists():
            return False
        descriptor = hold(self.lock)
        if descriptor is not None:
            release(descriptor)
        return descriptor is None

    def comes_up(self) -> bool:
        """Wait for one that listens but does not answer yet, being busy with its recovery."""
        deadline = time.monotonic() + START_SECONDS
        while self.version() is None:
            listening = connect(self.socket)
            if listening is None:
                return False
            listening.close()
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.label} in {str(self.place.home)!r} is still recovering after "
                    f"{START_SECONDS:.0f} s. Try again later; its log is {self.log}."
                )
            time.sleep(0.02)
        return True


@dataclass(frozen=True)
class Child:
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
        said = f" It said: {' / '.join(lines[-6:])}" if lines else ""
        free = self.server.place.free_megabytes()
        return f" Its disk has {free} MB left: free some.{said}" if free < _FULL_MB else said


def environment() -> dict[str, str]:
    """What a server gets to see: no PG* variable of the user, no locale that macOS stumbles on."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    kept = {"LD_LIBRARY_PATH": libraries} if libraries else {}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def working_in(folder: str) -> list[int]:
    """The processes of server programs whose working folder is `folder` (Linux; else none)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            here = str((entry / "cwd").readlink()) == folder
            if here and (entry / "exe").readlink().name.startswith(_PROGRAMS):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, a zombie, or not ours
            continue
    return sorted(found)


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


def end(pids: Iterable[int], number: signal.Signals | None) -> None:
    """Send a signal to each, whether or not it is still there; None sends nothing."""
    for pid in pids if number else ():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number or 0)


def exit_on_sigterm() -> None:
    """From now on SIGTERM ends this process in order, so that it lets go of its servers.

    For programs of our own (a worker, a service); a library does not touch signals unasked.
    """
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _shorten(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
