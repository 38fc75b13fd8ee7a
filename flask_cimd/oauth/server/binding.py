"""Binding of grants and tokens to DPoP keys (RFC 9449 §5)."""

from __future__ import annotations

import re
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError

from ...core.atproto import asks_for_atproto
from ...core.proof import Proof
from ..client import MetadataClient
from ..dpop import InvalidProofError
from .assertion import ClientKey
from .client_authentication import KEY_METHOD
from .storage import Grant

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


def bound_key(grant: Grant, client: Any, proof: Proof | None, *, is_refresh: bool) -> str | None:
    """Return the thumbprint of the key for the new tokens of this request, or ``None`` for bearer tokens.

    Args:
        grant: the grant of the presented code or token.
        client: the client that presents it.
        proof: the request's verified DPoP proof.
        is_refresh: the client presents a refresh token.

    Raises:
        InvalidProofError: a proof is required and missing.
        InvalidGrantError: the grant is bound to another key.
    """
    if proof is None:
        if grant.dpop_jkt is not None or asks_for_atproto(grant.scope) or demands_proofs(client):
            raise InvalidProofError("This token request needs a DPoP proof.")
        return None
    # RFC 9449 §5: refresh tokens of clients that authenticate "are not bound to the DPoP proof public key".
    may_change = is_refresh and grant.auth_method == KEY_METHOD and not asks_for_atproto(grant.scope)
    if grant.dpop_jkt not in (None, proof.thumbprint) and not may_change:
        raise InvalidGrantError("The code or token belongs to another DPoP key.")
    return proof.thumbprint


def require_other_key(proof: Proof | None, client_key: ClientKey | None) -> None:
    """Refuse a proof that the client signed with the key of its assertions (AT Protocol OAuth, "DPoP").

    Raises:
        InvalidProofError: both are signed with the same key.
    """
    if proof is not None and client_key is not None and proof.thumbprint == client_key.thumbprint:
        raise InvalidProofError("The DPoP key must not be the key of the client's assertions.")


def check_thumbprint(value: str | None) -> str | None:
    """Return the value of the parameter ``dpop_jkt`` (RFC 9449 §10), or ``None``.

    Raises:
        InvalidRequestError: it is not a SHA-256 thumbprint in base64url.
    """
    if value and not _THUMBPRINT.fullmatch(value):
        raise InvalidRequestError("The parameter dpop_jkt must be a SHA-256 JWK thumbprint.")
    return value or None


def demands_proofs(client: Any) -> bool:
    """Return whether the client's metadata requires DPoP for all its tokens (RFC 9449 §5.2)."""
    return isinstance(client, MetadataClient) and client.metadata.dpop_bound_access_tokens
