"""One table for everything small that clients' documents point to: logos and key sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the table of logos; they are fetched again when they are needed."""
    op.drop_table("cimd_logo")
    _create("cimd_fetched", "content")


def downgrade() -> None:
    """Bring the table of logos back, empty."""
    op.drop_table("cimd_fetched")
    _create("cimd_logo", "png")


def _create(name: str, content: str) -> None:
    op.create_table(
        name,
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column(content, sa.LargeBinary),
        sa.Column("expires_at", sa.Float(53), nullable=False, index=True),
    )
