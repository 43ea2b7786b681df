"""As whom the servers run: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mondrift.errors import ServerError

_UNPRIVILEGED = ("mondrift", "postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """The user that the servers run as; `switch` when that is not the user we are."""

    uid: int
    gid: int
    name: str
    switch: bool


def account_for(home: Path) -> Account:
    """Ourselves; for root the owner of the data, else an unprivileged user that exists.

    Raises ServerError when there is none.
    """
    me = os.geteuid()
    if me != 0:
        return Account(me, os.getegid(), _user_name(me) or str(me), switch=False)
    for path in (home / "postgres", home / "valkey", home):
        owner = path.stat() if path.is_dir() else None
        if owner and owner.st_uid != 0:  # whoever owns the data goes on owning it
            name = _user_name(owner.st_uid) or str(owner.st_uid)
            return Account(owner.st_uid, owner.st_gid, name, switch=True)
    return _unprivileged()


def refuse_unreachable(home: Path, account: Account) -> None:
    """As root: may we change user at all, and can that user get to the home?

    Raises ServerError.
    """
    if not account.switch:
        return
    try:
        entered = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(home)],
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
            f"{str(home)!r}. Set MONDRIFT_HOME to a folder all of whose parents others "
            "may pass through (mode 711), or leave it unset for one below /var/lib/mondrift."
        )


def own_folder(folder: Path, account: Account) -> None:
    """Make a new folder, private to the account."""
    folder.mkdir(mode=0o700)
    if account.switch:
        try:
            os.chown(folder, account.uid, account.gid)
        except PermissionError as error:
            folder.rmdir()
            raise _no_change_of_user(account) from error


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
