"""Tables of counts: layouts, the rollups themselves, what is still to be counted, baselines.

Rollups are deltas: nothing but folding ever changes a row, and folding replaces rows by their sum
in one transaction. `counts` is packed by `mondrift.store.packing`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from mondrift.store.tables import metadata

rollup_layouts = Table(
    "rollup_layouts",
    metadata,
    Column("layout", Integer, Identity(always=True), primary_key=True),
    Column("model", Integer, ForeignKey("models.model"), nullable=False),
    Column("schema_version", Integer, nullable=False),
    # Columns with kind and grid, and the levels by which segments are counted; never changed.
    Column("definition", JSON, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("model", "schema_version"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("rollup", BigInteger, Identity(always=True), primary_key=True),
    Column("layout", Integer, nullable=False),
    Column("segment", Integer, nullable=False),  # 0: all rows; else a place in the layout's list
    Column("start", DateTime(timezone=True), nullable=False),
    Column("seconds", Integer, nullable=False),  # 900, 3600 or 86400, from `start` on
    Column("folded", Boolean, nullable=False),  # an hour that is also part of a day
    Column("divisible", Boolean, nullable=False),  # a day whose hours stand beside it
    Column("n", BigInteger, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Index(None, "layout", "start"),
    Index(
        "rollups_unfolded_idx",
        "layout",
        "start",
        postgresql_where=text("NOT folded AND seconds < 86400"),
    ),
)

#: Days with rows of a schema version that no rollup holds yet: they are counted from the rows.
rollup_pending = Table(
    "rollup_pending",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("schema_version", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
)

baseline_counts = Table(
    "baseline_counts",
    metadata,
    Column("baseline", Integer, ForeignKey("baseline_versions.baseline"), primary_key=True),
    Column("segment", Text, primary_key=True),  # "" or "column=level"
    Column("position", Integer, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("first", DateTime(timezone=True)),
    Column("last", DateTime(timezone=True)),
    Column("layouts", JSON, nullable=False),
    Column("counts", LargeBinary, nullable=False),
)
