"""The site's storage for the library's server: every single-use thing is spent by one conditional statement."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from demo.models import CodeRow, GrantRow, OpenRequest, TokenRow, UsedOnce, db
from demo.registrations import note_use
from flask_cimd.oauth import AuthorizationRequest, Code, Grant, Token
from flask_cimd.oauth.client import read_snapshot
from flask_cimd.oauth.server.storage import digest, new_secret

#: How long a decision may take.
DECISION_TIME = timedelta(minutes=10)
#: Dead grants are kept so long, so that the reuse of their codes and tokens is still noticed.
KEPT_AFTER_END = timedelta(days=30)

_grant, _code, _token, _open, _once = (
    model.__table__ for model in (GrantRow, CodeRow, TokenRow, OpenRequest, UsedOnce)
)


class DatabaseStorage:
    """`flask_cimd.oauth.TokenStorage` on the site's database, plus the requests that wait for a decision."""

    # -- requests that wait -------------------------------------------------------------------------------------

    def keep_request(self, request: AuthorizationRequest, session: str, now: datetime) -> str:
        """Keep a request for a decision in this session, and return its handle."""
        handle = new_secret()
        values = {
            "digest": digest(handle),
            "session": _hash(session),
            "request": request.to_json(),
            "expires_at": _seconds(now + DECISION_TIME),
        }
        with db.engine.begin() as connection:
            connection.execute(delete(_open).where(_open.c.expires_at < _seconds(now)))
            connection.execute(insert(_open).values(**values))
        return handle

    def take_request(self, handle: str, session: str, now: datetime) -> AuthorizationRequest | None:
        """Return a waiting request once, to the session that was shown it; ``None`` otherwise."""
        mine = (_open.c.digest == digest(handle)) & (_open.c.session == _hash(session))
        with db.engine.begin() as connection:
            row = connection.execute(select(_open.c.request, _open.c.expires_at).where(mine)).first()
            if row is None or connection.execute(delete(_open).where(mine)).rowcount != 1:
                return None
        return AuthorizationRequest.from_json(row.request) if row.expires_at > _seconds(now) else None

    def keep_pushed(self, digest: str, request: AuthorizationRequest, expires_at: datetime, now: datetime) -> None:
        """Keep a pushed request until somebody decides or it expires; it belongs to no session yet."""
        values = {"digest": digest, "session": "", "request": request.to_json(), "expires_at": _seconds(expires_at)}
        with db.engine.begin() as connection:
            connection.execute(delete(_open).where(_open.c.expires_at < _seconds(now)))
            connection.execute(insert(_open).values(**values))

    def find_pushed(self, digest: str, now: datetime) -> AuthorizationRequest | None:
        """Return a pushed request that is neither decided nor expired."""
        alive = (_open.c.digest == digest) & (_open.c.session == "") & (_open.c.expires_at > _seconds(now))
        row = _first(select(_open.c.request).where(alive))
        return None if row is None else AuthorizationRequest.from_json(row[_open.c.request])

    def take_pushed(self, digest: str) -> bool:
        """Forget a pushed request; ``False`` if somebody else did so first."""
        with db.engine.begin() as connection:
            return (
                connection.execute(delete(_open).where(_open.c.digest == digest, _open.c.session == "")).rowcount == 1
            )

    # -- codes and tokens ---------------------------------------------------------------------------------------

    def add_code(self, grant: Grant, code: Code) -> None:
        """Keep a new grant with its code."""
        with db.engine.begin() as connection:
            connection.execute(
                insert(_grant).values(
                    id=grant.id,
                    client_id=grant.client_id,
                    client=grant.client.to_json() if grant.client else None,
                    fingerprint=grant.fingerprint,
                    subject=grant.subject,
                    scope=grant.scope,
                    resource=json.dumps(grant.resource),
                    redirect_uri=grant.redirect_uri,
                    access_seconds=grant.access_lifetime.total_seconds(),
                    auth_method=grant.auth_method,
                    dpop_jkt=grant.dpop_jkt,
                    client_key=grant.client_key,
                    auth_time=_seconds(grant.auth_time) if grant.auth_time else None,
                    created_at=_seconds(grant.created_at),
                )
            )
            if grant.client is None:
                note_use(connection, grant.client_id, grant.created_at)
            connection.execute(
                insert(_code).values(
                    digest=code.digest,
                    grant_id=grant.id,
                    redirect_uri=code.redirect_uri,
                    code_challenge=code.code_challenge,
                    expires_at=_seconds(code.expires_at),
                )
            )

    def find_code(self, digest: str) -> tuple[Grant, Code] | None:
        """Return a code, spent and expired ones included."""
        query = select(_code, _grant).join(_grant, _code.c.grant_id == _grant.c.id).where(_code.c.digest == digest)
        row = _first(query)
        if row is None:
            return None
        code = Code(
            digest=row[_code.c.digest],
            redirect_uri=row[_code.c.redirect_uri],
            code_challenge=row[_code.c.code_challenge],
            expires_at=_instant(row[_code.c.expires_at]),
            spent=row[_code.c.spent_at] is not None,
        )
        return _as_grant(row), code

    def redeem_code(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a code, add its tokens and keep what the exchange settled; ``False`` if it is spent already."""
        spend = update(_code).where(_code.c.digest == digest, _code.c.spent_at.is_(None)).values(spent_at=_seconds(now))
        with db.engine.begin() as connection:
            if connection.execute(spend).rowcount != 1:
                return False
            grant_id = connection.execute(select(_code.c.grant_id).where(_code.c.digest == digest)).scalar_one()
            _add_tokens(connection, grant_id, tokens, now, grant)
        return True

    def find_token(self, digest: str) -> tuple[Grant, Token] | None:
        """Return a token, dead ones included."""
        query = select(_token, _grant).join(_grant, _token.c.grant_id == _grant.c.id).where(_token.c.digest == digest)
        row = _first(query)
        if row is None:
            return None
        token = Token(
            digest=row[_token.c.digest],
            kind=row[_token.c.kind],
            scope=row[_token.c.scope],
            resource=tuple(json.loads(row[_token.c.resource])),
            created_at=_instant(row[_token.c.created_at]),
            expires_at=_instant(row[_token.c.expires_at]),
            spent=row[_token.c.spent],
            revoked=row[_token.c.revoked],
        )
        return _as_grant(row), token

    def rotate(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a refresh token and add its successors; ``False``, and nothing added, if it is spent already."""
        spend = update(_token).where(_token.c.digest == digest, _token.c.spent.is_(False)).values(spent=True)
        with db.engine.begin() as connection:
            if connection.execute(spend).rowcount != 1:
                return False
            grant_id = connection.execute(select(_token.c.grant_id).where(_token.c.digest == digest)).scalar_one()
            _add_tokens(connection, grant_id, tokens, now, grant)
            if grant is not None and grant.client is None:
                note_use(connection, grant.client_id, now)
        return True

    def revoke_grant(self, grant_id: str, now: datetime) -> None:
        """End a grant with everything that came from it."""
        still = (_grant.c.id == grant_id) & _grant.c.revoked_at.is_(None)
        with db.engine.begin() as connection:
            connection.execute(update(_grant).where(still).values(revoked_at=_seconds(now)))

    def revoke_token(self, digest: str, now: datetime) -> None:  # noqa: ARG002  the port passes it
        """End one token."""
        with db.engine.begin() as connection:
            connection.execute(update(_token).where(_token.c.digest == digest).values(revoked=True))

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Remember a key until it expires; ``False`` if it is remembered already."""
        with db.engine.begin() as connection:
            connection.execute(delete(_once).where(_once.c.expires_at < _seconds(now)))
        try:
            with db.engine.begin() as connection:
                connection.execute(insert(_once).values(key=key, expires_at=_seconds(expires_at)))
        except IntegrityError:
            return False
        return True

    # -- what the owner sees ------------------------------------------------------------------------------------

    def living_grants(self, now: datetime) -> list[GrantRow]:
        """Return the grants with a token or code that can still be used, newest first."""
        at = _seconds(now)
        tokens = select(_token.c.grant_id).where(
            _token.c.expires_at > at, _token.c.spent.is_(False), _token.c.revoked.is_(False)
        )
        codes = select(_code.c.grant_id).where(_code.c.expires_at > at, _code.c.spent_at.is_(None))
        alive = _grant.c.id.in_(tokens.union(codes))
        query = select(GrantRow).where(_grant.c.revoked_at.is_(None), alive).order_by(_grant.c.created_at.desc())
        return list(db.session.scalars(query))

    def last_approved(self, client_id: str) -> str | None:
        """Return the snapshot of a client that was approved last, empty for a registered one.

        ``None`` stands for a client of whom nothing is kept.
        """
        newest = select(func.coalesce(_grant.c.client, "")).where(_grant.c.client_id == client_id)
        with db.engine.connect() as connection:
            return connection.execute(newest.order_by(_grant.c.created_at.desc()).limit(1)).scalar()

    def forget_dead(self, now: datetime) -> None:
        """Delete grants that ended long ago, with their codes and tokens."""
        at = _seconds(now - KEPT_AFTER_END)
        lately = select(_token.c.grant_id).where(_token.c.expires_at > at)
        with db.engine.begin() as connection:
            dead = select(_grant.c.id).where(_grant.c.created_at < at, _grant.c.id.not_in(lately))
            for table in (_token, _code):
                connection.execute(delete(table).where(table.c.grant_id.in_(dead)))
            connection.execute(delete(_grant).where(_grant.c.created_at < at, _grant.c.id.not_in(lately)))


def _add_tokens(
    connection: Connection, grant_id: str, tokens: Sequence[Token], now: datetime, settled: Grant | None
) -> None:
    values: dict[str, Any] = {"used_at": _seconds(now)}
    if settled is not None:
        values |= {name: getattr(settled, name) for name in ("auth_method", "client_key", "dpop_jkt")}
    connection.execute(update(_grant).where(_grant.c.id == grant_id).values(**values))
    for token in tokens:
        connection.execute(
            insert(_token).values(
                digest=token.digest,
                grant_id=grant_id,
                kind=token.kind,
                scope=token.scope,
                resource=json.dumps(token.resource),
                created_at=_seconds(token.created_at),
                expires_at=_seconds(token.expires_at),
                spent=False,
                revoked=False,
            )
        )


def _first(query: Any) -> Any:
    with db.engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else row._mapping


def _as_grant(row: Any) -> Grant:
    text = row[_grant.c.client]
    return Grant(
        id=row[_grant.c.id],
        client_id=row[_grant.c.client_id],
        client=read_snapshot(row[_grant.c.client_id], text) if text is not None else None,
        fingerprint=row[_grant.c.fingerprint],
        subject=row[_grant.c.subject],
        scope=row[_grant.c.scope],
        resource=tuple(json.loads(row[_grant.c.resource])),
        redirect_uri=row[_grant.c.redirect_uri],
        access_lifetime=timedelta(seconds=row[_grant.c.access_seconds]),
        created_at=_instant(row[_grant.c.created_at]),
        auth_method=row[_grant.c.auth_method],
        dpop_jkt=row[_grant.c.dpop_jkt],
        client_key=row[_grant.c.client_key],
        auth_time=None if row[_grant.c.auth_time] is None else _instant(row[_grant.c.auth_time]),
        revoked=row[_grant.c.revoked_at] is not None,
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _seconds(instant: datetime) -> float:
    return instant.timestamp()


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
