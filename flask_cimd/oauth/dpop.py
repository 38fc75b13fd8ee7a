"""DPoP (RFC 9449): requests that prove to hold a key, and tokens that are worth nothing without it.

The order matters: a proof and its nonce are judged before anything that can be used only once, so that a client which
is told to try again with a nonce still has its code, its refresh token and its assertion.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Request, Response, after_this_request, current_app, request

from ..core.clock import utc_now
from ..core.nonce import Nonces
from ..core.proof import DEFAULT_ALGORITHMS, Proof, ProofError, check_proof
from .resource.protector import TokenRefused
from .server.storage import SingleUse

if TYPE_CHECKING:
    from .resource.protector import Access

NONCE_HEADER = "DPoP-Nonce"


class InvalidProofError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The DPoP proof is missing or does not hold (RFC 9449 §5); answered with 400."""

    error = "invalid_dpop_proof"


class UseNonceError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The proof has no nonce of ours, or an old one (RFC 9449 §8); nothing was spent."""

    error = "use_dpop_nonce"
    description = "Repeat the request with the nonce in the DPoP-Nonce header."


class DPoP:
    """Judges the proofs of one server's requests.

    All workers, and the authorization server and the resource server of one origin, must hand out the same nonces:
    they share the key, which is derived from the app's ``SECRET_KEY``.

    Args:
        once: remembers the proofs that were seen.
        origin: scheme, host and port as clients write them; behind a proxy that is not what the socket says.
        algorithms: of signatures, as they are advertised.
        clock: returns the current aware instant.
    """

    def __init__(
        self,
        *,
        once: SingleUse,
        origin: str,
        algorithms: Collection[str] = DEFAULT_ALGORITHMS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.algorithms = tuple(algorithms)
        parts = urlsplit(origin)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._once = once
        self._clock = clock
        # Without SECRET_KEY every process has nonces of its own, which is right for one process only.
        self._fallback_key = secrets.token_bytes(32)

    def read(self, access_token: str | None = None) -> Proof | None:
        """Return the proof of the current request, or ``None`` if it sent none.

        Args:
            access_token: what the request presents; the proof must then be for it.

        Raises:
            InvalidProofError: it does not hold, or was seen before.
            UseNonceError: it holds, but its nonce is missing or old.
        """
        field = request.headers.get("DPoP")
        if field is None:
            return None
        now = self._clock()
        try:
            proof = check_proof(
                field,
                method=request.method,
                url=self._origin + urlsplit(request.base_url).path,
                now=now,
                access_token=access_token,
                algorithms=self.algorithms,
            )
        except ProofError as error:
            raise InvalidProofError(error.message) from error
        if proof.nonce is None or not self._nonces().accepts(proof.nonce, now):
            raise UseNonceError
        # AT Protocol clients have short names for their proofs, so the key belongs to what is remembered.
        once = hashlib.sha256(json.dumps([proof.thumbprint, proof.jti]).encode()).hexdigest()
        if not self._once.use_once(f"proof:{once}", proof.expires_at, now):
            raise InvalidProofError("The DPoP proof was used before; make one for every request.")
        return proof

    def add_nonce(self, answer: Response) -> Response:
        """Put the newest nonce on an answer, and return it; clients keep the last one they saw (RFC 9449 §8.2)."""
        answer.headers[NONCE_HEADER] = self._nonces().current(self._clock())
        return answer

    def _nonces(self) -> Nonces:
        key = current_app.secret_key
        base = key.encode() if isinstance(key, str) else key or self._fallback_key
        return Nonces(hmac.digest(base, b"flask-cimd DPoP nonce", hashlib.sha256))


class DPoPScheme:
    """Lets `ResourceProtector` take ``Authorization: DPoP`` with a proof for the token's own key (RFC 9449 §7).

    Args:
        dpop: the judge, or a function that returns it, for apps that know it only at run time.
    """

    name = "DPoP"

    def __init__(self, dpop: DPoP | Callable[[], DPoP]) -> None:
        self._given = dpop

    @property
    def _dpop(self) -> DPoP:
        return self._given if isinstance(self._given, DPoP) else self._given()

    def attributes(self) -> Mapping[str, str]:
        """Return the algorithms (RFC 9449 §7.1)."""
        return {"algs": " ".join(self._dpop.algorithms)}

    def check(self, request: Request, secret: str, access: Access) -> None:  # noqa: ARG002  the port passes it
        """Refuse a request without a proof for this token, by the key that the token is bound to."""
        after_this_request(self._dpop.add_nonce)
        if access.key_thumbprint is None:
            raise TokenRefused(401, "invalid_token", "The token is a bearer token; it is bound to no key.")
        try:
            proof = self._dpop.read(secret)
        except OAuth2Error as error:
            raise TokenRefused(401, error.error, error.get_error_description()) from error
        if proof is None:
            raise TokenRefused(401, "invalid_dpop_proof", "The request needs a DPoP proof.")
        if not hmac.compare_digest(proof.thumbprint, access.key_thumbprint):
            raise TokenRefused(401, "invalid_token", "The token is bound to another key.")


def require_other_key(proof: Proof | None, client_key: Any) -> None:
    """Refuse a client that signs its proofs with the key of its assertions (AT Protocol OAuth, "DPoP").

    Raises:
        InvalidProofError: the thumbprints are the same.
    """
    if proof is not None and client_key is not None and proof.thumbprint == client_key.thumbprint:
        raise InvalidProofError("The DPoP key must not be the key of the client's assertions.")
