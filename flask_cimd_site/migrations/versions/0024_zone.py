"""The time zone that the owner chose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("account", sa.Column("zone", sa.String(64), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("account", "zone")
