"""attach, up, down, status: who uses the servers, and who stops them."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from mondrift.embedded.locks import hold, holders, open_private, release
from mondrift.embedded.place import Place, home, refuse_windows
from mondrift.embedded.postgres import Postgres
from mondrift.embedded.process import START_SECONDS, STOP_SECONDS, Server, end
from mondrift.embedded.programs import Programs
from mondrift.embedded.valkey import Valkey
from mondrift.errors import ServerError

_PATIENCE = START_SECONDS + STOP_SECONDS  # the longest that a decent holder keeps the start lock


@dataclass(frozen=True, eq=False)
class Servers:
    """Running servers, borrowed until `close` or the end of the process; a context manager.

    The addresses hold the password, so they are not part of the repr.
    """

    home: Path
    database_url: str = field(repr=False)
    """For SQLAlchemy; empty when PostgreSQL was not asked for."""
    redis_url: str | None = field(repr=False)
    """For redis-py; None when not asked for or not to be had."""
    redis_reason: str
    """Why there is no Redis, though asked for."""
    _users: list[int] = field(repr=False)

    def close(self) -> None:
        """Let go of the servers; the last process to do so stops them, unless they are pinned."""
        atexit.unregister(self.close)
        while self._users:
            _leave(Place(self.home), self._users.pop())

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True)
class ServerStatus:
    """One server: whether it answered, and what it is."""

    label: str
    running: bool
    version: str
    socket: Path
    log: Path
    pids: tuple[int, ...]
    """Its processes, where the system tells (Linux)."""
    reason: str
    """Why it does not run, where that is known."""


@dataclass(frozen=True)
class ServersStatus:
    """Both servers of a home, and who holds them."""

    home: Path
    running: bool
    """PostgreSQL answered: the embedded store can be used."""
    pinned: bool
    users: int | None
    """Processes that use the servers now; None where the system does not tell."""
    postgres: ServerStatus
    redis: ServerStatus


def attach(
    where: Path | None = None,
    *,
    postgres: bool = True,
    redis: bool = True,
    programs: Programs | None = None,
    sync: bool = True,
) -> Servers:
    """Join the servers of a home, starting those that do not answer.

    `where` is the home (default: `home()`), `programs` the binaries that may be run (default: all
    that are found). `sync=False` makes a new data folder without waiting for the disk: for tests.
    PostgreSQL that cannot be had raises ServerError; Redis is a cache, and its absence a reason.
    """
    refuse_windows()
    place = _place(where)
    place.make()
    users = hold(place.users_lock, shared=True, seconds=_PATIENCE)
    if users is None:
        raise ServerError(f"The servers in {str(place.home)!r} are being stopped and do not end.")
    try:
        reason = _ensure(place, programs, postgres=postgres, redis=redis, sync=sync)
    except BaseException as error:
        with contextlib.suppress(ServerError, OSError):
            _leave(place, users)
        if isinstance(error, OSError) and not isinstance(error, ServerError):
            raise ServerError(
                f"The servers cannot be started in {str(place.home)!r}: {error}. Set "
                "MONDRIFT_HOME to another folder, or DATABASE_URL to a PostgreSQL of your own."
            ) from error
        raise
    servers = Servers(
        home=place.home,
        database_url=Postgres(place).url if postgres else "",
        redis_url=Valkey(place).url if redis and not reason else None,
        redis_reason=reason,
        _users=[users],
    )
    atexit.register(servers.close)
    return servers


def up(
    where: Path | None = None, *, programs: Programs | None = None, sync: bool = True
) -> ServersStatus:
    """Start the servers and pin them: they run until `down`, whoever comes and goes."""
    refuse_windows()
    place = _place(where)
    place.make()
    before = place.pinned.exists()
    try:
        os.close(open_private(place.pinned, os.O_WRONLY))
        with attach(place.home, programs=programs, sync=sync) as servers:
            reason = servers.redis_reason
        return _status(place, redis_reason=reason)
    except BaseException:
        if not before:
            place.pinned.unlink(missing_ok=True)
        raise


def down(where: Path | None = None) -> None:
    """Unpin the servers and stop them; if processes still use them, the last of those does it."""
    refuse_windows()
    place = _place(where)
    if place.home.is_dir():
        with _starting(place):
            place.pinned.unlink(missing_ok=True)
            _stop_unless_used(place)


def status(where: Path | None = None) -> ServersStatus:
    """What runs in a home, by a round trip to each server; starts and makes nothing."""
    refuse_windows()
    return _status(_place(where))


def _place(where: Path | None) -> Place:
    return Place(Path(where or home()).resolve())


def _ensure(
    place: Place, programs: Programs | None, *, postgres: bool, redis: bool, sync: bool
) -> str:
    """Start what is asked for and does not answer; the reason why there is no Redis."""
    database, cache = Postgres(place), Valkey(place)
    reason = ""
    try:
        cached = not redis or cache.version() is not None
    except ServerError as error:  # there, but of no use; others may be using it: left alone
        cached, reason = True, str(error)
    if cached and (not postgres or database.version() is not None):
        return reason
    with _starting(place):
        account = place.prepare()
        found = programs or Programs.found()
        if postgres and database.version() is None:
            database.start(found.postgres, account, sync=sync)
        if cached:
            return reason
        try:
            if cache.version() is None:
                cache.start(found.redis, account)
        except (ServerError, OSError) as error:
            return str(error)
    return ""


@contextlib.contextmanager
def _starting(place: Place) -> Iterator[None]:
    """Alone in starting or stopping."""
    descriptor = hold(place.start_lock, seconds=_PATIENCE)
    if descriptor is None:
        raise ServerError(
            f"Another process has been starting or stopping the servers in {str(place.home)!r} "
            f"for {_PATIENCE:.0f} s (it holds {place.start_lock}). End it, then try again."
        )
    try:
        yield
    finally:
        release(descriptor)


def _leave(place: Place, users: int) -> None:
    os.close(users)  # not LOCK_UN: a forked child may still use its copy
    if not place.home.is_dir():  # somebody deleted it; servers without files help nobody
        for server in (Postgres(place), Valkey(place)):
            end(server.processes(deleted=True), server.at_once)
        return
    with _starting(place):
        if not place.pinned.exists():
            _stop_unless_used(place)


def _stop_unless_used(place: Place) -> None:
    alone = hold(place.users_lock)
    if alone is None:
        return
    try:
        alive = [each for each in (Postgres(place), Valkey(place)) if each.alive()]
        for each in [each for each in alive if each.stop()]:
            each.wait_until_gone()
    finally:
        release(alone)


def _status(place: Place, redis_reason: str = "") -> ServersStatus:
    database, cache = Postgres(place), Valkey(place)
    first, second = _server_status(database, ""), _server_status(cache, redis_reason)
    return ServersStatus(
        home=place.home,
        running=first.running,
        pinned=place.pinned.exists(),
        users=holders(place.users_lock),
        postgres=first,
        redis=second,
    )


def _server_status(server: Server, reason: str) -> ServerStatus:
    try:
        version = server.version()
    except ServerError as error:
        version, reason = None, str(error)
    return ServerStatus(
        label=server.label,
        running=version is not None,
        version=version or "",
        socket=server.socket,
        log=server.log,
        pids=tuple(server.processes()),
        reason=reason,
    )
