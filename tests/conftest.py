"""Fixtures that need servers: real ones, started once per session in a private folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from mondrift import embedded
from mondrift.store import Store
from mondrift.store.connect import address


def _base() -> str | None:
    """In memory if there is much of it: tests need no durable disk."""
    if not Path("/dev/shm").is_dir():
        return None
    memory = os.statvfs("/dev/shm")
    return "/dev/shm" if memory.f_bavail * memory.f_frsize > 2 * 2**30 else None


def in_database(url: str, name: str) -> str:
    """The same server's database `name`."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> None:
    """Statements outside a transaction, such as CREATE DATABASE."""
    engine = create_engine(address(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.Servers]:
    """PostgreSQL and Valkey of our own, in a folder of this test session."""
    home = Path(tempfile.mkdtemp(prefix="mondrift-", dir=_base()))
    home.chmod(0o755)
    with embedded.attach(home, sync=False) as servers:
        yield servers
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(servers: embedded.Servers) -> Callable[[], str]:
    """Makes a database with the store's tables; gives its address."""
    execute(servers.database_url, "CREATE DATABASE template_store")
    Store.migrate(in_database(servers.database_url, "template_store"))
    numbers = count()

    def make() -> str:
        name = f"store_{next(numbers)}"
        execute(servers.database_url, f"CREATE DATABASE {name} TEMPLATE template_store")
        return in_database(servers.database_url, name)

    return make


@pytest.fixture(scope="module")
def database_url(new_database: Callable[[], str]) -> str:
    """A database with the store's tables, of this test module alone."""
    return new_database()


@pytest.fixture(scope="module")
def store(database_url: str, servers: embedded.Servers) -> Iterator[Store]:
    """A store of this test module alone, with a cache. Tests use model ids of their own."""
    with Store.open(database_url, redis_url=servers.redis_url) as store:
        yield store
