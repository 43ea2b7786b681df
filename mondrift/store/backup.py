"""A store in one file, and back: every table as COPY BINARY has it, at one moment.

The file is a zip archive: one member per table, or per partition, and `manifest.json` with
versions, the columns and rows of each member, and a checksum. It needs no program of PostgreSQL's,
and goes from any version of PostgreSQL from 15 on to any other. It holds every value, private
columns included, so that only its owner may read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, text

from mondrift.embedded.locks import open_private
from mondrift.errors import InputError
from mondrift.store import partitions, schema
from mondrift.store.connect import raw_cursor, told
from mondrift.store.database import Database
from mondrift.store.tables import metadata

Progress = Callable[[int, int], None]

FORMAT = 1
MANIFEST = "manifest.json"
SUFFIX = ".zip"

#: Tables whose days or months are members of their own.
PARTITIONED = ("predictions", "labels")


@dataclass(frozen=True)
class Backup:
    """A backup that was written: where, of when, how many rows of each table, how large."""

    path: Path
    created_at: datetime
    rows: dict[str, int]
    size: int


def backup(db: Database, path: Path, *, progress: Progress | None) -> Backup:
    """Write everything into a file; see `Store.backup`."""
    created = db.clock()
    if path.is_dir():
        path = path / f"mondrift-{created:%Y%m%dT%H%M%SZ}{SUFFIX}"
    if path.exists():
        raise InputError(f"{str(path)!r} is there already; a backup never writes over another.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {str(path.parent)!r} for the backup; make it first.")
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with told(db.engine), db.engine.connect() as connection:
            rows = _write(connection, aside, created, progress)
        _publish(aside, path)
    except OSError as error:
        raise InputError(f"The backup cannot be written: {error}.") from error
    finally:
        aside.unlink(missing_ok=True)
    return Backup(path, created, rows, path.stat().st_size)


def _publish(aside: Path, path: Path) -> None:
    """Make the whole file visible under its name, unless another one has come meanwhile."""
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(aside, path)  # unlike a rename it never replaces
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        aside.rename(path)
    with contextlib.suppress(OSError):  # not every file system lets folders be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(
    connection: Connection, aside: Path, created: datetime, progress: Progress | None
) -> dict[str, int]:
    connection = connection.execution_options(isolation_level="REPEATABLE READ")
    # Locked before the first query, which takes the snapshot: no partition vanishes in between.
    names = ", ".join(table.name for table in metadata.sorted_tables)
    connection.execute(text(f"LOCK TABLE {names} IN ACCESS SHARE MODE"))
    parts = [(table.name, part) for table in metadata.sorted_tables
             for part in _parts(connection, table.name)]  # fmt: skip
    members = []
    with (
        os.fdopen(open_private(aside, os.O_WRONLY | os.O_EXCL), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for done, (table, part) in enumerate(parts, start=1):
            members.append(_export(connection, archive, table, part))
            if progress is not None:
                progress(done, len(parts))
        manifest = {
            "format": FORMAT,
            "mondrift": version("mondrift"),
            "schema": schema.needed(),
            "postgresql": connection.execute(text("SHOW server_version")).scalar_one(),
            "created_at": created.isoformat(),
            "members": members,
            "sequences": _sequences(connection),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    rows: dict[str, int] = {}
    for each in members:
        rows[each["table"]] = rows.get(each["table"], 0) + each["rows"]
    return rows


def _parts(connection: Connection, table: str) -> list[str]:
    """What is copied on its own: the days and months of a table, else the table."""
    return partitions.present(connection, table) if table in PARTITIONED else [table]


def _export(
    connection: Connection, archive: zipfile.ZipFile, table: str, part: str
) -> dict[str, Any]:
    columns = [column.name for column in metadata.tables[table].columns]
    chosen = ", ".join(f'"{name}"' for name in columns)
    cursor = raw_cursor(connection)
    name = f"{part}.copy"
    with archive.open(name, "w", force_zip64=True) as member:
        hashed = _Hashed(member)
        query = f"COPY (SELECT {chosen} FROM {part}) TO STDOUT WITH (FORMAT BINARY)"  # noqa: S608
        cursor.copy_expert(query, hashed)
    return {
        "name": name,
        "table": table,
        "columns": columns,
        "rows": cursor.rowcount,
        "sha256": hashed.digest(),
    }


def _sequences(connection: Connection) -> dict[str, int]:
    """The last number that each sequence gave; read last, so no row has a later one."""
    query = text(
        "SELECT sequencename, last_value FROM pg_sequences "
        "WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1"
    )
    names = set(_sequence_names())
    return {row[0]: row[1] for row in connection.execute(query) if row[0] in names}


def _sequence_names() -> Iterator[str]:
    yield "label_numbers"
    for table in metadata.sorted_tables:
        for column in table.columns:
            if column.identity is not None:
                yield f"{table.name}_{column.name}_seq"


class _Hashed:
    """A file that is hashed on its way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """As a file has it."""
        self._hash.update(data)
        return self._file.write(data)

    def digest(self) -> str:
        """SHA-256 of what has been written, in hex."""
        return self._hash.hexdigest()
