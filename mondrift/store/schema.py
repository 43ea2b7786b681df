"""Which version the tables are at, and bringing them to the one this mondrift needs.

An empty database is filled at once. A database of the user's own that is behind is left alone and
says which command upgrades it; the embedded one is mondrift's, and is upgraded on opening. Any
number of processes may open the same store at once: one upgrades, the others wait.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, select, table, text

from mondrift.errors import StoreError
from mondrift.store.connect import masked, told
from mondrift.store.partitions import PARTITIONS

#: Not Alembic's own name: another tool with migrations may live in the same database.
VERSION_TABLE = "mondrift_schema_version"

_LOCK = 0x6D6F6E64  # "mond": an advisory lock held while the tables change

#: Files of the steps, each named by its version. Alembic itself is loaded only to take a step: most
#: processes open a store that is up to date, and would wait for it.
_STEPS = Path(__file__).parent / "migrations" / "versions"
_STEP = re.compile(r"(\d{4})_\w+\.py")


def includes(name: str | None, type_: str, _parents: Any) -> bool:
    """Whether autogenerate may look at a table: never at partitions, they come and go."""
    return not (type_ == "table" and name is not None and PARTITIONS.match(name))


def current(engine: Engine) -> str | None:
    """The version the database is at, None when it has none of our tables."""
    with told(engine), engine.connect() as connection:
        return _version(connection)


def needed() -> str:
    """The version this mondrift works with."""
    versions = known()
    if not versions:
        raise StoreError("This installation of mondrift lacks its migrations; install it again.")
    return max(versions)


def prepare(engine: Engine, *, owned: bool) -> None:
    """Make sure the tables are the ones this mondrift needs; `owned`: upgrade without asking.

    Raises StoreError, with the command to run, when the tables are of another version.
    """
    version = current(engine)
    empty = version is None and _is_empty(engine)
    if version is None and not empty:
        version = current(engine)  # another process may have made them between the two looks
    if version == needed():
        return
    if owned or empty:
        upgrade(engine)
        return
    where = masked(engine.url)
    if version is not None and version not in known():
        raise StoreError(
            f"The store at {where} is at schema version {version}, which a newer mondrift wrote. "
            f"Upgrade this one: pip install --upgrade mondrift (it works with {needed()})."
        )
    state = f"is at schema version {version}" if version else "holds other tables but none of ours"
    raise StoreError(
        f"The store at {where} {state}; this mondrift needs {needed()}. "
        "Back it up, then run: mondrift db upgrade"
    )


def upgrade(engine: Engine, target: str = "head") -> str:
    """Bring the tables to `needed()`, or to an older version; harmless when they are there.

    Returns the version that is needed.
    """
    with told(engine), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            version = _version(connection)
            if version is not None and version not in known():
                raise StoreError(
                    f"The store at {masked(engine.url)} is at schema version {version}, which a "
                    "newer mondrift wrote: pip install --upgrade mondrift"
                )
            connection.commit()
            _take_steps(connection, target)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()
    return needed()


def differences(engine: Engine) -> list[Any]:
    """What autogenerate would still change: nothing, unless tables and migrations disagree."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from mondrift.store.tables import metadata

    options = {"version_table": VERSION_TABLE, "include_name": includes, "compare_type": True}
    with told(engine), engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection")
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def known() -> set[str]:
    """Every version that this mondrift can bring up to date."""
    return {found[1] for file in _STEPS.glob("*.py") if (found := _STEP.fullmatch(file.name))}


def _take_steps(connection: Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mondrift.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _version(connection: Connection) -> str | None:
    there = text("SELECT to_regclass(:table) IS NOT NULL")
    if not connection.execute(there, {"table": VERSION_TABLE}).scalar_one():
        return None
    return connection.execute(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    ).scalar()


def _is_empty(engine: Engine) -> bool:
    query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    with told(engine), engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one()) == 0
