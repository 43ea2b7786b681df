"""Counts beside the rows: rollups, their layouts, and the summaries of baselines.

Rows that are there already are not counted here, which could take hours: their days are noted as
pending, and are counted when they are first folded.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One probe of an index per model and day, whatever the number of rows. A day without rows of one
# of the versions does no harm.
_PENDING = """
INSERT INTO rollup_pending (model, schema_version, day)
SELECT s.model, s.schema_version, d.day
FROM (
  SELECT to_date(right(relname, 8), 'YYYYMMDD') AS day
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = CAST('predictions' AS regclass)
) d
CROSS JOIN model_schemas s
WHERE EXISTS (
  SELECT 1 FROM predictions p WHERE p.model = s.model
  AND p.timestamp >= d.day::timestamp AT TIME ZONE 'UTC'
  AND p.timestamp < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
)
"""


def upgrade() -> None:
    """Add the tables and note which days are to be counted."""
    op.create_table(
        "rollup_layouts",
        sa.Column("layout", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("rollup_layouts_model_fkey")
        ),
        sa.PrimaryKeyConstraint("layout", name=op.f("rollup_layouts_pkey")),
        sa.UniqueConstraint(
            "model", "schema_version", name=op.f("rollup_layouts_model_schema_version_key")
        ),
    )
    op.create_table(
        "rollups",
        sa.Column("rollup", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("layout", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("folded", sa.Boolean(), nullable=False),
        sa.Column("divisible", sa.Boolean(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rollup", name=op.f("rollups_pkey")),
    )
    op.create_index(op.f("rollups_layout_start_idx"), "rollups", ["layout", "start"], unique=False)
    op.create_index(
        "rollups_unfolded_idx",
        "rollups",
        ["layout", "start"],
        unique=False,
        postgresql_where=sa.text("NOT folded AND seconds < 86400"),
    )
    # The counts are compressed already; to try again costs time and gains nothing.
    op.execute("ALTER TABLE rollups ALTER COLUMN counts SET STORAGE EXTERNAL")
    op.create_table(
        "rollup_pending",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("rollup_pending_model_fkey")
        ),
        sa.PrimaryKeyConstraint("model", "schema_version", "day", name=op.f("rollup_pending_pkey")),
    )
    op.create_table(
        "baseline_counts",
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last", sa.DateTime(timezone=True), nullable=True),
        sa.Column("layouts", postgresql.JSON(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["baseline"],
            ["baseline_versions.baseline"],
            name=op.f("baseline_counts_baseline_fkey"),
        ),
        sa.PrimaryKeyConstraint("baseline", "segment", name=op.f("baseline_counts_pkey")),
    )
    op.execute(_PENDING)
