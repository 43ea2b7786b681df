"""Where the servers live, as whom they run, and whether that can work at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mondrift.errors import ServerError

_BRING_YOUR_OWN = "or DATABASE_URL to a PostgreSQL of your own"
_LONGEST_SOCKET = 103  # bytes: 108 with the closing NUL on Linux, 104 on macOS
_SOCKET = ".s.PGSQL.5432"
_UNPRIVILEGED = ("mondrift", "postgres", "nobody", "daemon")
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
        return Path(os.path.abspath(here / given))  # noqa: PTH100  (resolve() follows links)
    if os.geteuid() == 0:
        return Path("/var/lib/mondrift") / _short_hash(here)
    return here / ".mondrift"


@dataclass(frozen=True)
class Account:
    """The user that the servers run as; `switch` when that is not the user we are."""

    uid: int
    gid: int
    name: str
    switch: bool


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
        account = self._account()
        if account.switch:
            self._refuse_unreachable(account)
        self._make_password()
        self._make_sockets_folder(account)
        return account

    def make(self) -> None:
        """The home itself: enough to take a lock in it. Raises ServerError."""
        mode = 0o711 if os.geteuid() == 0 else 0o700  # the servers' user passes through root's
        try:
            if not self.home.is_dir():
                self.home.mkdir(mode=mode, parents=True, exist_ok=True)
                (self.home / ".gitignore").write_text("*\n", encoding="ascii")
        except OSError as error:
            raise ServerError(
                f"Cannot make the folder {str(self.home)!r} for the embedded servers: "
                f"{error.strerror}. Set MONDRIFT_HOME to a folder that this user can write, "
                f"{_BRING_YOUR_OWN}."
            ) from error

    def refuse_full_disk(self) -> None:
        """Before a data folder is made: is there room? Raises ServerError."""
        space = os.statvfs(self.home)
        free = space.f_bavail * space.f_frsize // 2**20
        if free < _NEEDED_MB:
            raise ServerError(
                f"The disk of {str(self.home)!r} has {free} MB left; a new PostgreSQL needs "
                f"{_NEEDED_MB}. Free some, set MONDRIFT_HOME to another disk, {_BRING_YOUR_OWN}."
            )

    def _account(self) -> Account:
        me = os.geteuid()
        if me != 0:
            return Account(me, os.getegid(), _user_name(me) or str(me), switch=False)
        for path in (self.home / "postgres", self.home / "valkey", self.home):
            owner = path.stat() if path.is_dir() else None
            if owner and owner.st_uid != 0:  # whoever owns the data goes on owning it
                name = _user_name(owner.st_uid) or str(owner.st_uid)
                return Account(owner.st_uid, owner.st_gid, name, switch=True)
        return _unprivileged()

    def _refuse_unreachable(self, account: Account) -> None:
        """As root: may we change user at all, and can that user get to the home?"""
        try:
            entered = subprocess.run(
                ["/bin/sh", "-c", 'cd "$1"', "sh", str(self.home)],
                user=account.uid,
                group=account.gid,
                extra_groups=[],
                stderr=subprocess.DEVNULL,
                cwd="/",
                check=False,
            )
        except (PermissionError, ValueError, subprocess.SubprocessError) as error:
            raise _no_change_of_user(account) from error
        if entered.returncode != 0:
            raise ServerError(
                f"As root the embedded servers run as user {account.name!r}, who cannot enter "
                f"{str(self.home)!r}. Set MONDRIFT_HOME to a folder all of whose parents others "
                "may pass through (mode 711), or leave it unset for one below /var/lib/mondrift."
            )

    def _refuse_network_folder(self) -> None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return  # macOS: initdb and the locks will say it in their own words
        kind = filesystem(self.home, mounts)
        if kind in _NETWORK:
            raise ServerError(
                f"{str(self.home)!r} is on a network folder ({kind}), where a database that "
                "several machines see can be destroyed. Set MONDRIFT_HOME to a local folder, "
                f"{_BRING_YOUR_OWN}."
            )

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
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(descriptor)
        self.give_to_owner(aside)
        aside.rename(path)

    def give_to_owner(self, path: Path) -> None:
        """What root makes in somebody's home belongs to that somebody."""
        if os.geteuid() == 0:
            os.chown(path, self.home.stat().st_uid, -1)

    def _make_sockets_folder(self, account: Account) -> None:
        run = self.home / "run"
        if not run.is_symlink() and not run.exists() and not _fits(run):
            name = f"mondrift-{account.uid}-{_short_hash(self.home)}"
            temporary = Path(tempfile.gettempdir()).resolve() / name
            run.symlink_to(temporary if _fits(temporary) else Path("/tmp") / name)  # noqa: S108
        folder = self.sockets
        own_folder(folder, account)


def own_folder(folder: Path, account: Account) -> None:
    """Make `folder`, private to the account; refuse one that somebody else put there."""
    try:
        folder.mkdir(mode=0o700)
        if account.switch:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077 == 0
        if not private or found.st_uid != account.uid:
            raise ServerError(
                f"{str(folder)!r} is not a private folder (mode 700) of user {account.name!r}, "
                "so others could listen in. Remove it, or set MONDRIFT_HOME to another folder."
            ) from None
    except PermissionError as error:
        if account.switch:
            raise _no_change_of_user(account) from error
        raise


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


def refuse_windows() -> None:
    """The embedded servers need Unix sockets and locks. Raises ServerError on Windows."""
    if sys.platform == "win32":
        raise ServerError(
            "There are no embedded servers on Windows. Set DATABASE_URL to a PostgreSQL (15 or "
            "newer) and, for the cache, REDIS_URL; or run mondrift in WSL."
        )


def _unprivileged() -> Account:
    import pwd

    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, name, switch=True)
    raise ServerError(
        "PostgreSQL refuses to run as root, and none of the users "
        f"{list(_UNPRIVILEGED)} exists to run it. Add one (useradd --system mondrift), run "
        "mondrift as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own."
    )


def _no_change_of_user(account: Account) -> ServerError:
    return ServerError(
        f"PostgreSQL refuses to run as root, and this root may not become {account.name!r} (a "
        "container without the capabilities SETUID, SETGID and CHOWN?). Run the container as "
        "an ordinary user, give it these capabilities, or set DATABASE_URL to a PostgreSQL of "
        "your own."
    )


def _user_name(uid: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _fits(folder: Path) -> bool:
    """Short enough for a socket, and free of what libpq and postgres take for separators."""
    path = str(folder / _SOCKET)
    return len(os.fsencode(path)) <= _LONGEST_SOCKET and bool(re.fullmatch(r"[\w./ +-]+", path))


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
