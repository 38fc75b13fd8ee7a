"""Client authentication of sessions, and replay keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; whatever exists belongs to public clients."""
    op.add_column("grant", sa.Column("auth_method", sa.String(32), nullable=False, server_default="none"))
    op.add_column("grant", sa.Column("client_key", sa.Text))
    op.create_table(
        "used_once",
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("expires_at", sa.Float(53), nullable=False, index=True),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("used_once")
    op.drop_column("grant", "client_key")
    op.drop_column("grant", "auth_method")
