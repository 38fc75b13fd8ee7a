"""Values that an authorization server stores (grants, codes, tokens, requests) and the protocols of its storage.

Secrets never reach the storage: it receives the SHA-256 digest of a code or token. One conditional statement spends
each single-use value, so exactly one of two simultaneous attempts succeeds (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ...core.metadata import ClientMetadata
from ..replay import ReplayCache
from .remembered import ConsentStorage
from .request_snapshot import AuthorizationRequest


def new_secret() -> str:
    """Return a new random code or token: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A person's approval: the parent of one code and of every token issued for it.

    Attributes:
        subject: the person who approved.
        client: the client's metadata at the time of approval; ``None`` for a client that the app registered.
        access_lifetime: lifetime of access tokens.
        auth_method: client authentication method that token requests need; empty until the code is redeemed.
        client_key: key that the session is bound to; ``None`` accepts any key of the client.
        dpop_jkt: thumbprint of the key that all tokens are bound to (RFC 9449 §6); ``None`` for bearer tokens.
        auth_time: time of the person's log-in, an aware `datetime`; ``None`` if the app does not state it.
        until: end of the grant that the person chose, an aware `datetime`; ``None`` without a choice.
        revoked: ``True`` if no code or token of the grant is valid any more.
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
    until: datetime | None = None
    revoked: bool = False

    def is_over(self, now: datetime) -> bool:
        """Return whether all codes and tokens of the grant have become unusable."""
        return self.revoked or (self.until is not None and self.until <= now)


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
        resource: resources that an access token is for, a subset of its grant's; empty for the issuer (RFC 8707 §2.2).
        spent: ``True`` if the token or a sibling was exchanged; it grants no access any more.
        rotated_at: time of a refresh token's first exchange, an aware `datetime`; ``None`` again after the exchange of
            a successor.
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
        """Return whether the token may be used."""
        return not (self.spent or self.revoked or grant.is_over(now)) and now < self.expires_at

    def may_repeat(self, grant: Grant, now: datetime, grace: timedelta) -> bool:
        """Return whether a spent refresh token is within its grace period, in which reuse does not indicate theft.

        `TokenStorage.rotate` decides whether to exchange it again.
        """
        if self.rotated_at is None or self.revoked or grant.is_over(now):
            return False
        return now < self.rotated_at + grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request that waits on the server: for a log-in, or for a decision.

    Attributes:
        digest: SHA-256 digest of the secret in the page's form.
        browser: SHA-256 digest of the cookie that identifies the browser.
        subject: the person who sees the page; empty while nobody is logged in.
        content: text of the provider; at most `WAITING_BYTES` bytes in UTF-8.
        answer: the encrypted response to the decision; ``None`` while there is no decision.
    """

    digest: str
    browser: str
    content: str
    created_at: datetime
    expires_at: datetime
    subject: str = ""
    answer: bytes | None = None


#: Maximum size in bytes of all waiting requests of one browser, and of a single one.
WAITING_BYTES = 512 * 1024
#: Maximum number and bytes of waiting requests without a log-in, and maximum number per person; the oldest are dropped.
STRANGERS_ENTRIES, STRANGERS_BYTES, SUBJECT_ENTRIES = 10_000, 64 * 1024 * 1024, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The requests that a decision spends, in the transaction that stores its outcome.

    Attributes:
        waiting: digest of the waiting request.
        answer: stored with it and returned by `ProviderStorage.find_waiting` until ``until``, or until the client
            redeems the code of the decision; ``None`` deletes the waiting request.
        until: end of the response's storage, an aware `datetime`.
        pushed: digest of the decided pushed request, if any.
    """

    waiting: str
    answer: bytes | None
    until: datetime
    pushed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingGrant:
    """A grant with a token that can still be used.

    Attributes:
        last_used: time of the last issue of tokens, an aware `datetime`.
        ends_at: expiry of the last of its tokens, or ``Grant.until`` if that is earlier, an aware `datetime`.
    """

    grant: Grant
    last_used: datetime
    ends_at: datetime


#: Time for which rotated refresh tokens and ended grants are kept, to detect reuse.
KEPT_AFTER_END = timedelta(days=30)
#: Time for which an expired code is kept, because its reuse ends the grant (RFC 6749 §4.1.2).
CODES_KEPT = timedelta(days=1)
#: Maximum number of pushed requests of all clients and their maximum size in bytes; the oldest are dropped.
PUSHED_ENTRIES, PUSHED_BYTES = 10_000, 64 * 1024 * 1024
#: Maximum number of repeated exchanges of a refresh token within its grace period.
REPETITIONS = 8
#: Maximum number of living grants of one client in a page of `ProviderStorage.living_grants`.
GRANTS_PER_CLIENT = 50


class TokenStorage(ReplayCache, Protocol):
    """Protocol of an app's storage of grants, codes, tokens and pushed requests. Every method is one transaction.

    Store a grant's ``client`` with `ClientMetadata.to_json` and read it with `read_snapshot`; let its `DocumentError`
    about another version's text pass through ``find_code``, ``find_token``, ``find_pushed`` and ``last_approved``.
    """

    def add_code(self, grant: Grant, code: Code, settlement: Settlement | None = None) -> bool:
        """Store a new grant with its code.

        With a settlement, spend its requests in the same transaction; if one of them is already decided or expired,
        change nothing and return ``False``.
        """

    def find_code(self, digest: str) -> tuple[Grant, Code] | None:
        """Return a code, even if it is spent or expired, because the caller must detect its reuse."""

    def redeem_code(self, digest: str, tokens: Sequence[Token], now: datetime, grant: Grant | None = None) -> bool:
        """Spend a code and add its tokens; if it is already spent, add nothing and return ``False``.

        With ``grant``, also store its ``auth_method``, ``client_key`` and ``dpop_jkt``, which the exchange determined.
        """

    def find_token(self, digest: str) -> tuple[Grant, Token] | None:
        """Return a token, even if it is no longer valid."""

    def rotate(
        self,
        digest: str,
        tokens: Sequence[Token],
        now: datetime,
        grant: Grant | None = None,
        *,
        grace: timedelta = timedelta(),
    ) -> bool:
        """Exchange a refresh token for its successors; if it is spent, add nothing and return ``False``.

        With ``grant``, also store the members that `redeem_code` stores.

        With ``grace``, a token may be exchanged again during this time after its first exchange, at most `REPETITIONS`
        times; the successors are siblings then. The first rotation of one of them spends all the others, refresh and
        access tokens alike, and ends the grace of their parent, in one transaction.
        """

    def revoke_grant(self, grant_id: str, now: datetime) -> None:
        """Revoke a grant with its code and all its tokens."""

    def revoke_token(self, digest: str, now: datetime) -> None:
        """Revoke one token."""

    def forget_consents(self, subject: str, client_id: str) -> int:
        """Delete a person's remembered consents for a client; return their number, 0 if the storage has none."""

    def has_living_grant(self, client_id: str, now: datetime) -> bool:
        """Return whether a client has a grant of any person that is neither revoked nor ended."""

    def keep_pushed(self, digest: str, request: AuthorizationRequest, expires_at: datetime, now: datetime) -> None:
        """Store a pushed request until a person decides or it expires."""

    def find_pushed(self, digest: str, now: datetime) -> AuthorizationRequest | None:
        """Return a pushed request that is neither decided nor expired."""

    def take_pushed(self, digest: str) -> bool:
        """Delete a pushed request; ``False`` if it is gone already."""


class ProviderStorage(TokenStorage, ConsentStorage, Protocol):
    """Protocol of a provider's storage: adds waiting requests, remembered consents, and people's views of grants."""

    # -- requests that wait -------------------------------------------------------------------------------------

    def keep_waiting(self, waiting: Waiting, now: datetime, most: int) -> bool:
        """Store a request in place of one with the same digest; ``False`` if its content is too long.

        Bounds: the newest ``most`` undecided requests and `WAITING_BYTES` bytes per browser, `SUBJECT_ENTRIES` per
        person, `STRANGERS_ENTRIES` and `STRANGERS_BYTES` for all strangers together. No person's request displaces
        another person's. A storage may enforce the bounds of people and strangers after every 64th request.
        """

    def find_waiting(self, digest: str, now: datetime) -> Waiting | None:
        """Return a request that waits, or that was decided and still has its response."""

    def drop_waiting(self, digest: str) -> None:
        """Delete a request."""

    def settle(self, settlement: Settlement, now: datetime) -> bool:
        """Spend the requests of a decision without a grant; ``False`` if one is decided or expired already."""

    # -- approvals ----------------------------------------------------------------------------------------------

    def last_approved(self, subject: str, client_id: str) -> Grant | None:
        """Return the newest grant of a client that this person approved, living or not."""

    def has_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Return whether this person approved the client with this redirect URI, by a grant that is not revoked."""

    def living_grants(
        self, subject: str, now: datetime, *, limit: int, offset: int = 0
    ) -> list[tuple[str, tuple[LivingGrant, ...]]]:
        """Return ``limit`` clients of this person, in the order of their identifiers.

        A client is listed with a living grant or a remembered consent. Each comes with its newest living grants,
        `GRANTS_PER_CLIENT` at most. Read their metadata with `read_for_display`.
        """

    def set_end(self, subject: str, grant_id: str, until: datetime, now: datetime) -> bool:
        """Store ``Grant.until`` of a living grant of this person; ``False`` if they have no such grant."""

    def revoke_grant_of(self, subject: str, grant_id: str, now: datetime) -> bool:
        """Revoke a grant of this person; ``False`` if they have no such grant, or it is already revoked.

        Like the other methods that revoke a person's grants, also delete their remembered consents for the client.
        """

    def revoke_client(self, subject: str | None, client_id: str, now: datetime) -> int:
        """Revoke all grants of a client, of one person or of everybody; return the number of grants revoked."""

    def revoke_subject(self, subject: str, now: datetime) -> int:
        """Revoke all grants of a person; return the number of grants revoked."""

    # -- upkeep -------------------------------------------------------------------------------------------------

    def sweep(self, now: datetime, limit: int = 10_000) -> int:
        """Delete at most ``limit`` rows without effect; return their number. Never call it in a request."""
