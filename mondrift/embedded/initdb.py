"""Make PostgreSQL's data folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from mondrift.embedded.account import Account, own_folder
from mondrift.embedded.locks import open_private
from mondrift.embedded.place import Place
from mondrift.embedded.process import end, environment, working_in
from mondrift.embedded.programs import Program
from mondrift.errors import ServerError

ROLE = "mondrift"  # and the name of the database
_CONFIGURATION = """
# Set by mondrift when this folder was made; edit and restart.
shared_buffers = 128MB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
"""
_ITERATIONS = 64  # of SCRAM: they protect weak passwords, ours has 256 random bits


def make_data_folder(
    data: Path, place: Place, program: Program, account: Account, *, sync: bool
) -> None:
    """Make the data folder aside, then rename it: half a folder is never seen.

    Called under the start lock. Raises ServerError.
    """
    _refuse_unknown_user(account)
    place.refuse_full_disk()
    for old in place.home.glob("new-*"):
        _clear_away(old)
    aside = Path(tempfile.mkdtemp(prefix="new-", dir=place.home))
    try:
        fresh, password = aside / "data", aside / "password"
        own_folder(fresh, account)
        password.write_text(place.password, encoding="ascii")
        if account.switch:
            os.chown(password, account.uid, account.gid)
            os.chown(aside, account.uid, account.gid)
        _run_initdb(program, account, fresh, password, sync=sync)
        settings = open_private(fresh / "postgresql.conf", os.O_WRONLY | os.O_APPEND)
        with os.fdopen(settings, "w", encoding="ascii") as file:
            file.write(_CONFIGURATION)
            if int(program.major) >= 16:
                file.write(f"scram_iterations = {_ITERATIONS}\n")
        fresh.rename(data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _run_initdb(
    program: Program, account: Account, data: Path, password: Path, *, sync: bool
) -> None:
    options = ["--auth=scram-sha-256", f"--username={ROLE}", f"--pwfile={password}"]
    options += ["--encoding=UTF8", "--no-instructions", *([] if sync else ["--no-sync"])]
    if int(program.major) >= 16:
        options.append(f"--set=scram_iterations={_ITERATIONS}")
    if int(program.major) >= 17:  # the server's own C.UTF-8: the same on every machine
        locales = [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
    else:
        locales = [["--locale=C.UTF-8"], ["--locale=C"]]  # some systems know no C.UTF-8
    for locale in locales:
        done = subprocess.run(
            [program.path.with_name("initdb"), f"--pgdata={data}", *options, *locale],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=data,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
            extra_groups=[] if account.switch else None,
            check=False,
        )
        if done.returncode == 0:
            return
        if "locale" not in done.stderr:
            break
    said = " / ".join(done.stderr.strip().splitlines()[-4:])
    raise ServerError(
        f"initdb of PostgreSQL {program.version} ({program.source}) could not make its data "
        f"folder in {str(data.parents[1])!r}: {said}"
    )


def _clear_away(aside: Path) -> None:
    """What is left of an initdb whose starter was killed; it may be still at work."""
    for _ in range(100):
        left = working_in(str(aside / "data"))
        if not left:
            break
        end(left, signal.SIGKILL)
        time.sleep(0.01)
    shutil.rmtree(aside, ignore_errors=True)


def _refuse_unknown_user(account: Account) -> None:
    import pwd

    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        raise ServerError(
            f"The user id {account.uid} has no entry in /etc/passwd, and PostgreSQL's initdb "
            "asks for one. Run as a user that exists (in a container: add one to the image, or "
            f"start it with `--user` of one that it has), add the line "
            f"'mondrift:x:{account.uid}:{account.gid}::/:/bin/false' to /etc/passwd, or set "
            "DATABASE_URL to a PostgreSQL of your own."
        ) from None
