"""Exact counts of models whose rows are sampled on their way here.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; hours that are there already were never sampled."""
    op.create_table(
        "sampled_hours",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("sampled_hours_model_fkey")),
        sa.PrimaryKeyConstraint("model", "hour", "source", name=op.f("sampled_hours_pkey")),
    )
