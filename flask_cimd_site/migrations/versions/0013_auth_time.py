"""Instant of the log-in of the owner who approved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of older approvals it is not known."""
    op.add_column("grant", sa.Column("auth_time", sa.Float(53)))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("grant", "auth_time")
