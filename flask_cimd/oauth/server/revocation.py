"""Revocation (RFC 7009) for clients without a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocation
from flask import request as current_request

from ...core.atproto import asks_for_atproto
from ...core.legacy import is_legacy, is_same_client
from ...core.metadata import ClientMetadata
from ...errors import CIMDError, UnavailableError
from ..errors import ClientResolutionError, UnreadableGrantError
from .bound import Bound
from .parameters import check_form, form_of
from .storage import Grant, Token


class RevocationEndpoint(Bound, AuthlibRevocation):  # type: ignore[misc]  # Authlib is untyped
    """Revokes a token; a refresh token ends its whole grant.

    Page and loopback clients need only the token (IndieAuth §7.1); a client with a document sends its ``client_id`` and
    authenticates if it has keys. Unknown and invalid tokens get status 200; hints are ignored (RFC 7009 §2.1, §2.2).

    Usable with Authlib's own server class: ``register_endpoint(RevocationEndpoint.bind(context))``.
    """

    def create_endpoint_response(self, request: Any) -> tuple[int, Any, list[tuple[str, str]]]:  # noqa: ARG002
        """Answer Flask's current request."""
        check_form(current_request)
        form = form_of(current_request)
        if not form.get("token"):
            raise InvalidRequestError("The parameter token is missing.")
        self.context.dpop.read(current_request)
        found = self._find(form["token"])
        if found is not None:
            self._require_owner(found[0], form)
            self._revoke(*found)
        return 200, {}, [*default_json_headers, *self.context.dpop.nonce_header().items()]

    def _find(self, secret: str) -> tuple[Grant, Token] | None:
        try:
            return self.context.find_token(secret)
        except UnreadableGrantError:
            return None  # RFC 7009 §2.2: the token is already invalid, and the person can revoke the grant

    def _require_owner(self, grant: Grant, form: Mapping[str, str]) -> None:
        client_id = form.get("client_id")
        metadata = self._client_of(grant)
        if client_id is not None and not _names(client_id, grant, metadata):
            raise ClientResolutionError.unauthenticated()
        if metadata is None and grant.client is not None:
            return  # a client that the current policy refuses may still revoke its tokens
        if is_legacy(metadata):
            return
        if client_id is None and (metadata is None or not form.get("client_assertion")):
            raise ClientResolutionError.unauthenticated()
        self.context.authenticator.spend(self.context.authenticator.check_grant(form, grant))

    def _client_of(self, grant: Grant) -> ClientMetadata | None:
        """Return the metadata of a URL client if the current policy admits it."""
        if grant.client is None:
            return None
        try:
            return self.context.clients.readmit(grant.client)
        except UnavailableError:
            raise
        except CIMDError:
            return None

    def _revoke(self, grant: Grant, token: Token) -> None:
        now = self.context.clock()
        # AT Protocol clients sign out with their access token: either token ends the session.
        if token.kind == "refresh" or asks_for_atproto(grant.scope):
            self.context.storage.revoke_grant(grant.id, now)
        else:
            self.context.storage.revoke_token(token.digest, now)


def _names(client_id: str, grant: Grant, metadata: ClientMetadata | None) -> bool:
    return client_id == grant.client_id or (metadata is not None and is_same_client(client_id, metadata))
