"""``Authorization: DPoP``: access tokens with a proof by the key that they are bound to (RFC 9449 §7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from authlib.oauth2 import OAuth2Error
from werkzeug.wrappers import Request

from ..access import Access
from ..dpop import DPoP
from .schemes import TokenRefused


class DPoPScheme:
    """Lets `ResourceProtector` and `ProtectedASGI` accept ``Authorization: DPoP``.

    Every response carries the newest nonce, refusals included (RFC 9449 §9).

    Args:
        dpop: checks the proofs; or a function that returns the `DPoP`, for apps that know it only at run time.
    """

    name = "DPoP"

    def __init__(self, dpop: DPoP | Callable[[], DPoP]) -> None:
        self._given = dpop

    @property
    def _dpop(self) -> DPoP:
        return self._given if isinstance(self._given, DPoP) else self._given()

    def attributes(self) -> Mapping[str, str]:
        """Return the accepted algorithms as ``algs`` (RFC 9449 §7.1)."""
        return {"algs": " ".join(self._dpop.algorithms)}

    def check(self, request: Request, secret: str, access: Access) -> Mapping[str, str]:
        """Refuse a request without a proof for this token by its own key."""
        dpop = self._dpop
        headers = dpop.nonce_header()
        try:
            _require_proof(dpop, request, secret, access)
        except TokenRefused as refused:
            refused.headers.update(headers)
            raise
        return headers


def _require_proof(dpop: DPoP, request: Request, secret: str, access: Access) -> None:
    if access.key_thumbprint is None:
        raise TokenRefused(401, "invalid_token", "The token is a bearer token; it is bound to no key.")
    try:
        proof = dpop.read(request, access_token=secret)
    except OAuth2Error as error:
        raise TokenRefused(401, error.error, error.get_error_description()) from error
    if proof is None:
        raise TokenRefused(401, "invalid_dpop_proof", "The request needs a DPoP proof.")
    if not hmac.compare_digest(proof.thumbprint, access.key_thumbprint):
        raise TokenRefused(401, "invalid_token", "The token is bound to another key.")
