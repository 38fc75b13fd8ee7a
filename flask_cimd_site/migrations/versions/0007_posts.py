"""Posts and their images."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of what the site publishes."""
    op.create_table(
        "post",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.String(80), nullable=False, unique=True),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("is_draft", sa.Boolean, nullable=False),
        sa.Column("published_at", sa.Float(53), nullable=False, index=True),
        sa.Column("updated_at", sa.Float(53)),
        sa.Column("deleted_at", sa.Float(53)),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "media",
        sa.Column("name", sa.String(48), primary_key=True),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    """Drop them with what was published."""
    for table in ("media", "post"):
        op.drop_table(table)
