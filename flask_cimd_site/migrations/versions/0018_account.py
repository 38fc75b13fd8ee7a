"""The account of the owner, with its sessions, passkeys, one-time secrets and known browsers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_DIGEST = sa.String(64)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=nullable)


def upgrade() -> None:
    """Add the tables; the account itself is made at start, from the password of the configuration."""
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_handle", sa.LargeBinary, nullable=False),
        sa.Column("password_hash", sa.Text),
        _instant("created_at"),
        _instant("password_set_at", nullable=True),
    )
    op.create_table(
        "owner_session",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", _DIGEST, nullable=False, unique=True),
        *map(_instant, ("created_at", "proved_at", "seen_at")),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
    )
    op.create_index("ix_owner_session_created_at", "owner_session", ["created_at"])
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("transports", sa.Text, nullable=False),
        sa.Column("is_synced", sa.Boolean, nullable=False),
        _instant("created_at"),
        _instant("used_at", nullable=True),
    )
    op.create_table("used_challenge", sa.Column("digest", _DIGEST, primary_key=True), _instant("expires_at"))
    op.create_index("ix_used_challenge_expires_at", "used_challenge", ["expires_at"])
    op.create_table(
        "owner_secret",
        sa.Column("digest", _DIGEST, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
    )
    op.create_index("ix_owner_secret_kind", "owner_secret", ["kind"])
    op.create_table("known_browser", sa.Column("digest", _DIGEST, primary_key=True), _instant("seen_at"))
    op.create_index("ix_known_browser_seen_at", "known_browser", ["seen_at"])


def downgrade() -> None:
    """Remove them."""
    for table in ("known_browser", "owner_secret", "used_challenge", "passkey", "owner_session", "account"):
        op.drop_table(table)
