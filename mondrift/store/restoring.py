"""A backup back into an empty database: all of it, or nothing.

Tables and partitions are made first, which leaves the store as empty as it was; then every row goes
in within one transaction. A backup of an older mondrift is restored as it was, then upgraded.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, text

from mondrift.errors import InputError, StoreError, shown
from mondrift.store import partitions, schema
from mondrift.store.backup import FORMAT, MANIFEST, PARTITIONED, Progress
from mondrift.store.connect import masked, raw_cursor, transaction
from mondrift.store.tables import metadata

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def restore(engine: Engine, path: Path, *, progress: Progress | None) -> dict[str, int]:
    """Fill an empty database from a backup; rows by table. See `Store.restore`."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive, path)
            _verify(archive, manifest, path)
            _prepare(engine, manifest, path)
            rows = _fill(engine, archive, manifest, path, progress)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{str(path)!r} is no backup that can be read: {error}.") from None
    schema.upgrade(engine)
    return rows


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        found = int(manifest["format"])
    except (KeyError, ValueError, TypeError):
        raise InputError(f"{str(path)!r} is no backup of mondrift.") from None
    if found > FORMAT or manifest["schema"] not in schema.known():
        raise InputError(
            f"{str(path)!r} was written by mondrift {manifest['mondrift']}, newer than this one: "
            "pip install --upgrade mondrift"
        )
    return manifest


def _verify(archive: zipfile.ZipFile, manifest: Mapping[str, Any], path: Path) -> None:
    """Read everything once before anything is changed; names go into statements."""
    names = [*manifest["sequences"]]
    for member in manifest["members"]:
        names += [member["name"].removesuffix(".copy"), member["table"], *member["columns"]]
    bad = [name for name in names if not _NAME.fullmatch(name)]
    if bad:
        raise InputError(f"{str(path)!r} is no backup of mondrift: it speaks of {shown(bad)}.")
    for member in manifest["members"]:
        try:
            with archive.open(member["name"]) as file:
                found = _digest(file)
        except (KeyError, zlib.error, zipfile.BadZipFile, EOFError):
            found = ""
        if found != member["sha256"]:
            raise InputError(
                f"{str(path)!r} is damaged: its part {member['name']} is not what was written. "
                "Nothing was changed; take another backup."
            )


def _digest(file: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while block := file.read(1 << 20):
        hashed.update(block)
    return hashed.hexdigest()


def _prepare(engine: Engine, manifest: Mapping[str, Any], path: Path) -> None:
    """Empty tables of the backup's version, with its partitions."""
    version = schema.current(engine)
    if version is not None:
        with transaction(engine) as connection:
            _refuse_rows(connection, engine, path)
            if version != manifest["schema"]:
                _drop(connection)
    schema.upgrade(engine, manifest["schema"])
    members = manifest["members"]
    names = [each["name"].partition(".")[0] for each in members if each["table"] in PARTITIONED]
    partitions.restore(engine, names)


def _refuse_rows(connection: Connection, engine: Engine, path: Path) -> None:
    """StoreError when any table but the store's own name plate has rows."""
    here = set(connection.execute(text(_TABLES)).scalars())
    names = [t.name for t in metadata.sorted_tables if t.name in here and t.name != "store_info"]
    full = [
        name
        for name in names
        if connection.execute(text(f"SELECT EXISTS (SELECT FROM {name})")).scalar_one()  # noqa: S608
    ]
    if full:
        raise StoreError(
            f"The store at {masked(engine.url)} has rows in {shown(full)}; a backup only goes into "
            "an empty one. Restore into another: set DATABASE_URL to a new database, or "
            f"MONDRIFT_HOME to a new folder, then run: mondrift restore {path}"
        )


def _drop(connection: Connection) -> None:
    """Take the empty tables of another version away."""
    connection.execute(text("DROP VIEW IF EXISTS predictions_json"))
    for table in reversed(metadata.sorted_tables):
        connection.execute(text(f"DROP TABLE IF EXISTS {table.name} CASCADE"))
    connection.execute(text("DROP SEQUENCE IF EXISTS label_numbers"))
    connection.execute(text(f"DROP TABLE {schema.VERSION_TABLE}"))


def _fill(
    engine: Engine,
    archive: zipfile.ZipFile,
    manifest: Mapping[str, Any],
    path: Path,
    progress: Progress | None,
) -> dict[str, int]:
    rows: dict[str, int] = {}
    members = manifest["members"]
    with transaction(engine) as connection:
        # Nobody registers a model meanwhile, and without one nothing can be logged.
        connection.execute(text("LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE"))
        _refuse_rows(connection, engine, path)
        connection.execute(text("DELETE FROM store_info"))
        for done, member in enumerate(members, start=1):
            count = _import(connection, archive, member, path)
            rows[member["table"]] = rows.get(member["table"], 0) + count
            if progress is not None:
                progress(done, len(members))
        # A copy is another store: what a shared cache holds of the first one is not its own.
        connection.execute(text("UPDATE store_info SET store_id = gen_random_uuid()"))
        for name, last in manifest["sequences"].items():
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :last)"), {"name": name, "last": last}
            )
    return rows


def _import(
    connection: Connection, archive: zipfile.ZipFile, member: Mapping[str, Any], path: Path
) -> int:
    chosen = ", ".join(f'"{name}"' for name in member["columns"])
    cursor = raw_cursor(connection)
    with archive.open(member["name"]) as file:
        query = f"COPY {member['table']} ({chosen}) FROM STDIN WITH (FORMAT BINARY)"
        cursor.copy_expert(query, file)
    if cursor.rowcount != member["rows"]:
        raise InputError(
            f"{str(path)!r} is damaged: {member['name']} has {cursor.rowcount} rows, not "
            f"{member['rows']}. Nothing was restored; take another backup."
        )
    return int(cursor.rowcount)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
