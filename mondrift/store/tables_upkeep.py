"""Tables of upkeep: how long rows are kept and from when on they are, and how the store did."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

from mondrift.store.tables import metadata

#: A model without a line keeps the defaults, and nothing of it has been taken away.
retention = Table(
    "retention",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("raw", Interval),  # NULL: the default
    Column("aggregates", Interval),
    # Rows before this moment are gone, and are refused when they come again. Never moves back.
    Column("kept_from", DateTime(timezone=True)),
)

#: Sums over a while, as each process hands them over: see `mondrift.store.self_metrics`.
self_metrics = Table(
    "self_metrics",
    metadata,
    Column("entry", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),  # the end of the while
    Column("name", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("total", DOUBLE_PRECISION, nullable=False),
    Column("worst", DOUBLE_PRECISION, nullable=False),
    Index(None, "at"),
)
