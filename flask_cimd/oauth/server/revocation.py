"""Revocation (RFC 7009) for clients that have no secret: they name themselves, or prove to hold their key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocation
from flask import request as current_request

from ...core.atproto import asks_for
from ...core.legacy import is_legacy, is_same_client
from ...core.metadata import ClientMetadata
from ...errors import CIMDError
from ..errors import ClientResolutionError
from .grants import readable
from .storage import Grant, Token


class RevocationEndpoint(AuthlibRevocation):  # type: ignore[misc]  # Authlib is untyped
    """Ends a token, and with a refresh token its whole grant.

    Legacy and loopback clients prove themselves by the token alone (IndieAuth §7.1); a client with a document names
    itself. Unknown and dead tokens are answered with 200, hints are ignored (RFC 7009 §2.1, §2.2).
    """

    def create_endpoint_response(self, request: Any) -> Any:
        """Answer one request."""
        secret = request.form.get("token")
        if not secret:
            raise InvalidRequestError("The parameter token is missing.")
        self.server.dpop.read(current_request)
        found = readable(self.server.storage.find_token, secret)
        if found is not None:
            self._require_owner(found[0], request.form)
            self._revoke(*found)
        return 200, {}, default_json_headers

    def _require_owner(self, grant: Grant, form: Mapping[str, str]) -> None:
        client_id = form.get("client_id")
        metadata = self._client_of(grant)
        if client_id is not None and not _names(client_id, grant, metadata):
            raise ClientResolutionError.unauthenticated()
        if metadata is None and grant.client is not None:
            return  # a client that is no longer welcome may still give up its tokens
        if is_legacy(metadata):
            return
        if client_id is None and (metadata is None or not form.get("client_assertion")):
            raise ClientResolutionError.unauthenticated()
        self.server.authenticator.spend(self.server.authenticator.check_grant(form, grant))

    def _client_of(self, grant: Grant) -> ClientMetadata | None:
        """Return what identifies itself by URL and is still let in."""
        if grant.client is None:
            return None
        try:
            found: ClientMetadata = self.server.metadata_of(grant.client_id, grant.client)
        except CIMDError:
            return None
        return found

    def _revoke(self, grant: Grant, token: Token) -> None:
        now = self.server.clock()
        # AT Protocol clients sign out with their access token: either token ends the session.
        if token.kind == "refresh" or asks_for(grant.scope):
            self.server.storage.revoke_grant(grant.id, now)
        else:
            self.server.storage.revoke_token(token.digest, now)


def _names(client_id: str, grant: Grant, metadata: ClientMetadata | None) -> bool:
    return client_id == grant.client_id or (metadata is not None and is_same_client(client_id, metadata))
