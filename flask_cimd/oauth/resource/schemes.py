"""Ways to present an access token, and the refusal that they share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from werkzeug.wrappers import Request

from ..access import Access


class TokenRefused(Exception):  # noqa: N818  the token is refused, the program is fine
    """A resource refuses a request.

    Attributes:
        status: 400, 401 or 403 (RFC 6750 §3.1).
        error: code of the challenge; ``None`` if the request presented no credentials.
        description: sentence for the client's developer.
        scope: the scopes that the request needs.
        scheme: the scheme that the request used; its challenge comes first.
        headers: additional response headers, such as ``DPoP-Nonce``.
        attributes: additional attributes of the challenge, such as ``max_age``.
    """

    def __init__(
        self,
        status: int,
        error: str | None = None,
        description: str | None = None,
        *,
        scope: Collection[str] = (),
        scheme: str | None = None,
        headers: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error or "unauthorized")
        self.status, self.error, self.description = status, error, description
        self.scope, self.scheme, self.headers = scope, scheme, dict(headers or {})
        self.attributes = dict(attributes or {})


class TokenScheme(Protocol):
    """One way to present an access token, such as ``Bearer``."""

    @property
    def name(self) -> str:
        """The name of the authentication scheme in challenges."""

    def attributes(self) -> Mapping[str, str]:
        """Return the scheme's own attributes of the challenge."""

    def check(self, request: Request, secret: str, access: Access) -> Mapping[str, str]:
        """Check how a request presents a token, and return headers for the response.

        Args:
            request: the request; need not be Flask's current one.
            secret: the presented token.
            access: the rights of the token.

        Raises:
            TokenRefused: the token must not be presented in this way.
        """


class BearerScheme:
    """Bearer tokens (RFC 6750); refuses tokens that are bound to a key (RFC 9449 §7.2)."""

    name = "Bearer"

    def attributes(self) -> Mapping[str, str]:
        """Return no attributes."""
        return {}

    def check(self, request: Request, secret: str, access: Access) -> Mapping[str, str]:  # noqa: ARG002  TokenScheme
        """Refuse a token that is bound to a key."""
        if access.key_thumbprint is not None:
            raise TokenRefused(401, "invalid_token", "The token is bound to a key; present it with a DPoP proof.")
        return {}
