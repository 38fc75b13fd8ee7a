"""DPoP (RFC 9449): proofs of possession, for the authorization server and for resources.

A server checks a proof and its nonce before it consumes a single-use value. A client that must repeat its request with
a nonce can therefore send the same code, refresh token and assertion.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from urllib.parse import quote, urlsplit

from authlib.oauth2 import OAuth2Error
from flask import current_app, has_app_context
from werkzeug.wrappers import Request

from ..core.clock import Clock, utc_now
from ..core.nonce import Nonces
from ..core.proof import DEFAULT_ALGORITHMS, Proof, ProofError, check_proof
from .replay import ReplayCache, once_key

NONCE_HEADER = "DPoP-Nonce"
#: RFC 3986 §3.3 ``pchar`` without percent-encoding, and the slash.
_PATH_CHARACTERS = "/!$&'()*+,;=:@"


class ProofRefusedError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """Base class of errors about proofs; the response carries the newest nonce if the error has it."""

    def __init__(self, description: str | None = None, *, nonce_header: Mapping[str, str] | None = None) -> None:
        super().__init__(description)
        self._nonce_header = nonce_header or {}

    def get_headers(self) -> list[tuple[str, str]]:
        """Return Authlib's headers and ``DPoP-Nonce``."""
        return [*super().get_headers(), *self._nonce_header.items()]


class InvalidProofError(ProofRefusedError):
    """The DPoP proof is missing or invalid (RFC 9449 §5); status 400."""

    error = "invalid_dpop_proof"


class UseNonceError(ProofRefusedError):
    """The proof has no current nonce of this server (RFC 9449 §8); the request consumed no single-use value."""

    error = "use_dpop_nonce"
    description = "Repeat the request with the nonce in the DPoP-Nonce header."


class DPoP:
    """Checks the proofs of one server's requests and issues its nonces.

    All workers of a server need the same nonces and therefore the same key; so do an authorization server and a
    resource server with one origin.

    Args:
        replay_cache: stores the accepted proofs.
        origin: public scheme, host and port of the server; the request's ``Host`` header is never compared. Include
            a path that a proxy strips: clients sign it, and the request lacks it.
        algorithms: accepted and advertised signature algorithms.
        secret_key: key of the nonces; defaults to ``SECRET_KEY`` of the current Flask app, and without it to a random
            key of this object.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(
        self,
        *,
        replay_cache: ReplayCache,
        origin: str,
        algorithms: Collection[str] = DEFAULT_ALGORITHMS,
        secret_key: str | bytes | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.algorithms = tuple(algorithms)
        parts = urlsplit(origin)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._base_path = parts.path.rstrip("/")
        self._replay_cache = replay_cache
        self._secret_key = secret_key
        self._random_key = secrets.token_bytes(32)
        self._clock = clock

    def read(self, request: Request, access_token: str | None = None) -> Proof | None:
        """Return the proof of a request, or ``None`` if the request has none.

        Args:
            request: the request; its method, path and ``DPoP`` header are used.
            access_token: the token in the request; the proof must contain its hash.

        Raises:
            InvalidProofError: the proof is invalid or was used before.
            UseNonceError: the proof is valid, but its nonce is missing or too old.
        """
        field = request.headers.get("DPoP")
        if field is None:
            return None
        now = self._clock()
        url, *others = self._public_urls(request)
        try:
            proof = check_proof(
                field,
                method=request.method,
                url=url,
                other_urls=others,
                now=now,
                access_token=access_token,
                algorithms=self.algorithms,
            )
        except ProofError as error:
            raise InvalidProofError(error.message, nonce_header=self.nonce_header()) from error
        if proof.nonce is None or not self._nonces().accepts(proof.nonce, now):
            raise UseNonceError(nonce_header=self.nonce_header())
        # AT Protocol clients use short jti values, which are unique only per key.
        if not self._replay_cache.use_once(once_key("proof", proof.thumbprint, proof.jti), proof.expires_at, now):
            used = "The DPoP proof was used before; make one for every request."
            raise InvalidProofError(used, nonce_header=self.nonce_header())
        return proof

    def _public_urls(self, request: Request) -> list[str]:
        """Return the request's public URL, also with the path of ``origin`` in front if the request lacks it."""
        path = quote(request.root_path.rstrip("/") + request.path, safe=_PATH_CHARACTERS)
        is_stripped = self._base_path and not f"{path}/".startswith(f"{self._base_path}/")
        return [self._origin + path, *([self._origin + self._base_path + path] if is_stripped else [])]

    def nonce_header(self) -> Mapping[str, str]:
        """Return the header with the newest nonce; add it to every response (RFC 9449 §8.2)."""
        return {NONCE_HEADER: self._nonces().current(self._clock())}

    def _nonces(self) -> Nonces:
        key = self._secret_key
        if key is None and has_app_context():
            key = current_app.secret_key
        base = key.encode() if isinstance(key, str) else key
        return Nonces(hmac.digest(base or self._random_key, b"flask-cimd DPoP nonce", hashlib.sha256))
