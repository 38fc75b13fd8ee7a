"""The rights of a valid access token, of this or another authorization server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rights of one access token.

    Attributes:
        subject: the user who approved.
        client_id: the client that the token was issued to.
        scope: the granted scopes.
        audience: identifiers of the token's resources; the issuer for resources without an identifier.
        expires_at: expiry, an aware `datetime`; ``None`` if the authorization server does not state it.
        auth_time: time of the subject's log-in, an aware `datetime`; ``None`` if the server does not state it.
        key_thumbprint: SHA-256 thumbprint of the key that the token is bound to (RFC 9449 §6); ``None`` for a bearer
            token.
    """

    subject: str
    client_id: str
    scope: frozenset[str]
    audience: frozenset[str]
    expires_at: datetime | None = None
    auth_time: datetime | None = None
    key_thumbprint: str | None = None
