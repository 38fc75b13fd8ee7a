"""The profile of the owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of one row."""
    op.create_table(
        "profile",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("photo", sa.String(48)),
        sa.Column("links", sa.Text, nullable=False),
        sa.Column("urls", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Let the environment speak again."""
    op.drop_table("profile")
