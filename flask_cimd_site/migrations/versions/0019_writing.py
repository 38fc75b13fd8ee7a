"""What the owner wrote as Markdown, and tokens that they made for scripts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("post", sa.Column("markdown", sa.Text()))
    op.create_table(
        "script_token",
        sa.Column("grant_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("ends_at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_script_token_ends_at", "script_token", ["ends_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("script_token")
    op.drop_column("post", "markdown")
