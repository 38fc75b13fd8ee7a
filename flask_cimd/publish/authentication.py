"""Client authentication at the server's endpoints, and token authentication at resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_qs
from authlib.integrations.requests_client import OAuth2Auth
from joserfc import jwt
from requests.auth import AuthBase

from ..core.document import SHARED_SECRET_METHODS
from ..core.keys import ALGORITHMS, ASSERTION_TYPE
from ..core.signatures import signature_registry
from .document import LIFETIME, ClientDocument
from .dpop import DPoPKey, Nonces
from .errors import UnsupportedServerError
from .key_file import KeyEntry

if TYPE_CHECKING:
    from requests import PreparedRequest

_ASSERTION_LIFETIME = timedelta(seconds=60)
_REGISTRY = signature_registry(ALGORITHMS, strict=True)


class ClientCredentials:
    """Authenticates one client at one server.

    Args:
        document: the client.
        server: the server's metadata; its lists determine the authentication method.
        clock: returns the current time as an aware `datetime`.

    Raises:
        UnsupportedServerError: client and server share no authentication method.
    """

    def __init__(self, document: ClientDocument, server: Mapping[str, Any], clock: Callable[[], datetime]) -> None:
        self._document = document
        self._issuer = server.get("issuer")
        self._clock = clock
        self._algorithms = server.get("token_endpoint_auth_signing_alg_values_supported")
        self.method = self._choose(server.get("token_endpoint_auth_methods_supported"))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the form parameters of one request, with a new assertion for ``private_key_jwt``."""
        named = [("client_id", self._document.client_id)]
        if self.method == "none":
            return named
        return [*named, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", self.assertion())]

    def assertion(self) -> str:
        """Return an assertion for one request, valid for 60 seconds (RFC 7523 §3)."""
        entry = self._signing_key()
        if entry is None:
            raise UnsupportedServerError("auth-method", hint="the client has no key that this server accepts")
        now = self._clock()
        claims = {
            "iss": self._document.client_id,
            "sub": self._document.client_id,
            "aud": self._issuer,
            "jti": generate_token(32),
            "iat": int(now.timestamp()),
            "exp": int((now + _ASSERTION_LIFETIME).timestamp()),
        }
        header = {"alg": entry.alg, "kid": entry.kid, "typ": "client-authentication+jwt"}
        return jwt.encode(header, claims, entry.key, registry=_REGISTRY)

    def _choose(self, supported: list[str] | None) -> str:
        """Return the first method of the document that the server accepts; a server without a list accepts any.

        A list that holds only shared-secret methods does not apply to URL clients, which have no secret (CIMD §4.1);
        some of these servers accept public clients.
        """
        if supported is not None and SHARED_SECRET_METHODS.issuperset(supported):
            supported = ["none"]
        for method in self._document.auth_methods:
            if supported is not None and method not in supported:
                continue
            if method == "none" or (self._issuer is not None and self._signing_key() is not None):
                return method
        listed = ", ".join(self._document.auth_methods)
        raise UnsupportedServerError("auth-method", hint=f"the server does not accept {listed}")

    def _signing_key(self) -> KeyEntry | None:
        return self._document.keys.signing_key(LIFETIME, self._algorithms) if self._document.keys else None


class ClientAuthentication(AuthBase):
    """Adds the client's parameters to a form, and a DPoP proof in a session with a key.

    Args:
        credentials: the client's credentials.
        prove: returns a proof for a method and a URL, or ``None``.
    """

    def __init__(self, credentials: ClientCredentials, prove: Callable[[str, str], str | None]) -> None:
        self._credentials = credentials
        self._prove = prove

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the parameters and the proof to one request."""
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        request.body = add_params_to_qs(body, self._credentials.parameters())
        proof = self._prove(request.method or "POST", request.url or "")
        if proof is not None:
            request.headers["DPoP"] = proof
        return request


class TokenAuthentication(OAuth2Auth):  # type: ignore[misc]  # Authlib is untyped
    """Adds the access token to the headers of a request, and a DPoP proof for a bound token."""

    dpop_key: DPoPKey | None = None

    def bind(self, nonces: Nonces, clock: Callable[[], datetime]) -> None:
        """Set the nonces and the clock for proofs."""
        self._nonces = nonces
        self._clock = clock

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token and, if it is bound, a proof to one request to a resource."""
        if str(self.token.get("token_type", "")).lower() != "dpop":
            completed: PreparedRequest = super().__call__(request)
            return completed
        self.ensure_active_token()
        self.sign(request)
        return request

    def sign(self, request: PreparedRequest) -> None:
        """Add a bound token and a proof for this method and URL (RFC 9449 §7.1).

        Raises:
            ValueError: the session does not have the key that the token is bound to.
        """
        if self.dpop_key is None:
            raise ValueError("the token is bound to a key that this session does not have")
        token, url = str(self.token["access_token"]), str(request.url)
        nonce = self._nonces.get(url)
        request.headers["Authorization"] = f"DPoP {token}"
        request.headers["DPoP"] = self.dpop_key.proof(
            str(request.method), url, self._clock(), nonce=nonce, access_token=token
        )
