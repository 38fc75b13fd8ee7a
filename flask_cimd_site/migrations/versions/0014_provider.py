"""Grants, codes and tokens move to the tables of `flask_cimd.provider`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DIGEST = sa.String(64)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _grant_id() -> sa.Column[str]:
    return sa.Column("grant_id", sa.String(32), sa.ForeignKey("cimd_grant.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Make the tables, copy what is kept, drop the old tables; requests that wait have to be begun again."""
    _make_grants()
    _make_requests()
    _make_registrations()
    _copy()
    for table in ("token", "code", "grant", "open_request", "registration", "resource_server", "used_once"):
        op.drop_table(table)


def downgrade() -> None:
    """Refuse: the old tables cannot hold what the new ones know."""
    raise NotImplementedError("restore a backup that was made before the upgrade")


def _make_grants() -> None:
    op.create_table(
        "cimd_grant",
        sa.Column("id", sa.String(32), primary_key=True),
        *map(_text, ("issuer", "client_id")),
        _text("client", nullable=True),
        *map(_text, ("fingerprint", "subject", "scope", "resource", "redirect_uri")),
        _instant("access_seconds"),
        _text("auth_method"),
        *(_text(name, nullable=True) for name in ("client_key", "dpop_jkt")),
        _instant("auth_time", nullable=True),
        _instant("created_at"),
        _instant("used_at", nullable=True),
        _instant("ends_at"),
        _instant("revoked_at", nullable=True),
    )
    op.create_index("ix_cimd_grant_subject_client", "cimd_grant", ["subject", "client_id", "created_at"])
    op.create_index("ix_cimd_grant_client", "cimd_grant", ["client_id"])
    op.create_index("ix_cimd_grant_ends_at", "cimd_grant", ["ends_at"])
    op.create_table(
        "cimd_code",
        sa.Column("digest", _DIGEST, primary_key=True),
        _grant_id(),
        *map(_text, ("redirect_uri", "code_challenge")),
        _instant("expires_at"),
        _instant("spent_at", nullable=True),
    )
    op.create_index("ix_cimd_code_grant", "cimd_code", ["grant_id"])
    op.create_index("ix_cimd_code_expires_at", "cimd_code", ["expires_at"])
    op.create_table(
        "cimd_token",
        sa.Column("digest", _DIGEST, primary_key=True),
        _grant_id(),
        sa.Column("kind", sa.String(8), nullable=False),
        *map(_text, ("scope", "resource")),
        *map(_instant, ("created_at", "expires_at")),
        sa.Column("parent", _DIGEST),
        sa.Column("repetition", sa.Integer, nullable=False, server_default="0"),
        _instant("rotated_at", nullable=True),
        sa.Column("rotations", sa.Integer, nullable=False, server_default="0"),
        *(sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()) for name in ("spent", "revoked")),
    )
    op.create_index("ix_cimd_token_grant", "cimd_token", ["grant_id", "parent"])
    op.create_index("ix_cimd_token_expires_at", "cimd_token", ["expires_at"])


def _make_requests() -> None:
    op.create_table(
        "cimd_pushed_request",
        sa.Column("digest", _DIGEST, primary_key=True),
        _text("request"),
        sa.Column("size", sa.Integer, nullable=False),
        _instant("expires_at"),
    )
    op.create_index("ix_cimd_pushed_request_expires_at", "cimd_pushed_request", ["expires_at"])
    op.create_table(
        "cimd_waiting_request",
        sa.Column("digest", _DIGEST, primary_key=True),
        sa.Column("browser", _DIGEST, nullable=False),
        *map(_text, ("subject", "content")),
        sa.Column("size", sa.Integer, nullable=False),
        *map(_instant, ("created_at", "expires_at")),
        _instant("decided_at", nullable=True),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("code_digest", _DIGEST),
    )
    op.create_index("ix_cimd_waiting_request_browser", "cimd_waiting_request", ["browser", "created_at"])
    op.create_index("ix_cimd_waiting_request_expires_at", "cimd_waiting_request", ["expires_at"])
    op.create_table("cimd_replay_key", sa.Column("key", sa.String(128), primary_key=True), _instant("expires_at"))
    op.create_index("ix_cimd_replay_key_expires_at", "cimd_replay_key", ["expires_at"])


def _make_registrations() -> None:
    op.create_table(
        "cimd_registration",
        sa.Column("client_id", sa.String(255), primary_key=True),
        *map(_text, ("issuer", "members")),
        sa.Column("network", sa.String(64), nullable=False),
        _instant("created_at"),
        _instant("used_at", nullable=True),
        _instant("ends_at"),
    )
    op.create_index("ix_cimd_registration_unused", "cimd_registration", ["used_at", "created_at"])
    op.create_index("ix_cimd_registration_network", "cimd_registration", ["network", "used_at", "created_at"])
    op.create_index("ix_cimd_registration_ends_at", "cimd_registration", ["ends_at"])
    op.create_table(
        "cimd_resource_server",
        sa.Column("id", sa.String(64), primary_key=True),
        *map(_text, ("issuer", "name")),
        sa.Column("secret_digest", _DIGEST, nullable=False),
        _text("resource"),
        _instant("created_at"),
    )


_COPIES = (
    # A grant ends when it was revoked, else with the last of its codes and tokens.
    """
    INSERT INTO cimd_grant (id, issuer, client_id, client, fingerprint, subject, scope, resource, redirect_uri,
        access_seconds, auth_method, client_key, dpop_jkt, auth_time, created_at, used_at, ends_at, revoked_at)
    SELECT id, '', client_id, client, fingerprint, subject, scope, resource, redirect_uri, access_seconds,
        auth_method, client_key, dpop_jkt, auth_time, created_at, used_at,
        COALESCE(revoked_at, (SELECT MAX(expires_at) FROM token WHERE grant_id = "grant".id),
            (SELECT MAX(expires_at) FROM code WHERE grant_id = "grant".id), created_at), revoked_at
    FROM "grant"
    """,
    """
    INSERT INTO cimd_code (digest, grant_id, redirect_uri, code_challenge, expires_at, spent_at)
    SELECT digest, grant_id, redirect_uri, code_challenge, expires_at, spent_at FROM code
    """,
    """
    INSERT INTO cimd_token (digest, grant_id, kind, scope, resource, created_at, expires_at, spent, revoked)
    SELECT digest, grant_id, kind, scope, resource, created_at, expires_at, spent, revoked FROM token
    """,
    # An app that nobody approved within a day, or that was not used for 90 days, has ended.
    """
    INSERT INTO cimd_registration (client_id, issuer, members, network, created_at, used_at, ends_at)
    SELECT client_id, '', members, '', created_at, used_at, COALESCE(used_at + 7776000, created_at + 86400)
    FROM registration
    """,
    """
    INSERT INTO cimd_resource_server (id, issuer, name, secret_digest, resource, created_at)
    SELECT id, '', name, secret_digest, resource, created_at FROM resource_server
    """,
    "INSERT INTO cimd_replay_key (key, expires_at) SELECT key, expires_at FROM used_once",
)


def _copy() -> None:
    for statement in _COPIES:
        op.execute(statement)
