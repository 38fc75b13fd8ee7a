"""Apps that registered themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "registration",
        sa.Column("client_id", sa.String(64), primary_key=True),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("used_at", sa.Float(53)),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("registration")
