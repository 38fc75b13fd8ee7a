"""The DPoP key of a session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; whatever exists belongs to no key."""
    op.add_column("grant", sa.Column("dpop_jkt", sa.String(64)))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("grant", "dpop_jkt")
