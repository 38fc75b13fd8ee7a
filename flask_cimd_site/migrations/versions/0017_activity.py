"""The activity log, and which of its events the owner has not read; the address of its feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "activity",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("app", sa.Text()),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("browser", sa.String(80), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_activity_at", "activity", ["at", "id"])
    op.create_index("ix_activity_kind", "activity", ["kind", "at", "id"])
    op.create_index("ix_activity_host", "activity", ["host", "at", "id"])
    op.create_table(
        "activity_notice",
        sa.Column("activity_id", sa.Integer(), sa.ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_table(
        "activity_feed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("activity_feed")
    op.drop_table("activity_notice")
    op.drop_table("activity")
