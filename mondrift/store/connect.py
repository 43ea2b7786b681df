"""Reaching PostgreSQL: addresses without passwords, engines, and errors that people can act on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg2
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from mondrift.errors import MondriftError, ServerError, SettingsError, StoreError

_CONNECT_SECONDS = 5

_CHECK_URL = "Check DATABASE_URL, or unset it to use the embedded server."

#: Less than two segments of the write-ahead log: PostgreSQL may have stopped for want of space.
_LEAST_MB = 40

_DISK_FULL, _UNKNOWN, _NO_PARTITION = "53100", ("XX000", "58030"), "23514"
_NO_ROOM = re.compile(r"could not (extend|write).*(too large|[Qq]uota)", re.DOTALL)

# Classes and codes of PostgreSQL's errors that an operator, not a programmer, has to act on.
_REFUSALS = {
    _DISK_FULL: "the disk of the database is full; free space and try again, nothing was stored",
    # A partition went away between its making and the rows.
    _NO_PARTITION: "the day of these rows was dropped by retention just now; nothing was stored, "
    "log them again",
    "25006": "the database is read-only (a replica?); write to the primary",
    "42501": "the database user may not do this; grant it the rights on the database",
    "42P01": "a table is missing; run `mondrift db upgrade`",
    "42703": "a column is missing; run `mondrift db upgrade`",
}


def address(url: str) -> URL:
    """`url` as SQLAlchemy's URL; `postgres://` and `postgresql://` mean psycopg2.

    >>> address("postgres://me:secret@db/drift").drivername
    'postgresql+psycopg2'

    Raises SettingsError, without showing the URL, when it is none or speaks of another database.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise SettingsError(
            "DATABASE_URL is not a URL (its value is not shown); "
            "it looks like postgresql://user:password@host:5432/database."
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise SettingsError(
            f"DATABASE_URL speaks of {parsed.get_backend_name()!r}; mondrift keeps its store in "
            "PostgreSQL 15 or newer: postgresql://user:password@host:5432/database."
        )
    if parsed.drivername in ("postgresql", "postgresql+psycopg2"):
        return parsed.set(drivername="postgresql+psycopg2")
    raise SettingsError(
        f"DATABASE_URL names the driver {parsed.drivername!r}; mondrift speaks psycopg2: "
        "write postgresql://…"
    )


def masked(url: str | URL) -> str:
    """`url` for people: never with its password, wherever in the URL that stands.

    >>> masked("postgresql://me:secret@db/drift?password=other")
    'postgresql://me:***@db/drift'
    """
    parsed = address(url) if isinstance(url, str) else url
    query = {key: value for key, value in parsed.query.items() if "pass" not in key.lower()}
    shown = parsed.set(drivername="postgresql", query=query)
    return shown.render_as_string(hide_password=True)


def engine_for(url: str) -> Engine:
    """An engine whose sessions speak UTC and UTF-8 and give up connecting after 5 s."""
    return create_engine(
        address(url),
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "mondrift",
            "client_encoding": "utf8",
            "options": "-c timezone=UTC -c extra_float_digits=3",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error, errors told plainly."""
    with told(engine), engine.begin() as connection:
        yield connection


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Turn a database's error that people can act on into ServerError or StoreError."""
    try:
        yield
    except MondriftError:
        raise
    except (DBAPIError, psycopg2.Error) as error:
        raised = _plain(error, engine)
        if raised is None:
            raise
        raise raised from None


def _plain(error: DBAPIError | psycopg2.Error, engine: Engine) -> MondriftError | None:
    cause = (error.orig if isinstance(error, DBAPIError) else error) or error
    code = getattr(cause, "pgcode", None)
    if code in _UNKNOWN and _NO_ROOM.search(str(cause)):  # over a quota or a limit of file sizes
        code = _DISK_FULL
    if code == _NO_PARTITION and "no partition of relation" not in str(cause):
        return None
    if code in _REFUSALS:
        return StoreError(f"The store at {masked(engine.url)} refuses: {_REFUSALS[code]}.")
    lost = code is None or code.startswith(("08", "57P"))
    # A connection lost in the middle of COPY or ROLLBACK is a plain DatabaseError, without a code.
    ended = isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    if lost and (ended or type(cause) is psycopg2.DatabaseError):
        return ServerError(
            f"PostgreSQL at {masked(engine.url)} does not answer: {_first_line(cause, engine)} "
            + (_full_disk(engine) or _CHECK_URL)
        )
    return None


def _full_disk(engine: Engine) -> str:
    """What to do when the server is ours (its socket is in its home) and its disk is full.

    PostgreSQL ends when it can no longer write its log, without a word to its clients.
    """
    sockets = engine.url.query.get("host", "")
    home = Path(sockets if isinstance(sockets, str) else sockets[0]).parent
    if not home.is_absolute() or not home.is_dir():
        return ""
    free = shutil.disk_usage(home).free // 2**20
    if free >= _LEAST_MB:
        return ""
    return f"Its disk is full ({free} MB left): free space and try again, nothing was stored."


def _first_line(cause: BaseException, engine: Engine) -> str:
    """What the driver says, in one line, with the password struck out should it be there."""
    line = " ".join(str(cause).split())[:300].rstrip(".") + "."
    password = engine.url.password
    return line.replace(str(password), "***") if password else line


def raw_cursor(connection: Connection) -> Any:
    """A psycopg2 cursor inside `connection`'s transaction, for COPY."""
    return cast(Any, connection.connection).cursor()
