"""What an authorization server keeps about approvals, codes and tokens, and what its storage must be able to do.

Secrets never reach the storage: it sees the SHA-256 digest of a code or token. Whatever may be used once is spent by
one conditional statement, so that of two simultaneous attempts exactly one succeeds (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ...core.metadata import ClientMetadata
from ..client import read_snapshot
from ..replay import ReplayCache


def new_secret() -> str:
    """Return a fresh code or token: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored in place of a code or token. It is random, so a plain hash cannot be reversed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A validated authorization request: the snapshot that consent, code and redirect are all made from.

    Attributes:
        client_id: the raw identifier.
        client: the client's metadata as this request saw it; ``None`` for a client that the app registered.
        fingerprint: digest of what consent depends on; empty for a registered client.
        redirect_uri: the matched redirect URI, exactly as it was asked for.
        scope: the requested scopes that this server and the client know, separated by blanks.
        state: returned byte for byte; ``None`` if it was not sent.
        auth_method: how the client proved itself when it pushed the request; empty if it did not have to yet.
        client_key: the key that it used then, if the session is to belong to that key.
        dpop_jkt: thumbprint of the DPoP key that the code will belong to (RFC 9449 §10).
        response_mode: how the answer reaches the client.
        login_hint: whom the client expects, as it wrote it.
        max_age: how many seconds ago the person may have logged in; 0 asks for a fresh login (RFC 9470 §4).
        pushed: digest of the ``request_uri`` behind which the request waits; deciding spends it (RFC 9126).
        resource: requested resource indicators (RFC 8707).
    """

    client_id: str
    client: ClientMetadata | None
    fingerprint: str
    redirect_uri: str
    scope: str
    state: str | None
    code_challenge: str
    resource: tuple[str, ...] = ()
    auth_method: str = ""
    client_key: str | None = None
    dpop_jkt: str | None = None
    response_mode: str = "query"
    login_hint: str | None = None
    max_age: int | None = None
    pushed: str | None = None

    def to_json(self) -> str:
        """Return the request as JSON text; keep it on the server, never in a form or cookie."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps({**values, "client": self.client.to_json() if self.client else None})

    @classmethod
    def from_json(cls, text: str) -> AuthorizationRequest:
        """Return the request that `to_json` wrote.

        Raises:
            DocumentError: another version of this library wrote the client's metadata.
        """
        values = json.loads(text)
        client = None if values["client"] is None else read_snapshot(values["client_id"], values["client"])
        return cls(**{**values, "client": client, "resource": tuple(values["resource"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a person approved: the parent of one code and of every token that comes from it.

    Attributes:
        subject: who approved.
        client: the client's metadata at the time of approval; ``None`` for a client that the app registered.
        access_lifetime: how long access tokens live.
        auth_method: the client authentication that the grant's tokens need; empty until the code is redeemed.
        client_key: the key that the session belongs to; ``None`` where any key of the client will do.
        dpop_jkt: thumbprint of the key that all its tokens are bound to (RFC 9449 §6); ``None`` for bearer tokens.
        auth_time: when that person had logged in; ``None`` if the app does not say.
        revoked: nothing that belongs to the grant is valid any more.
    """

    id: str
    client_id: str
    client: ClientMetadata | None
    fingerprint: str
    subject: str
    scope: str
    resource: tuple[str, ...]
    redirect_uri: str
    access_lifetime: timedelta
    created_at: datetime
    auth_method: str = ""
    client_key: str | None = None
    dpop_jkt: str | None = None
    auth_time: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code, bound to one redirect URI and one PKCE challenge."""

    digest: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access or refresh token.

    Attributes:
        resource: what an access token is for, a subset of its grant's; nothing stands for the issuer (RFC 8707 §2.2).
        spent: the token has been exchanged for others, or a sibling of it has; it grants nothing any more.
        rotated_at: when a refresh token was exchanged first; ``None`` again once one of its successors was.
    """

    digest: str
    kind: Literal["access", "refresh"]
    scope: str
    resource: tuple[str, ...] = ()
    created_at: datetime
    expires_at: datetime
    spent: bool = False
    revoked: bool = False
    rotated_at: datetime | None = None

    def is_alive(self, grant: Grant, now: datetime) -> bool:
        """Say whether the token may be used."""
        return not (self.spent or self.revoked or grant.revoked) and now < self.expires_at

    def may_repeat(self, grant: Grant, now: datetime, grace: timedelta) -> bool:
        """Return whether a spent refresh token is within its grace: presenting it again is no sign of theft.

        `TokenStorage.rotate` decides whether it is exchanged once more.
        """
        if self.rotated_at is None or self.revoked or grant.revoked:
            return False
        return now < self.rotated_at + grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request that waits on the server: for a log-in, or for a decision.

    Attributes:
        digest: SHA-256 of the secret that only the page with the form carries.
        browser: SHA-256 of the name of the browser or session that it belongs to.
        subject: who was asked; empty while nobody is logged in.
        content: text that the provider reads back; at most `WAITING_BYTES` long in UTF-8.
        answer: what the browser was told when it was decided, encrypted; ``None`` while it is undecided.
    """

    digest: str
    browser: str
    content: str
    created_at: datetime
    expires_at: datetime
    subject: str = ""
    answer: bytes | None = None


#: Bytes that the waiting requests of one browser hold at most, and so one of them.
WAITING_BYTES = 512 * 1024
#: Waiting requests of everybody who is not logged in, and their bytes: beyond either, the oldest of them are dropped.
STRANGERS_ENTRIES, STRANGERS_BYTES = 10_000, 64 * 1024 * 1024
#: Waiting requests of one person, in all browsers: beyond them, the person's oldest are dropped.
SUBJECT_ENTRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a decision spends, in the transaction that carries it out.

    Attributes:
        waiting: digest of the waiting request.
        answer: kept with it and returned by `ProviderStorage.find_waiting` until ``until``, or until the code that the
            decision made is redeemed; ``None`` forgets the waiting request.
        pushed: digest of the pushed request that is decided, if it was one.
    """

    waiting: str
    answer: bytes | None
    until: datetime
    pushed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingGrant:
    """A grant with a token that can still be used.

    Attributes:
        last_used: when tokens were issued last.
        ends_at: when the last of its tokens expires.
    """

    grant: Grant
    last_used: datetime
    ends_at: datetime


#: Rotated refresh tokens and ended grants are kept this long, so that a reuse is still noticed.
KEPT_AFTER_END = timedelta(days=30)
#: A code is kept this long past its end, so that its reuse ends the grant (RFC 6749 §4.1.2).
CODES_KEPT = timedelta(days=1)
#: Pushed requests of all clients together, and their bytes: beyond either, the oldest are dropped.
PUSHED_ENTRIES = 10_000
PUSHED_BYTES = 64 * 1024 * 1024
#: How often a refresh token may be exchanged again within its grace.
REPETITIONS = 8
#: Living grants of one client that a page of `ProviderStorage.living_grants` holds at most.
GRANTS_PER_CLIENT = 50


class TokenStorage(ReplayCache, Protocol):
    """Where an app keeps grants, codes, tokens and pushed requests. Every method is one transaction of its own.

    A storage that keeps text writes a grant's ``client`` with `ClientMetadata.to_json` and reads it with
    `read_snapshot`; the `DocumentError` of metadata that another version wrote passes through ``find_code``,
    ``find_token`` and ``find_pushed``.
    """

    def add_code(self, grant: Grant, code: Code, settlement: Settlement | None = None) -> bool:
        """Keep a new grant with its code.

        With a settlement, what it names is spent in the same transaction; ``False``, and nothing is changed, if that
        is decided or expired already.
        """

    def find_code(self, digest: str) -> tuple[Grant, Code] | None:
        """Return a code, spent and expired ones included: their reuse must be noticed."""

    def redeem_code(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a code and add its tokens; ``False``, and nothing added, if it is spent already.

        With ``grant``, what the exchange settled is kept with it: ``auth_method``, ``client_key`` and ``dpop_jkt``.
        """

    def find_token(self, digest: str) -> tuple[Grant, Token] | None:
        """Return a token, dead ones included."""

    def rotate(
        self,
        digest: str,
        tokens: Sequence[Token],
        now: datetime,
        grant: Grant | None = None,
        *,
        grace: timedelta = timedelta(),
    ) -> bool:
        """Exchange a refresh token for its successors; ``False``, and nothing is added, if it is spent.

        With ``grant``, what the exchange settled is kept with it, as by `redeem_code`.

        With ``grace``, a token may be exchanged again for so long after the first time, at most `REPETITIONS` times;
        the successors are siblings then. The first rotation of one of them spends all the others, refresh and access
        tokens alike, and ends the grace of their parent, in one transaction.
        """

    def revoke_grant(self, grant_id: str, now: datetime) -> None:
        """End a grant with everything that came from it."""

    def revoke_token(self, digest: str, now: datetime) -> None:
        """End one token."""

    def keep_pushed(self, digest: str, request: AuthorizationRequest, expires_at: datetime, now: datetime) -> None:
        """Keep a pushed request until somebody decides or it expires."""

    def find_pushed(self, digest: str, now: datetime) -> AuthorizationRequest | None:
        """Return a pushed request that is neither decided nor expired."""

    def take_pushed(self, digest: str) -> bool:
        """Forget a pushed request; ``False`` if somebody else did so first."""


class ProviderStorage(TokenStorage, Protocol):
    """What a whole provider keeps besides: requests that wait, and what people see of their own grants."""

    # -- requests that wait -------------------------------------------------------------------------------------

    def keep_waiting(self, waiting: Waiting, now: datetime, most: int) -> bool:
        """Keep a request in place of one with the same digest; ``False`` if its content is too long.

        A browser keeps its newest ``most`` undecided requests, `WAITING_BYTES` long in all; one person keeps
        `SUBJECT_ENTRIES`, and all strangers together `STRANGERS_ENTRIES` and `STRANGERS_BYTES`. Nobody displaces the
        requests of another person. A storage may look at the bounds of people and strangers after every 64th request.
        """

    def find_waiting(self, digest: str, now: datetime) -> Waiting | None:
        """Return a request that waits, or was decided a moment ago and keeps its answer."""

    def drop_waiting(self, digest: str) -> None:
        """Forget a request."""

    def settle(self, settlement: Settlement, now: datetime) -> bool:
        """Carry out a decision that makes no grant; ``False`` if it is decided or expired already."""

    # -- what a person approved ---------------------------------------------------------------------------------

    def last_approved(self, subject: str, client_id: str) -> Grant | None:
        """Return the newest grant of a client that this person approved, living or not."""

    def has_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Say whether this person approved the client with this redirect URI, by a grant that is not revoked."""

    def living_grants(
        self, subject: str, now: datetime, *, limit: int, offset: int = 0
    ) -> list[tuple[str, tuple[LivingGrant, ...]]]:
        """Return ``limit`` clients with living grants of this person, in the order of their identifiers.

        Each comes with its newest grants, `GRANTS_PER_CLIENT` at most.
        """

    def revoke_grant_of(self, subject: str, grant_id: str, now: datetime) -> bool:
        """End a grant of this person; ``False`` if they have no such grant, or it is revoked."""

    def revoke_client(self, subject: str | None, client_id: str, now: datetime) -> int:
        """End all grants of a client, of one person or of everybody; return how many were not revoked before."""

    def revoke_subject(self, subject: str, now: datetime) -> int:
        """End all grants of a person; return how many were not revoked before."""

    # -- upkeep -------------------------------------------------------------------------------------------------

    def sweep(self, now: datetime, limit: int = 10_000) -> int:
        """Delete at most ``limit`` rows that can never matter again; return how many. Never call it in a request."""
