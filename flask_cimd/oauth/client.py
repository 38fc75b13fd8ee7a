"""Authlib client objects for clients with metadata from a URL or from dynamic registration."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import ClientMixin

from ..core.identifier import IdentifierRules, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.redirects import match_redirect
from ..errors import DocumentError, IdentifierError, Problem, RedirectMismatchError

#: Rules that accept every identifier that any setting accepts; `ClientDirectory.readmit` applies the current rules.
_WIDEST_RULES = IdentifierRules(
    allow_loopback=True, allow_http_clients=True, allow_loopback_clients=True, allow_virtual_clients=True
)


class MetadataClient(ClientMixin):  # type: ignore[misc]  # Authlib is untyped
    """Implements Authlib's `ClientMixin` with validated metadata.

    Attributes:
        metadata: the client's validated metadata.
    """

    def __init__(self, metadata: ClientMetadata) -> None:
        self.metadata = metadata

    @property
    def client_id(self) -> str:
        """The raw identifier."""
        return self.metadata.client_id

    def get_client_id(self) -> str:
        """Return the raw identifier."""
        return self.metadata.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return ``None``: every request must name its redirect URI."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the requested scopes that the document allows; ``""`` for an identity-only request."""
        requested = (scope or "").split()
        if self.metadata.scope is None:
            return " ".join(requested)
        allowed = set(self.metadata.scope.split())
        return " ".join(word for word in requested if word in allowed)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the client's metadata admits this redirect URI."""
        try:
            match_redirect(redirect_uri, self.metadata)
        except RedirectMismatchError:
            return False
        return True

    def check_client_secret(self, client_secret: str) -> bool:  # noqa: ARG002  Authlib's signature
        """Return ``False``: these clients have no secret (CIMD §4.1)."""
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib's signature
        """Return whether the client may authenticate with this method; the endpoint makes no difference."""
        return method in self.metadata.accepted_auth_methods

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client's metadata lists this response type."""
        return response_type in self.metadata.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client's metadata lists this grant type."""
        return grant_type in self.metadata.grant_types


class URLClient(MetadataClient):
    """A client that identifies itself by URL; grants store a snapshot of its metadata."""

    @property
    def client_name(self) -> str:
        """The host, for consent pages for registered clients; the client's own name is unverified."""
        return self.metadata.identifier.display_host


class RegisteredClient(MetadataClient):
    """A dynamically registered client (RFC 7591); every use looks it up again."""

    @property
    def jwks(self) -> str | None:
        """The client's public keys as JSON text, or ``None``."""
        return self.metadata.jwks


def read_snapshot(client_id: str, text: str) -> ClientMetadata:
    """Return the metadata from the text of `ClientMetadata.to_json`; pass it to `ClientDirectory.readmit` before use.

    Raises:
        DocumentError: another version of this library wrote the text; the user must consent again.
    """
    try:
        return ClientMetadata.from_json(parse_identifier(client_id, _WIDEST_RULES), text)
    except (ValueError, IdentifierError) as exc:
        raise unreadable(client_id) from exc


def read_for_display(client_id: str, text: str) -> ClientMetadata | None:
    """Return stored metadata for display; for a text that another version wrote, only the identifier.

    Returns:
        ``None`` if even the ``client_id`` is not valid in this version.
    """
    try:
        return read_snapshot(client_id, text)
    except DocumentError:
        pass
    try:
        return ClientMetadata(identifier=parse_identifier(client_id, _WIDEST_RULES), source="unread")
    except IdentifierError:
        return None


def unreadable(client_id: str) -> DocumentError:
    """Return the error for stored metadata that this version cannot read."""
    return DocumentError(client_id, (Problem("", "unreadable-snapshot", "ask for consent again"),))
