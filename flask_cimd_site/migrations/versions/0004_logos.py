"""Drawn logos of clients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "cimd_logo",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("png", sa.LargeBinary),
        sa.Column("expires_at", sa.Float(53), nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("cimd_logo")
