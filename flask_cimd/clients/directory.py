"""Protocol of an authorization server's client look-up; `flask_cimd.CIMD` implements it."""

from __future__ import annotations

from typing import Any, Protocol

from ..core.metadata import ClientMetadata
from ..settings import Settings
from .admission import Admission
from .keys import ClientKeys


class ClientDirectory(Protocol):
    """Finds clients and applies the operator's policy to them.

    During one HTTP request, each method returns the same result, or raises the same error, for one ``client_id``.
    """

    @property
    def settings(self) -> Settings:
        """The settings of the current app."""

    @property
    def admission(self) -> Admission:
        """The operator's rules, tiers and pinned copies."""

    @property
    def client_keys(self) -> ClientKeys:
        """The published keys of clients that authenticate with ``private_key_jwt``."""

    def find_registered(self, client_id: str) -> Any:
        """Return the client that the app registered under this exact string, or ``None``.

        Raises:
            CIMDError: the app's look-up raised it, for example a `RegistrationEndedError`.
        """

    def query_client(self, client_id: str) -> Any:
        """Return a client for Authlib: the registered client, else the client of the URL, else ``None``.

        Raises:
            ClientResolutionError: an Authlib error that carries the `CIMDError` as ``cause``.
        """

    def resolve(self, client_id: str) -> ClientMetadata:
        """Return the validated metadata for a client identifier URL.

        Raises:
            CIMDError: `IdentifierError`, `FetchError`, `DocumentError` or `PolicyDeniedError`.
        """

    def resolve_existing(self, client_id: str) -> ClientMetadata:
        """Return the metadata of a client with a grant; if a refetch fails, return the stale copy.

        Raises:
            CIMDError: as `resolve`.
        """

    def check_identifier(self, client_id: str) -> None:
        """Raise unless the string is a registered client or an identifier that the policy admits; makes no fetch.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """

    def readmit(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return the metadata of an earlier request if the current policy admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and every ``allow_client`` hook. Call it for the metadata in
        a grant, a code or a token.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client for a request with this scope; only bare ``http://localhost`` depends on the scope.

        Raises:
            IdentifierError: the identifier is not valid with this scope.
        """

    def logo_url(self, metadata: ClientMetadata, *, fetch: bool = True) -> str | None:
        """Return the URL of the client's logo on this server, or ``None``; ``fetch=False`` uses only the store."""
