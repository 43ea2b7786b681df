"""The table of sampled hours: how many rows a process saw of an hour, and how many it handed on.

Rows that were not handed on are known by number alone: an hour has as many rows as are stored of
it, and `seen - kept` more. Both numbers only grow, so that the same line may come again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, Table
from sqlalchemy.dialects.postgresql import UUID

from mondrift.store.tables import metadata

sampled_hours = Table(
    "sampled_hours",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("source", UUID(as_uuid=True), primary_key=True),  # one sample: an hour of one process
    Column("seen", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("seed", BigInteger, nullable=False),
)
