"""What every part of the store works with: the engines, the clock and the cache."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert

from mondrift.cache import Cache
from mondrift.store.tables import audit_log


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Database:
    """`reader` is the replica where one is configured, else the same as `engine`."""

    engine: Engine
    reader: Engine
    clock: Callable[[], datetime]
    cache: Cache

    @property
    def primary(self) -> Database:
        """The same store without its replica: for reading what was written a moment ago."""
        return replace(self, reader=self.engine)

    def audit(
        self,
        connection: Connection,
        action: str,
        subject: str,
        *,
        model: int | None,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        """Write down who changed what, in the transaction that changes it."""
        row = {
            "model": model,
            "at": self.clock(),
            "who": _user(),
            "action": action,
            "subject": subject,
            "before": before,
            "after": after,
        }
        connection.execute(insert(audit_log), row)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a passwd entry, as in many containers
        return "unknown"
