"""Upkeep: quarantine that keeps a row once and counts its replays, retention, self-metrics.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables; entries that are there stay as often as they are there."""
    op.add_column(
        "quarantine", sa.Column("tries", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("quarantine", sa.Column("content", sa.Text(), nullable=True))
    op.create_unique_constraint(
        op.f("quarantine_model_content_key"), "quarantine", ["model", "content"]
    )
    op.create_table(
        "retention",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Interval(), nullable=True),
        sa.Column("aggregates", sa.Interval(), nullable=True),
        sa.Column("kept_from", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("retention_model_fkey")),
        sa.PrimaryKeyConstraint("model", name=op.f("retention_pkey")),
    )
    op.create_table(
        "self_metrics",
        sa.Column("entry", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("worst", sa.DOUBLE_PRECISION(), nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("self_metrics_pkey")),
    )
    op.create_index(op.f("self_metrics_at_idx"), "self_metrics", ["at"], unique=False)
