"""The index of a client's grants holds their ends, so that a living one is found at once."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column to the index."""
    op.drop_index("ix_cimd_grant_client", "cimd_grant")
    op.create_index("ix_cimd_grant_client", "cimd_grant", ["client_id", "ends_at"])


def downgrade() -> None:
    """Remove it from the index."""
    op.drop_index("ix_cimd_grant_client", "cimd_grant")
    op.create_index("ix_cimd_grant_client", "cimd_grant", ["client_id"])
