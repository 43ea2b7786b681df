"""Where the servers live, and whether that can work at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mondrift.embedded.account import Account, account_for, own_folder, refuse_unreachable
from mondrift.embedded.locks import open_private
from mondrift.errors import ServerError

_BRING_YOUR_OWN = "or DATABASE_URL to a PostgreSQL of your own"
_LONGEST_SOCKET = 103  # bytes: 108 with the closing NUL on Linux, 104 on macOS
_SOCKET = ".s.PGSQL.5432"
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"}
_NEEDED_MB = 150  # a new data folder takes 40, its write-ahead log and the first rows the rest


def home(environ: Mapping[str, str] = os.environ, cwd: Path | None = None) -> Path:
    """The folder of the embedded servers: MONDRIFT_HOME, else `./.mondrift`.

    As root, whose working folder the servers' unprivileged user often cannot enter, a folder of
    /var/lib/mondrift named by a hash of the working folder's path.

    >>> home({"MONDRIFT_HOME": "/srv/monitoring"})
    PosixPath('/srv/monitoring')
    """
    here = Path(cwd or Path.cwd()).absolute()
    if given := environ.get("MONDRIFT_HOME"):
        return Path(os.path.abspath(here / os.path.expanduser(given)))  # noqa: PTH100, PTH111
    if os.geteuid() == 0:
        return Path("/var/lib/mondrift") / _short_hash(str(here))
    return here / ".mondrift"


@dataclass(frozen=True)
class Place:
    """The paths below one home."""

    home: Path

    @property
    def start_lock(self) -> Path:
        """Held while servers are started or stopped."""
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held, shared, by every process that uses the servers."""
        return self.home / "users.lock"

    @property
    def pinned(self) -> Path:
        """There from `up` to `down`."""
        return self.home / "pinned"

    @property
    def sockets(self) -> Path:
        """The folder of the sockets, the link to a short one followed."""
        run = self.home / "run"
        return run.readlink() if run.is_symlink() else run

    @cached_property
    def password(self) -> str:
        """The servers' password. Raises ServerError when it cannot be read."""
        path = self.home / "password"
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ServerError(
                f"Cannot read {str(path)!r}, the password of the embedded servers: "
                f"{error.strerror}. Only the user who started them, and root, may use them; set "
                f"MONDRIFT_HOME to a folder of your own, {_BRING_YOUR_OWN}."
            ) from error

    def prepare(self) -> Account:
        """Make the home and what is in it, as far as missing; who will run the servers.

        Called under the start lock. Raises ServerError when the place cannot work.
        """
        self._refuse_network_folder()
        refuse_unreachable(self.home, self.account)
        self._make_password()
        self._make_sockets_folder()
        return self.account

    def make(self) -> None:
        """The home itself: enough to take a lock in it. Raises ServerError."""
        try:
            missing = [each for each in (self.home, *self.home.parents) if not each.exists()]
            for folder in reversed(missing):
                if os.geteuid() == 0:
                    folder.mkdir(mode=0o711, exist_ok=True)
                    folder.chmod(0o711)  # the servers' user passes through, whatever the umask
                else:
                    folder.mkdir(mode=0o700, exist_ok=True)
            if missing:
                (self.home / ".gitignore").write_text("*\n", encoding="ascii")
            found = self.home.stat()
        except OSError as error:
            raise ServerError(
                f"Cannot make the folder {str(self.home)!r} for the embedded servers: "
                f"{error.strerror}. Set MONDRIFT_HOME to a folder that this user can write, "
                f"{_BRING_YOUR_OWN}."
            ) from error
        foreign = os.geteuid() not in (0, found.st_uid)
        if not stat.S_ISDIR(found.st_mode) or foreign or found.st_mode & stat.S_IWOTH:
            raise ServerError(
                f"{str(self.home)!r} is not a folder of this user that others cannot write, so "
                "they could take over the servers in it. Set MONDRIFT_HOME to such a folder, "
                f"{_BRING_YOUR_OWN}."
            )

    @cached_property
    def account(self) -> Account:
        """Who runs the servers. Raises ServerError when root finds nobody to do it."""
        return account_for(self.home)

    def free_megabytes(self) -> int:
        """What is left on its disk."""
        space = os.statvfs(self.home)
        return space.f_bavail * space.f_frsize // 2**20

    def refuse_full_disk(self) -> None:
        """Before a data folder is made: is there room? Raises ServerError."""
        free = self.free_megabytes()
        if free < _NEEDED_MB:
            raise ServerError(
                f"The disk of {str(self.home)!r} has {free} MB left; a new PostgreSQL needs "
                f"{_NEEDED_MB}. Free some, set MONDRIFT_HOME to another disk, {_BRING_YOUR_OWN}."
            )

    def _refuse_network_folder(self) -> None:
        table = Path("/proc/self/mounts")
        if table.exists():  # not on macOS
            text = table.read_text(encoding="utf-8", errors="replace")
            refuse_network_folder(self.home, text)

    def _make_password(self) -> None:
        path = self.home / "password"
        if path.exists():
            return
        if (self.home / "postgres").exists():
            raise ServerError(
                f"{str(path)!r} is gone, and the database beside it knows only that password. "
                "Put it back from a backup of the folder, or move the folder away to start anew."
            )
        aside = self.home / ".password"
        aside.unlink(missing_ok=True)
        with os.fdopen(open_private(aside, os.O_WRONLY), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)

    def sockets_are_private(self) -> bool:
        """False when there is no folder for the sockets yet. Raises ServerError when others own it.

        Asked before each connection: a short folder for temporary files may have been swept away
        and made anew by somebody who would like to learn the password.
        """
        try:
            if self.sockets.name not in ("run", self._short_name()):
                return False  # the home was copied, and this is still the original's
            found = self.sockets.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077 == 0
        if private and found.st_uid == self.account.uid:
            return True
        raise ServerError(
            f"{str(self.sockets)!r} is not a private folder (mode 700) of user "
            f"{self.account.name!r}, so others could listen in. Remove it, or set MONDRIFT_HOME "
            "to another folder."
        )

    def _make_sockets_folder(self) -> None:
        if self.sockets_are_private():
            return
        run, name = self.home / "run", self._short_name()
        if run.is_symlink():
            run.unlink()
        if not _fits(run):
            temporary = Path(tempfile.gettempdir()).resolve() / name
            run.symlink_to(temporary if _fits(temporary) else Path("/tmp") / name)  # noqa: S108
        if not self.sockets_are_private():
            own_folder(self.sockets, self.account)

    def _short_name(self) -> str:
        """Of this very folder, by whatever path it is seen; a copy of it gets another."""
        found = self.home.stat()
        return f"mondrift-{self.account.uid}-{_short_hash(f'{found.st_dev}:{found.st_ino}')}"


def refuse_network_folder(folder: Path, mounts: str) -> None:
    """`mounts` is a table as in /proc/self/mounts. Raises ServerError."""
    kind = filesystem(folder, mounts)
    if kind in _NETWORK:
        raise ServerError(
            f"{str(folder)!r} is on a network folder ({kind}), where a database that several "
            "machines see can be destroyed. Set MONDRIFT_HOME to a local folder, "
            f"{_BRING_YOUR_OWN}."
        )


def filesystem(path: Path, mounts: str) -> str:
    """The kind of file system that `path` is on, by a table as in /proc/self/mounts.

    >>> filesystem(Path("/home/ann/x"), "a / ext4 rw 0 0\\nb:/h /home nfs4 rw 0 0\\n")
    'nfs4'
    """
    kind, longest = "", -1
    for line in mounts.splitlines():
        _, point, found, *_ = re.sub(r"\\040", "\0", line).split(" ")
        folder = Path(point.replace("\0", " "))
        if path.is_relative_to(folder) and len(folder.parts) >= longest:
            kind, longest = found, len(folder.parts)
    return kind


def refuse_windows(platform: str = sys.platform) -> None:
    """The embedded servers need Unix sockets and locks. Raises ServerError on Windows."""
    if platform == "win32":
        raise ServerError(
            "There are no embedded servers on Windows. Set DATABASE_URL to a PostgreSQL (15 or "
            "newer) and, for the cache, REDIS_URL; or run mondrift in WSL."
        )


def _fits(folder: Path) -> bool:
    """Short enough for a socket, and free of what libpq and postgres take for separators."""
    path = str(folder / _SOCKET)
    return len(os.fsencode(path)) <= _LONGEST_SOCKET and bool(re.fullmatch(r"[\w./ +-]+", path))


def _short_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
