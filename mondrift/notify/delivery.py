"""Drains the store's outbox: claim, send, mark. At least once, never in the way of a check.

A message is marked as sent only after its channel took it; a process that dies in between leaves it
to the next one, which sends it again under the same idempotency key. When a channel does not take
it, the outbox keeps it for later, waits longer each time, and gives up after some attempts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mondrift.store.outbox import Outbox

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """A way to send one message."""

    def send(self, message: Mapping[str, Any], *, key: str, at: datetime) -> str:
        """Send it; "" when it was taken, else what went wrong. Must not raise."""


@dataclass(frozen=True)
class Delivered:
    """How many messages were taken, and how many were not (they stay in the outbox, or died)."""

    sent: int = 0
    failed: int = 0


def deliver(
    outbox: Outbox, channels: Mapping[str, Channel], *, clock: Callable[[], datetime]
) -> Delivered:
    """Send everything that is due, then return; `clock` gives the time of each attempt."""
    sent = failed = 0
    while claimed := outbox.claim(limit=1):  # a slow channel must not outlast the others' lease
        for delivery in claimed:
            channel = channels.get(delivery.channel)
            if channel is None:
                error = (
                    f"no address for channel {delivery.channel!r}: "
                    f"set ALERT_{delivery.channel.upper()}_URL"
                )
            else:
                error = channel.send(delivery.payload, key=delivery.idempotency_key, at=clock())
            if error:
                failed += 1
                _log.warning("alert %s not delivered: %s", delivery.alert_id, error)
                outbox.failed(delivery, error)
            else:
                sent += 1
                outbox.sent(delivery)
    return Delivered(sent, failed)
