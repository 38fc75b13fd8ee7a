"""Verification of access tokens by introspection at an authorization server in another process (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

from ...core.urls import LOOPBACK_HOSTS, in_lower_case
from ...errors import ConfigurationError
from ..access import Access
from .protector import TokensUnavailableError


class IntrospectedTokens:
    """Looks up the rights of tokens by introspection, for a `ResourceProtector` in another process.

    Caches nothing, so a revoked token is refused at once.

    Args:
        endpoint: URL of the introspection endpoint.
        server_id: user name of this resource server in HTTP Basic authentication.
        secret: its password.
        issuer: the only accepted issuer, and the audience of tokens that name none.
        timeout: timeout of the connect and of each read, in seconds.
        ca_bundle: file of trusted certificates; defaults to certifi's.

    Raises:
        ConfigurationError: the endpoint is neither https nor http on loopback, or the issuer is in upper case.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        server_id: str,
        secret: str,
        issuer: str,
        timeout: float = 5,
        ca_bundle: str | None = None,
    ) -> None:
        parts = urlsplit(endpoint)
        # RFC 7662 §4: "the server MUST require the use of a transport-layer security mechanism".
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
            raise ConfigurationError("the introspection endpoint must be https; http is for this computer alone")
        if "@" in parts.netloc:
            raise ConfigurationError("the introspection endpoint must have no user name or password")
        if issuer != in_lower_case(issuer):
            raise ConfigurationError(f"the issuer must be written in lower case: {in_lower_case(issuer)}")
        self._endpoint = endpoint
        # RFC 6749 §2.3.1: the client form-encodes both values before it joins them.
        self._credentials = quote_plus(server_id), quote_plus(secret)
        self._issuer = issuer
        self._timeout = timeout
        self._verify: str | bool = ca_bundle or True

    def find(self, secret: str) -> Access | None:
        """Return the rights of a token, or ``None`` if it is not valid.

        Raises:
            TokensUnavailableError: the endpoint does not return a usable response.
        """
        found = self._ask(secret)
        if found.get("active") is not True or found.get("iss", self._issuer) != self._issuer:
            return None
        try:
            return self._read(found)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise TokensUnavailableError("the answer lacks a member or has one of a wrong type") from exc

    def _read(self, found: Mapping[str, Any]) -> Access:
        audience = found.get("aud", self._issuer)
        return Access(
            subject=str(found["sub"]),
            client_id=str(found["client_id"]),
            scope=frozenset(found.get("scope", "").split()),
            audience=frozenset([audience] if isinstance(audience, str) else audience),
            expires_at=datetime.fromtimestamp(found["exp"], UTC) if "exp" in found else None,
            auth_time=datetime.fromtimestamp(found["auth_time"], UTC) if "auth_time" in found else None,
            key_thumbprint=found["cnf"]["jkt"] if "cnf" in found else None,
        )

    def _ask(self, secret: str) -> dict[str, Any]:
        import requests  # a resource in the server's own process never asks

        try:
            with requests.Session() as session:
                # A proxy or .netrc from the environment would see the token.
                session.trust_env = False
                answer = session.post(
                    self._endpoint,
                    data={"token": secret, "token_type_hint": "access_token"},
                    auth=self._credentials,
                    timeout=self._timeout,
                    verify=self._verify,
                    allow_redirects=False,
                )
                found = answer.json()
        except (requests.RequestException, ValueError) as exc:
            raise TokensUnavailableError("the introspection endpoint cannot be reached") from exc
        if answer.status_code != 200 or not isinstance(found, dict):
            raise TokensUnavailableError(f"the introspection endpoint answers {answer.status_code}")
        return found
