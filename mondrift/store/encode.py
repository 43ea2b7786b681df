"""Checked rows as the fields of a stored row, in the order of the columns below."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from mondrift.store import copy
from mondrift.store.copy import Field
from mondrift.store.levels import MOST_LEVELS, Levels
from mondrift.store.records import Record
from mondrift.store.validate import Checked, brief

#: Columns of `predictions` and `baseline_samples` that hold what the row says.
COLUMNS = (
    "schema_version",
    "prediction",
    "probabilities",
    "latency_ms",
    "version",
    "numerics",
    "categories",
    "texts",
)


def codes(
    checked: Checked, record: Record, levels: Levels, keep: np.ndarray
) -> dict[str, np.ndarray]:
    """For each column of levels, the store's codes of the rows `keep` (an index array).

    A level for which a column has no room is complained about; its code is -1.
    """
    used: dict[str, np.ndarray] = {}
    wanted: dict[str, list[str]] = {}
    for name, local in checked.codes.items():
        used[name] = np.unique(local[keep][local[keep] >= 0])
        group = record.levels_of(name)
        assert group is not None
        wanted.setdefault(group, []).extend(checked.levels[name][code] for code in used[name])
    coded = levels.codes(wanted)
    result: dict[str, np.ndarray] = {}
    begin = dict.fromkeys(wanted, 0)
    for name, local in checked.codes.items():
        group = record.levels_of(name)
        assert group is not None
        part = coded[group][begin[group] : begin[group] + len(used[name])]
        begin[group] += len(used[name])
        # One place more than there are levels: code -1, missing, indexes it and stays -1.
        table = np.full(len(checked.levels[name]) + 1, -1, dtype=np.int32)
        table[used[name]] = part
        result[name] = table[local[keep]]
        if (part < 0).any():
            refused = np.zeros(checked.n, dtype=bool)
            refused[keep] = (result[name] < 0) & (local[keep] >= 0)
            checked.complaints.add(refused, functools.partial(_no_room, checked, name))
    return result


def _no_room(checked: Checked, name: str, row: int) -> str:
    level = brief(checked.levels[name][checked.codes[name][row]])
    return (
        f"column {name!r}: {level} would be one more than the {MOST_LEVELS} levels that are kept: "
        "declare the column text"
    )


def fields(
    checked: Checked, record: Record, coded: dict[str, np.ndarray], keep: np.ndarray
) -> list[Field]:
    """The fields of COLUMNS for the rows `keep`; NaN has one bit pattern and zero one sign."""
    n = len(keep)

    def number(name: str | None) -> np.ndarray:
        if name is not None and name in coded:
            return np.where(coded[name] < 0, np.nan, coded[name])
        if name is None or name not in checked.numbers:
            return np.full(n, np.nan)
        values = checked.numbers[name][keep]
        return np.where(np.isnan(values), np.nan, values + 0.0)

    def nullable(name: str | None) -> Field:
        values = number(name)
        return Field(values, np.isnan(values))

    schema = record.schema
    probabilities = np.empty((n, len(record.probabilities)))
    for at, name in enumerate(record.probabilities):
        probabilities[:, at] = number(name)
    numerics = np.empty((n, len(record.numerics)))
    for at, name in enumerate(record.numerics):
        numerics[:, at] = number(name)
    categories = np.empty((n, len(record.categories)), dtype=np.int32)
    for at, name in enumerate(record.categories):
        categories[:, at] = coded.get(name, -1)
    version = coded.get(schema.version or "", np.full(n, -1, dtype=np.int32))
    return [
        Field(np.full(n, record.schema_version, dtype=np.int32)),
        nullable(schema.prediction),
        Field(probabilities, np.full(n, not record.probabilities)),
        nullable(schema.latency),
        Field(version.astype(np.int32), version < 0),
        Field(numerics),
        Field(categories),
        _texts(checked, record, keep),
    ]


def _texts(checked: Checked, record: Record, keep: np.ndarray) -> Field:
    names = record.texts
    if not names:
        return Field([b""] * len(keep), np.ones(len(keep), dtype=bool))
    columns = [checked.texts[name] for name in names]
    return copy.text_array([[column[row] for column in columns] for row in keep.tolist()])


def truth(
    checked: Checked, record: Record, coded: dict[str, np.ndarray], keep: np.ndarray
) -> np.ndarray:
    """The target of the rows `keep` as float64 (codes for classes), NaN where there is none."""
    target = record.schema.target
    if target is not None and target in coded:
        return np.where(coded[target] < 0, np.nan, coded[target]).astype(np.float64)
    if target is not None and target in checked.numbers:
        return np.asarray(checked.numbers[target][keep])
    return np.full(len(keep), np.nan)


def hashes(parts: Sequence[Field], n: int) -> np.ndarray:
    """A 64-bit hash of each row's content: equal rows have equal hashes, today and next year."""
    result = np.empty(n, dtype=np.int64)
    for rows, block in copy.blocks(parts, n):
        whole = np.ascontiguousarray(block).view(f"V{block.dtype.itemsize}").tolist()
        digests = b"".join(blake2b(row, digest_size=8).digest() for row in whole)
        result[rows] = np.frombuffer(digests, dtype=">i8")
    return result
