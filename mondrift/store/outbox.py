"""The outbox: what is to be sent stands in PostgreSQL, with the results it speaks of.

At least once: a delivery is claimed for a time; whoever claimed it and died loses it to the next.
The receiver tells repetitions apart by the idempotency key. Failures are tried again, later and
later, and end as dead letters that stay to be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
from sqlalchemy import select, text, update

from mondrift.store.connect import told, transaction
from mondrift.store.database import Database
from mondrift.store.tables import outbox

#: After so many attempts a delivery is dead.
ATTEMPTS = 8

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Delivery:
    """One message on its way to one channel; `attempts` counts this one too."""

    delivery_id: int
    alert_id: int
    channel: str
    payload: Mapping[str, Any]
    idempotency_key: str
    attempts: int


def pause(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts.

    >>> [int(pause(n).total_seconds()) for n in (1, 2, 3, 8)]
    [30, 60, 120, 3600]
    """
    return min(_FIRST_PAUSE * int(2 ** (attempts - 1)), _LONGEST_PAUSE)


class Outbox:
    """Deliveries that are due, taken by one sender at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def claim(
        self, *, limit: int = 10, lease: timedelta = timedelta(seconds=60)
    ) -> tuple[Delivery, ...]:
        """Take up to `limit` due deliveries; after `lease` they are anybody's again."""
        now = self._db.clock()
        with transaction(self._db.engine) as connection:
            rows = connection.execute(
                text(_CLAIM), {"now": now, "until": now + lease, "limit": limit}
            )
            deliveries = [Delivery(*row) for row in rows]
        return tuple(sorted(deliveries, key=lambda each: each.delivery_id))

    def sent(self, delivery: Delivery) -> None:
        """The receiver has taken it."""
        values = {"state": "sent", "sent_at": self._db.clock(), "last_error": None}
        self._update(delivery, values)

    def failed(self, delivery: Delivery, error: str) -> None:
        """It did not go through: later again, or, after `ATTEMPTS`, never."""
        dead = delivery.attempts >= ATTEMPTS
        at = self._db.clock() + pause(delivery.attempts)
        values = {
            "state": "dead" if dead else "pending",
            "next_attempt_at": at,
            "last_error": error[:1000],
        }
        self._update(delivery, values)

    def to_frame(self) -> pd.DataFrame:
        """Every delivery and what became of it, oldest first; without payloads."""
        table = outbox.c
        query = select(
            table.delivery.label("delivery_id"),
            table.alert.label("alert_id"),
            table.channel,
            table.state,
            table.attempts,
            table.next_attempt_at,
            table.last_error,
            table.created_at,
            table.sent_at,
        ).order_by(table.delivery)
        with told(self._db.reader), self._db.reader.connect() as connection:
            rows = connection.execute(query)
            return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))

    def _update(self, delivery: Delivery, values: Mapping[str, Any]) -> None:
        query = update(outbox).where(
            outbox.c.delivery == delivery.delivery_id, outbox.c.state == "pending"
        )
        with transaction(self._db.engine) as connection:
            connection.execute(query.values(dict(values)))


_CLAIM = """
WITH due AS (
  SELECT delivery FROM outbox WHERE state = 'pending' AND next_attempt_at <= :now
  ORDER BY next_attempt_at, delivery LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE outbox SET attempts = attempts + 1, next_attempt_at = :until
FROM due WHERE outbox.delivery = due.delivery
RETURNING outbox.delivery, alert, channel, payload, idempotency_key, attempts
"""
