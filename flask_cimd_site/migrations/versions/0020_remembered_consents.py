"""Remembered consents, and the end that a person wants for a grant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLE = "cimd_remembered_consent"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("cimd_grant", sa.Column("until", sa.Float(53), nullable=True))
    texts = ("issuer", "subject", "client_id", "fingerprint", "redirect_uri", "asked", "granted", "resource")
    op.create_table(
        _TABLE,
        sa.Column("key", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("lifetime", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("ends_at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_cimd_remembered_consent_subject_client", _TABLE, ["subject", "client_id"])
    op.create_index("ix_cimd_remembered_consent_client", _TABLE, ["client_id"])
    op.create_index("ix_cimd_remembered_consent_ends_at", _TABLE, ["ends_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table(_TABLE)
    op.drop_column("cimd_grant", "until")
