"""A file of rows piece by piece, for files larger than memory; the same file, the same pieces."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd

from mondrift.errors import ExtraError, InputError, shown
from mondrift.ingest.files import codes_of, suffix

PIECE = 20_000
"""Rows in a piece. Fixed, for a file that is begun anew must fall into the same pieces."""

UNREADABLE = "unreadable line"
"""The column under which a line that is no JSON object stands; no schema has it."""

Piece = pd.DataFrame | list[dict[str, Any]]


@dataclass(frozen=True)
class Source:
    """A file, looked through once. `rows` is exact but for texts with odd blank lines."""

    path: Path
    digest: str
    rows: int

    def pieces(self, rows: int = PIECE) -> Iterator[Piece]:
        """The rows in order, `rows` at a time: frames, or lists of dicts from JSON Lines."""
        with _told(self.path):
            yield from _READERS[suffix(self.path)][1](self.path, rows)


def look_through(path: str | Path) -> Source:
    """Read a file to its end, to know it by its content and to find what cannot be read.

    Raises InputError for a kind that is not known, and for a text whose lines do not fit their
    header: before anything is stored, for a repaired file is another file.
    """
    file = Path(path)
    found = _READERS.get(suffix(file))
    if found is None:
        raise InputError(
            f"{str(file)!r} is of no kind that can be read; there are {shown(_READERS)} "
            "(and .gz of the texts)."
        )
    with _told(file):
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return Source(file, digest, found[0](file))


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What goes wrong with a file, in words."""
    try:
        yield
    except (InputError, ExtraError):
        raise
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, EOFError, csv.Error) as error:
        why = str(error).strip().rstrip(".") or type(error).__name__
    else:
        return
    raise InputError(f"{str(file)!r} cannot be read: {why}.")


def _opened(file: Path) -> IO[bytes]:
    packed = file.suffix.lower() == ".gz"
    return cast(IO[bytes], gzip.open(file)) if packed else file.open("rb")


def _separator(file: Path) -> str:
    return "\t" if suffix(file) == ".tsv" else ","


def _count_csv(file: Path) -> int:
    with _opened(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        lines = csv.reader(text, delimiter=_separator(file))
        header = next(lines, None)
        if not header:
            raise InputError(f"{str(file)!r} cannot be read: it has no header.")
        rows = 0
        for line in lines:
            rows += bool(line)
            if len(line) > len(header):
                raise InputError(
                    f"{str(file)!r} cannot be read: line {lines.line_num} has {len(line)} fields, "
                    f"the header {len(header)}. Nothing was stored."
                )
        return rows


def _csv(file: Path, rows: int) -> Iterator[Piece]:
    codes = codes_of(file, _separator(file))
    # Not low_memory: it would guess a column's type anew for each stretch of a piece.
    options: dict[str, Any] = {"sep": _separator(file), "dtype": codes, "low_memory": False}
    with pd.read_csv(file, chunksize=rows, **options) as reader:
        for piece in reader:
            yield piece.reset_index(drop=True)


def _lines(file: Path) -> Iterator[bytes]:
    with _opened(file) as raw:
        yield from (line for line in raw if line.strip())


def _count_lines(file: Path) -> int:
    return sum(1 for _ in _lines(file))


def _json_lines(file: Path, rows: int) -> Iterator[Piece]:
    piece: list[dict[str, Any]] = []
    for line in _lines(file):
        piece.append(_object(line))
        if len(piece) == rows:
            yield piece
            piece = []
    if piece:
        yield piece


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return {UNREADABLE: line.decode("utf-8", "replace").rstrip("\r\n")}


def _count_parquet(file: Path) -> int:
    with _parquet_file(file) as opened:
        return int(opened.metadata.num_rows)


def _parquet(file: Path, rows: int) -> Iterator[Piece]:
    import pyarrow as pa

    with _parquet_file(file) as opened:
        for each in opened.iter_batches(batch_size=rows):
            yield pa.Table.from_batches([each]).to_pandas().reset_index(drop=True)


def _parquet_file(file: Path) -> Any:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ExtraError.needed("Reading Parquet", "pyarrow", "parquet") from None
    return ParquetFile(file)


_READERS: Mapping[str, tuple[Callable[[Path], int], Callable[[Path, int], Iterator[Piece]]]] = {
    ".csv": (_count_csv, _csv),
    ".tsv": (_count_csv, _csv),
    ".jsonl": (_count_lines, _json_lines),
    ".ndjson": (_count_lines, _json_lines),
    ".parquet": (_count_parquet, _parquet),
}
