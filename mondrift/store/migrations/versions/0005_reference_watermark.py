"""How many rows and labels a run's reference windows had; NULL for runs from before.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; old runs do not begin anew because of it."""
    op.add_column("runs", sa.Column("reference_watermark", sa.BigInteger(), nullable=True))
