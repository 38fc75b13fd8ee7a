"""What a living access token allows, wherever the token comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rights of one access token.

    Attributes:
        subject: who approved.
        client_id: the client that the token was issued to.
        scope: the granted scopes.
        audience: resources that the token is for; the issuer stands for resources without an identifier of their own.
        expires_at: aware instant; ``None`` if the authorization server does not say.
        auth_time: aware instant at which the subject had logged in; ``None`` if the authorization server does not say.
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
