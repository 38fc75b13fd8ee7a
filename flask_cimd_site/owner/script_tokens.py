"""Storage of tokens that the owner makes by hand for scripts.

Each is an access token of the provider with a grant of its own, so that every resource, introspection and revocation
treat it as any other. Its client has no document: the identifier is ``script:`` and the id of the grant.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from flask_cimd.core import digest_of
from flask_cimd.oauth import Code, Grant, Token
from flask_cimd_site.models import db, provider
from flask_cimd_site.owner.tables import ScriptTokenRow
from flask_cimd_site.services import services

#: Longest life of a token.
LONGEST = timedelta(days=366)
#: Tokens that live at the same time.
MOST = 100
PREFIX = "script:"
#: Time for which the name of an ended token is kept, as long as the provider keeps its grant.
_KEPT = timedelta(days=30)
_scripts: Any = ScriptTokenRow.__table__
_grants: Any = provider.Grant.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptToken:
    """A living token; the secret itself is not stored.

    Attributes:
        id: identifier of its grant.
        places: names of the resources that take it.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    places: tuple[str, ...]
    created_at: datetime
    ends_at: datetime


def make(name: str, *, scopes: Collection[str], resources: dict[str, str], ends_at: datetime) -> str:
    """Store a new token and return its secret, which nobody can read again.

    Args:
        name: what the owner calls it.
        scopes: what it may do.
        resources: names of the resources that it is for, by identifier.
        ends_at: aware instant.
    """
    here, now, secret = services(), services().clock(), secrets.token_urlsafe(32)
    grant_id, scope = secrets.token_hex(16), " ".join(scopes)
    grant = Grant(
        id=grant_id,
        client_id=PREFIX + grant_id,
        client=None,
        fingerprint="",
        subject=here.identity.me,
        scope=scope,
        resource=tuple(resources),
        redirect_uri=here.configuration.base_url + "/",
        access_lifetime=ends_at - now,
        created_at=now,
        auth_method="none",
    )
    # A grant comes into being with a code: this one is spent before anybody could know it.
    code = Code(digest=digest_of(secrets.token_urlsafe(32)), redirect_uri="", code_challenge="", expires_at=now)
    token = Token(
        digest=digest_of(secret),
        kind="access",
        scope=scope,
        resource=grant.resource,
        created_at=now,
        expires_at=ends_at,
    )
    with db.engine.begin() as connection:
        connection.execute(
            insert(_scripts).values(
                grant_id=grant_id,
                name=name,
                scope=scope,
                places="\n".join(resources.values()),
                created_at=now.timestamp(),
                ends_at=ends_at.timestamp(),
            )
        )
    here.storage.add_code(grant, code)
    here.storage.redeem_code(code.digest, [token], now)
    return secret


def living(now: datetime) -> list[ScriptToken]:
    """Return the tokens that have neither expired nor been ended, the newest first."""
    joined = _scripts.join(_grants, _scripts.c.grant_id == _grants.c.id)
    lives = _grants.c.revoked_at.is_(None) & (_grants.c.ends_at > now.timestamp())
    query = select(_scripts).select_from(joined).where(lives).order_by(_scripts.c.created_at.desc()).limit(MOST)
    with db.engine.connect() as connection:
        return [_as_token(row) for row in connection.execute(query)]


def end(token_id: str, now: datetime) -> str | None:
    """End a token and return its name; ``None`` if there is none, or it has ended."""
    if "\x00" in token_id:  # PostgreSQL takes no such text
        return None
    with db.engine.connect() as connection:
        name = connection.execute(select(_scripts.c.name).where(_scripts.c.grant_id == token_id)).scalar()
    here = services()
    if name is None or not here.storage.revoke_grant_of(here.identity.me, token_id, now):
        return None
    return str(name)


def sweep(now: datetime, limit: int) -> int:
    """Delete at most ``limit`` names of tokens that ended long ago, and return their number."""
    ended = select(_scripts.c.grant_id).where(_scripts.c.ends_at < (now - _KEPT).timestamp()).limit(limit)
    with db.engine.begin() as connection:
        deleted: int = connection.execute(delete(_scripts).where(_scripts.c.grant_id.in_(ended))).rowcount
    return deleted


def _as_token(row: Any) -> ScriptToken:
    return ScriptToken(
        id=row.grant_id,
        name=row.name,
        scopes=tuple(row.scope.split()),
        places=tuple(row.places.split("\n")),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        ends_at=datetime.fromtimestamp(row.ends_at, UTC),
    )
