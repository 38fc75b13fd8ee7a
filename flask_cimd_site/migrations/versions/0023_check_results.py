"""Results of checks that have a link."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "check_result",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("made_at", sa.Float(53), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
    )
    op.create_index("ix_check_result_made_at", "check_result", ["made_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("check_result")
