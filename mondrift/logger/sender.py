"""From records to the store: what fits is logged, what does not goes to quarantine.

All of it happens in the client's own thread. A batch that the store cannot read at all is halved
until the rows that are to blame stand alone.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mondrift.errors import ModelError, ServerError, SettingsError, StoreError
from mondrift.logger.record import Record, is_tally, row, settled, tally, timeless
from mondrift.store import Store, quarantine, sampling
from mondrift.store.connect import transaction
from mondrift.store.validate import plain_row

Rows = list[dict[str, Any]]
Refused = list[tuple[str, Mapping[str, Any]]]


class StoreAwayError(Exception):
    """The store cannot take rows now: it does not answer, is full, or lacks the model."""


@dataclass
class Sent:
    """What became of one batch."""

    stored: int = 0
    quarantined: int = 0


class Door(Store):
    """A store that also takes what never became a row."""

    def refuse(self, model_id: str, entries: Refused) -> None:
        """Put rows into quarantine, each with its reason."""
        number = self.model(model_id).number
        with transaction(self._db.engine) as connection:
            quarantine.add(connection, number, "prediction", entries, self.now())

    def count(self, model_id: str, tallies: Sequence[sampling.Tally]) -> None:
        """Keep counts of sampled hours."""
        sampling.add(self._db, self.model(model_id), tallies)

    def forget(self) -> None:
        """In a forked child: leave the parent's connections and servers alone."""
        if self._servers is not None:
            atexit.unregister(self._servers.close)
        _of_the_parent.append(self)


_of_the_parent: list[Door] = []  # never collected, which would close what the parent uses


class Sender:
    """Opens the store when it is first needed, and again when it was lost."""

    def __init__(self, model_id: str, open_store: Callable[[], Door]) -> None:
        self._model_id = model_id
        self._open = open_store
        self._store: Door | None = None

    def connect(self) -> None:
        """Open the store, if it is not. Raises StoreAwayError."""
        if self._store is not None:
            return
        try:
            store = self._open()
        except Exception as error:  # whatever it is, the model must not feel it
            raise StoreAwayError(_told(error)) from error
        self._store = store

    def send(self, records: Sequence[Record]) -> Sent:
        """Store a batch.

        Raises StoreAwayError: then part of it may be stored, and all of it may be sent again.
        """
        self.connect()
        assert self._store is not None
        try:
            schema = self._store.model(self._model_id).schema
            rows: Rows = []
            refused: Refused = []
            tallies = [tally(each) for each in records if is_tally(each)]
            for record in records:
                if is_tally(record):
                    continue
                plain = settled(record)
                columns = row(plain, schema)
                reason = plain.roles.get("refused") or timeless(columns, schema)
                if reason:
                    refused.append((reason, plain_row(columns)))
                else:
                    rows.append(columns)
            sent = Sent()
            self._log(rows, refused, sent)
            if refused:
                self._store.refuse(self._model_id, refused)
            sent.quarantined += len(refused)
            if tallies:
                self._store.count(self._model_id, tallies)
        except Exception as error:  # `_log` has dealt with rows that cannot be stored
            if isinstance(error, ServerError):
                self.close()  # the embedded servers are started again by opening
            raise StoreAwayError(_told(error)) from error
        return sent

    def _log(self, rows: Rows, refused: Refused, sent: Sent) -> None:
        assert self._store is not None
        if not rows:
            return
        try:
            result = self._store.log(self._model_id, rows)
        except Exception as error:
            if _is_away(error):
                raise
            if len(rows) == 1:
                refused.append((_told(error), plain_row(rows[0])))
                return
            half = len(rows) // 2
            self._log(rows[:half], refused, sent)
            self._log(rows[half:], refused, sent)
            return
        sent.stored += result.stored + result.duplicates
        sent.quarantined += result.quarantined + result.conflicts

    def close(self) -> None:
        """Close the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def forget(self) -> None:
        """In a forked child: as if the store had never been opened."""
        store, self._store = self._store, None
        if store is not None:
            store.forget()


def _is_away(error: Exception) -> bool:
    """Whether the store is to blame, not the rows."""
    if isinstance(error, ServerError | StoreError | ModelError | SettingsError | OSError):
        return True
    return type(error).__module__.partition(".")[0] in ("sqlalchemy", "psycopg2")


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (
        text[:500]
        if isinstance(error, ValueError | LookupError) and text
        else (f"{type(error).__name__}: {text}"[:500])
    )
