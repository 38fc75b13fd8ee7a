"""The rights of a valid access token, of this or another authorization server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rights of one access token.

    Attributes:
        subject: the person who approved.
        client_id: the client that the token was issued to.
        scope: the granted scopes.
        audience: identifiers of the resources that the token is for; the issuer for resources without an identifier.
        expires_at: aware instant; ``None`` if the authorization server does not say.
        auth_time: aware instant of the subject's log-in; ``None`` if the authorization server does not say.
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
