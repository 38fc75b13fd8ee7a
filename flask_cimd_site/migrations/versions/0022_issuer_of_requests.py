"""Waiting and pushed requests say which issuer keeps them: each has bounds of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = ("cimd_pushed_request", "cimd_waiting_request")


def upgrade() -> None:
    """Add the column; the site is one issuer, which needs no name."""
    for table in _TABLES:
        op.add_column(table, sa.Column("issuer", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Remove it."""
    for table in _TABLES:
        op.drop_column(table, "issuer")
