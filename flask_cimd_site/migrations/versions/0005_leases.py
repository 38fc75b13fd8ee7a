"""Leases: one fetch of a client's document at a time, among all workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "cimd_lease",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False, index=True),
        sa.Column("outcome", sa.Text),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("cimd_lease")
