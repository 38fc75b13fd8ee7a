"""An Authlib session for an app that identifies itself by its document's URL: PKCE, assertions, and who answered.

One `ClientSession` is one sign-in at one server, or the requests with the tokens that came of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import certifi
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_qs
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt

from ..core.clock import utc_now
from ..core.keys import ALGORITHMS, ASSERTION_TYPE
from ..core.signatures import signature_registry
from ..fetch.fetcher import FetchSettings
from ..fetch.session import VettedAdapter
from .client import LIFETIME, PublishedClient

_ASSERTION_LIFETIME = timedelta(seconds=60)
#: Seconds for one request to the server.
_TIMEOUT = 10


class ClientSession(OAuth2Session):  # type: ignore[misc]  # Authlib is untyped
    """Signs in at one server.

    Args:
        client: the app's published identity.
        server: the server's metadata (RFC 8414), already checked to be that of its ``issuer``.
        redirect_uri: one of the published ones; the first by default.
        clock: returns the current aware instant.
        more: what Authlib's ``OAuth2Session`` takes, such as ``scope``, ``token`` and ``update_token``.

    Requests go to public addresses only and raise `FetchError` for others, wherever metadata or a redirect leads; an
    answer of more than a megabyte is read with ``stream=True``.
    """

    def __init__(
        self,
        client: PublishedClient,
        server: Mapping[str, Any],
        *,
        redirect_uri: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        **more: Any,
    ) -> None:
        self.server = server
        self._client = client
        self._clock = clock
        super().__init__(
            client_id=client.client_id,
            redirect_uri=redirect_uri or client.members["redirect_uris"][0],
            token_endpoint_auth_method=client.auth_method,
            revocation_endpoint_auth_method=client.auth_method,
            code_challenge_method="S256",
            token_endpoint=server["token_endpoint"],
            **{"default_timeout": _TIMEOUT, **more},
        )
        self._guard(client.fetch)
        self.register_client_auth_method(("private_key_jwt", self._sign))

    def _guard(self, fetch: FetchSettings) -> None:
        """Let every connection be one of the fetcher's: the server named its endpoints itself."""
        self.trust_env = False  # no proxies, no .netrc passwords, no CA variables of this process
        self.adapters.clear()
        for scheme in ("https", "http") if fetch.allow_http or fetch.allow_loopback else ("https",):
            self.mount(f"{scheme}://", VettedAdapter(fetch, _trust(fetch.ca_bundle), _TIMEOUT))
        if fetch.proxy is not None:
            self.proxies = {"https": fetch.proxy, "http": fetch.proxy}

    def begin(self, **parameters: str) -> tuple[str, dict[str, str]]:
        """Return where to send the person, and what to remember for `finish`: keep it in their session.

        Args:
            parameters: further ones of the authorization request, such as ``resource``.
        """
        verifier = generate_token(64)
        url, state = self.create_authorization_url(
            self.server["authorization_endpoint"], code_verifier=verifier, **parameters
        )
        return url, {"state": state, "code_verifier": verifier, "issuer": self.server["issuer"]}

    def finish(self, remembered: Mapping[str, str], answer: str) -> dict[str, Any]:
        """Return the tokens for the URL that the person came back to.

        Raises:
            OAuthError: the answer is not the one to this request, comes from another server, or says no.
        """
        parameters = _single(answer)
        if parameters.get("state") != remembered["state"]:
            raise OAuthError("invalid_state", "the answer does not belong to this request")
        # RFC 9207 §2.4: compared as strings, before anything else of the answer is believed.
        promised = self.server.get("authorization_response_iss_parameter_supported", False)
        issuer = parameters.get("iss", None if promised else remembered["issuer"])
        if issuer != remembered["issuer"] or remembered["issuer"] != self.server["issuer"]:
            raise OAuthError("invalid_issuer", "another server answers than the one that was asked")
        if "error" in parameters:
            raise OAuthError(parameters["error"], parameters.get("error_description"))
        if not parameters.get("code"):
            raise OAuthError("missing_code", "the answer holds no code")
        token: dict[str, Any] = self.fetch_token(
            grant_type="authorization_code",
            code=parameters["code"],
            redirect_uri=self.redirect_uri,
            code_verifier=remembered["code_verifier"],
        )
        return token

    def assertion(self) -> str:
        """Return a fresh assertion for this server, good for one request within a minute (RFC 7523)."""
        if self._client.keys is None:
            raise ValueError("a public client has no key")
        entry = self._client.keys.signing_key(LIFETIME)
        now = self._clock()
        claims = {
            "iss": self._client.client_id,
            "sub": self._client.client_id,
            "aud": self.server["issuer"],
            "jti": generate_token(32),
            "iat": int(now.timestamp()),
            "exp": int((now + _ASSERTION_LIFETIME).timestamp()),
        }
        header = {"alg": entry.alg, "kid": entry.kid, "typ": "client-authentication+jwt"}
        return jwt.encode(header, claims, entry.key, registry=_REGISTRY)

    def _sign(self, _auth: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
        members = [
            ("client_id", self._client.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", self.assertion()),
        ]
        return uri, headers, add_params_to_qs(body or "", members)


@lru_cache(maxsize=4)
def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust anchors are read once: loading them costs more than a request."""
    return ssl.create_default_context(cafile=ca_bundle or certifi.where())


_REGISTRY = signature_registry(ALGORITHMS, strict=True)


def _single(answer: str) -> dict[str, str]:
    values = parse_qs(urlsplit(answer).query, keep_blank_values=True)
    if any(len(found) > 1 for found in values.values()):
        raise OAuthError("invalid_response", "the answer repeats a parameter")
    return {name: found[0] for name, found in values.items()}
