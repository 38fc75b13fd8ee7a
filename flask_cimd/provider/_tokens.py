"""Storage of codes and tokens; one conditional statement spends each single-use value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, func, insert, or_, select, true, update

from ..oauth import Code, Grant, Token
from ..oauth.server.storage import KEPT_AFTER_END, REPETITIONS, Settlement
from ._base import b, instant, later, params, seconds, texts
from ._registrations import Registrations
from ._requests import Requests, Spent

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy


class Tokens(Requests, Registrations):
    """The tables of grants, codes and tokens, for the endpoints."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        super().__init__(db, issuer)
        self._insert_grant = insert(self._grants)
        self._insert_code = insert(self._codes)
        self._insert_token = insert(self._tokens)
        self._make_code_statements()
        self._make_token_statements()
        self._make_rotation_statements()

    # -- codes --------------------------------------------------------------------------------------------------

    def _make_code_statements(self) -> None:
        grants, codes = self._grants, self._codes
        joined = codes.join(grants, codes.c.grant_id == grants.c.id)
        mine = (codes.c.digest == b("digest")) & (grants.c.issuer == b("issuer"))
        self._find_code = select(codes, grants).select_from(joined).where(mine)
        unspent = (codes.c.digest == b("digest")) & codes.c.spent_at.is_(None)
        self._spend_code = update(codes).where(unspent).values(spent_at=b("now")).returning(codes.c.grant_id)
        alive = update(grants).where(grants.c.id == b("grant"), grants.c.revoked_at.is_(None))
        settled = {name: b(name) for name in ("auth_method", "client_key", "dpop_jkt")}
        self._begin = alive.values(used_at=b("now"), ends_at=b("ends_at"))
        self._begin_settled = alive.values(used_at=b("now"), ends_at=b("ends_at"), **settled)
        ends_at = later(grants.c.ends_at, "ends_at")
        self._renew = alive.values(used_at=b("now"), ends_at=ends_at)
        self._renew_settled = alive.values(used_at=b("now"), ends_at=ends_at, **settled)

    def add_code(self, grant: Grant, code: Code, settlement: Settlement | None = None) -> bool:
        """Store a new grant with its code, in the transaction that spends the decided requests."""
        values = self._grant_values(grant, code)

        def work(connection: Connection) -> None:
            if settlement is not None:
                self._spend(connection, settlement, grant.created_at, code.digest)
            connection.execute(self._insert_grant, values)
            connection.execute(
                self._insert_code,
                {
                    "digest": code.digest,
                    "grant_id": grant.id,
                    "redirect_uri": code.redirect_uri,
                    "code_challenge": code.code_challenge,
                    "expires_at": seconds(code.expires_at),
                },
            )
            if grant.client is None:
                self._note_use(connection, grant.client_id, grant.created_at)

        return self._is_done(work)

    def _grant_values(self, grant: Grant, code: Code) -> dict[str, Any]:
        return {
            "id": grant.id,
            "issuer": self._issuer,
            "client_id": grant.client_id,
            "client": None if grant.client is None else grant.client.to_json(),
            "fingerprint": grant.fingerprint,
            "subject": grant.subject,
            "scope": grant.scope,
            "resource": json.dumps(grant.resource),
            "redirect_uri": grant.redirect_uri,
            "access_seconds": grant.access_lifetime.total_seconds(),
            "auth_method": grant.auth_method,
            "client_key": grant.client_key,
            "dpop_jkt": grant.dpop_jkt,
            "auth_time": seconds(grant.auth_time) if grant.auth_time else None,
            "until": seconds(grant.until) if grant.until else None,
            "created_at": seconds(grant.created_at),
            "ends_at": seconds(code.expires_at),
        }

    def find_code(self, digest: str) -> tuple[Grant, Code] | None:
        """Return a code, even if it is spent or expired."""
        row = self._database.first(self._find_code, params(digest=digest, issuer=self._issuer))
        if row is None:
            return None
        codes = self._codes.c
        code = Code(
            digest=row[codes.digest],
            redirect_uri=row[codes.redirect_uri],
            code_challenge=row[codes.code_challenge],
            expires_at=instant(row[codes.expires_at]),
            spent=row[codes.spent_at] is not None,
        )
        return self._as_grant(row), code

    def redeem_code(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a code, add its tokens and store the changes of the grant; ``False`` if the code is already spent."""

        def work(connection: Connection) -> None:
            row = connection.execute(self._spend_code, params(digest=digest, now=seconds(now))).first()
            if row is None:
                raise Spent
            if not tokens and grant is None:
                return
            ends_at = max((token.expires_at for token in tokens), default=now)
            statement = self._begin if grant is None else self._begin_settled
            self._touch(connection, statement, row.grant_id, now, ends_at, grant)
            self._add_tokens(connection, row.grant_id, tokens)

        return self._is_done(work)

    # -- tokens -------------------------------------------------------------------------------------------------

    def _make_token_statements(self) -> None:
        grants, tokens = self._grants, self._tokens
        joined = tokens.join(grants, tokens.c.grant_id == grants.c.id)
        mine = (tokens.c.digest == b("digest")) & (grants.c.issuer == b("issuer"))
        self._find_token = select(tokens, grants).select_from(joined).where(mine)
        self._revoke = update(tokens).where(tokens.c.digest == b("digest")).values(revoked=True)
        other = tokens.alias()
        usable = and_(~other.c.revoked, ~other.c.spent, other.c.rotated_at.is_(None))
        last = select(func.max(other.c.expires_at)).where(other.c.grant_id == grants.c.id, usable)
        owner = select(tokens.c.grant_id).where(tokens.c.digest == b("digest")).scalar_subquery()
        self._shorten = (
            update(grants)
            .where(grants.c.id == owner, grants.c.revoked_at.is_(None))
            .values(ends_at=func.coalesce(last.scalar_subquery(), b("now")))
        )
        living = (grants.c.id == b("grant")) & grants.c.revoked_at.is_(None)
        self._revoke_grant = update(grants).where(living).values(revoked_at=b("now"), ends_at=b("now"))

    def find_token(self, digest: str) -> tuple[Grant, Token] | None:
        """Return a token, even if it is no longer valid."""
        row = self._database.first(self._find_token, params(digest=digest, issuer=self._issuer))
        if row is None:
            return None
        tokens = self._tokens.c
        rotated_at, spent = row[tokens.rotated_at], row[tokens.spent]
        repeatable = rotated_at is not None and not spent
        token = Token(
            digest=row[tokens.digest],
            kind=row[tokens.kind],
            scope=row[tokens.scope],
            resource=texts(row[tokens.resource]),
            created_at=instant(row[tokens.created_at]),
            expires_at=instant(row[tokens.expires_at]),
            spent=spent or rotated_at is not None,
            revoked=row[tokens.revoked],
            rotated_at=instant(rotated_at) if repeatable else None,
        )
        return self._as_grant(row), token

    def revoke_grant(self, grant_id: str, now: datetime) -> None:
        """Revoke a grant with its code and all its tokens."""
        self._database.change(self._revoke_grant, params(grant=grant_id, now=seconds(now)))

    def revoke_token(self, digest: str, now: datetime) -> None:
        """Revoke one token."""

        def work(connection: Connection) -> None:
            connection.execute(self._revoke, params(digest=digest))
            connection.execute(self._shorten, params(digest=digest, now=seconds(now)))

        self._database.write(work)

    # -- rotation -----------------------------------------------------------------------------------------------

    def _make_rotation_statements(self) -> None:
        tokens = self._tokens
        child = tokens.alias()
        parent = select(child.c.parent).where(child.c.digest == b("digest")).scalar_subquery()
        # Every sibling locks the parent's row before its own, so two siblings cannot deadlock. A repetition of the
        # parent has either added its tokens before this statement ends, or finds the parent spent.
        self._end_grace = (
            update(tokens)
            .where(tokens.c.digest == parent, ~tokens.c.spent)
            .values(spent=True)
            .returning(tokens.c.rotations)
        )
        repeatable = and_(tokens.c.rotated_at > b("since"), tokens.c.rotations <= REPETITIONS)
        self._rotate = (
            update(tokens)
            .where(
                tokens.c.digest == b("digest"),
                tokens.c.kind == "refresh",
                ~tokens.c.spent,
                ~tokens.c.revoked,
                or_(tokens.c.rotated_at.is_(None), repeatable),
            )
            .values(
                rotated_at=func.coalesce(tokens.c.rotated_at, b("now")),
                rotations=tokens.c.rotations + 1,
                expires_at=b("kept_until"),
            )
            .returning(tokens.c.grant_id, tokens.c.parent, tokens.c.repetition, tokens.c.rotations)
        )
        siblings = and_(
            tokens.c.grant_id == b("grant"), tokens.c.parent == b("parent"), tokens.c.repetition != b("repetition")
        )
        self._spend_siblings = update(tokens).where(siblings, ~tokens.c.spent).values(spent=true())

    def rotate(
        self,
        digest: str,
        tokens: Sequence[Token],
        now: datetime,
        grant: Grant | None = None,
        *,
        grace: timedelta = timedelta(),
    ) -> bool:
        """Exchange a refresh token for its successors; if it is spent, add nothing and return ``False``."""
        times = {"now": seconds(now), "since": seconds(now - grace), "kept_until": seconds(now + KEPT_AFTER_END)}

        def work(connection: Connection) -> None:
            parent = connection.execute(self._end_grace, params(digest=digest)).first()
            row = connection.execute(self._rotate, params(digest=digest, **times)).first()
            if row is None:
                raise Spent
            if parent is not None and parent.rotations > 1:
                family = params(grant=row.grant_id, parent=row.parent, repetition=row.repetition)
                connection.execute(self._spend_siblings, family)
            ends_at = max((token.expires_at for token in tokens), default=now)
            statement = self._renew if grant is None else self._renew_settled
            self._touch(connection, statement, row.grant_id, now, ends_at, grant)
            self._add_tokens(connection, row.grant_id, tokens, digest, row.rotations - 1)
            if grant is not None and grant.client is None:
                self._note_use(connection, grant.client_id, now)

        return self._is_done(work)

    # -- inside a transaction -----------------------------------------------------------------------------------

    def _is_done(self, work: Any) -> bool:
        try:
            self._database.write(work)
        except Spent:
            return False
        return True

    def _touch(
        self,
        connection: Connection,
        statement: Any,
        grant_id: str,
        now: datetime,
        ends_at: datetime,
        settled: Grant | None,
    ) -> None:
        values = params(grant=grant_id, now=seconds(now), ends_at=seconds(ends_at))
        if settled is not None:
            values |= params(auth_method=settled.auth_method, client_key=settled.client_key, dpop_jkt=settled.dpop_jkt)
        if connection.execute(statement, values).rowcount != 1:
            raise Spent  # the grant was revoked meanwhile: its new tokens would be invalid

    def _add_tokens(
        self,
        connection: Connection,
        grant_id: str,
        tokens: Sequence[Token],
        parent: str | None = None,
        repetition: int = 0,
    ) -> None:
        rows = [
            {
                "digest": token.digest,
                "grant_id": grant_id,
                "kind": token.kind,
                "scope": token.scope,
                "resource": json.dumps(token.resource),
                "created_at": seconds(token.created_at),
                "expires_at": seconds(token.expires_at),
                "parent": parent,
                "repetition": repetition,
                "rotations": 0,
                "spent": False,
                "revoked": False,
            }
            for token in tokens
        ]
        if rows:
            connection.execute(self._insert_token, rows)
