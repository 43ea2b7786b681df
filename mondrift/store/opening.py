"""From addresses to a database that is ready: engines, tables of the right version, the cache."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select, text

from mondrift.cache import Cache
from mondrift.settings import Settings, secret
from mondrift.store import schema
from mondrift.store.connect import engine_for, told
from mondrift.store.database import Database
from mondrift.store.tables import store_info


def opened(
    url: str,
    redis_url: str | None,
    settings: Settings,
    clock: Callable[[], datetime],
    *,
    owned: bool,
) -> Database:
    """The database at `url`; `owned`: it is mondrift's own, and is upgraded without asking."""
    engine = engine_for(url)
    try:
        schema.prepare(engine, owned=owned)
        cache = Cache(redis_url, _namespace(engine), settings)
    except BaseException:
        engine.dispose()
        raise
    replica = secret(settings.database_replica_url)
    return Database(engine, engine if replica is None else engine_for(replica), clock, cache)


def _namespace(engine: Engine) -> str:
    """Which store this is, for the cache: a copy of its database is another one."""
    oid = text("(SELECT oid FROM pg_database WHERE datname = current_database())")
    with told(engine), engine.connect() as connection:
        row = connection.execute(select(store_info.c.store_id, oid)).one()
    return ":".join(str(part) for part in row)
