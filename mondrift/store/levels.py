"""The levels of each categorical column, and their codes: the same in every process, for ever.

New levels are committed in a transaction of their own, before the batch that brings them, one
process at a time per model: codes have no gaps, and no row can refer to a level that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert

from mondrift.store.connect import told, transaction
from mondrift.store.tables import category_levels

#: More levels than this is not a category: further ones get no code; declare the column text.
MOST_LEVELS = 100_000

#: PostgreSQL indexes levels; longer ones are text.
LONGEST_LEVEL = 500

_LOCK = 0x6C65766C  # "levl", the first half of an advisory lock; the second is the model


class Levels:
    """Levels of all columns of one model, read when first needed."""

    def __init__(self, engine: Engine, model: int) -> None:
        self._engine = engine
        self._model = model
        self._codes: dict[str, dict[str, int]] = {}

    def names(self, column: str, highest: int = -1) -> tuple[str, ...]:
        """The levels of a column in the order of their codes, at least up to code `highest`."""
        if column not in self._codes or highest >= len(self._codes[column]):
            self._load([column])
        return tuple(self._codes[column])

    def codes(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, np.ndarray]:
        """For each column, the code (int32) of each level; new ones are given codes for good.

        -1: a new level of a column that has MOST_LEVELS already.
        """
        asked = {column: list(names) for column, names in wanted.items()}
        self._load([column for column in asked if column not in self._codes])
        if any(self._new(column, names) for column, names in asked.items()):
            self._add(asked)
        return {
            column: np.array([self._codes[column].get(name, -1) for name in names], dtype=np.int32)
            for column, names in asked.items()
        }

    def _new(self, column: str, names: Iterable[str]) -> list[str]:
        known = self._codes[column]
        return [name for name in dict.fromkeys(names) if name not in known]

    def _load(self, columns: Iterable[str]) -> None:
        table = category_levels.c
        query = (
            select(table.column_name, table.level)
            .where(table.model == self._model, table.column_name.in_(list(columns)))
            .order_by(table.column_name, table.code)
        )
        found: dict[str, dict[str, int]] = {column: {} for column in columns}
        if not found:
            return
        with told(self._engine), self._engine.connect() as connection:
            for column, level in connection.execute(query):
                found[column][level] = len(found[column])
        self._codes.update(found)

    def _add(self, asked: Mapping[str, list[str]]) -> None:
        with transaction(self._engine) as connection:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock, :model)"),
                {"lock": _LOCK, "model": self._model},
            )
            self._load(asked)  # what others have added meanwhile, now that the door is closed
            rows = []
            for column, names in asked.items():
                known = len(self._codes[column])
                new = self._new(column, names)[: MOST_LEVELS - known]
                for code, level in enumerate(new, start=known):
                    rows.append(
                        {"model": self._model, "column_name": column, "code": code, "level": level}
                    )
            if rows:
                connection.execute(insert(category_levels).on_conflict_do_nothing(), rows)
        self._load(asked)
