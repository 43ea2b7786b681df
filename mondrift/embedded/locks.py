"""File locks that the kernel releases when their last holder dies, however it died."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from mondrift.errors import ServerError

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def hold(path: Path, *, shared: bool = False, seconds: float = 0.0) -> int | None:
    """The descriptor of a lock on `path`, or None when others kept it for `seconds`.

    The lock lasts until `release`, or until every copy of the descriptor is closed: a child that
    inherits one holds the lock to its own end. Raises ServerError where locks or writing fail.
    """
    import fcntl  # not on Windows, where nothing here is called

    mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline = time.monotonic() + seconds
    descriptor = _open(path)
    while True:
        try:
            fcntl.flock(descriptor, mode)
            return descriptor
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                if time.monotonic() < deadline:
                    time.sleep(0.005)
                    continue
                os.close(descriptor)
                return None
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                raise ServerError(
                    f"The folder {str(path.parent)!r} offers no file locks ({error.strerror}), "
                    "which the embedded servers need. Set MONDRIFT_HOME to a local folder, or "
                    "DATABASE_URL to a PostgreSQL of your own."
                ) from error
            raise


def release(descriptor: int) -> None:
    """Give a lock back at once, even if a child forked meanwhile has a copy of its descriptor."""
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def open_private(path: Path, flags: int) -> int:
    """Open or make a file that only the owner of its folder may read; a link is not followed.

    Root may work in the home of somebody else: what it makes there is given to that somebody.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    owner = path.parent.stat().st_uid
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid != owner:
        os.fchown(descriptor, owner, -1)
    return descriptor


def _open(path: Path) -> int:
    try:
        return open_private(path, os.O_RDWR)
    except OSError as error:
        raise ServerError(
            f"Cannot write {str(path)!r}: {error.strerror}. Set MONDRIFT_HOME to a folder that "
            "this user can write, or DATABASE_URL to a PostgreSQL of your own."
        ) from error


def holders(path: Path) -> int | None:
    """How many processes hold a shared lock on `path`; None where the system does not tell."""
    table = Path("/proc/locks")
    try:
        inode, lines = str(path.stat().st_ino), table.read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines if "FLOCK" in line and "READ" in line]
    return len({each[-4] for each in fields if each[-3].rpartition(":")[2] == inode})
