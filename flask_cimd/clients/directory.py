"""The port through which an authorization server looks its clients up; `flask_cimd.CIMD` implements it."""

from __future__ import annotations

from typing import Any, Protocol

from ..core.metadata import ClientMetadata
from ..settings import Settings
from .admission import Admission
from .keys import ClientKeys


class ClientDirectory(Protocol):
    """Finds clients and applies the operator's policy to them.

    Inside one HTTP request, each method gives one answer, or one error, for one ``client_id``.
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
        """Return a client for Authlib: the registered one, else the client behind the URL, else ``None``.

        Raises:
            ClientResolutionError: an Authlib error that carries the `CIMDError` as ``cause``.
        """

    def resolve(self, client_id: str) -> ClientMetadata:
        """Return the validated metadata behind a URL.

        Raises:
            CIMDError: `IdentifierError`, `FetchError`, `DocumentError` or `PolicyDeniedError`.
        """

    def resolve_existing(self, client_id: str) -> ClientMetadata:
        """Return the metadata of a client that holds a grant; a stale copy stands in while a refetch fails.

        Raises:
            CIMDError: as `resolve`.
        """

    def check_identifier(self, client_id: str) -> None:
        """Raise unless the string is a registered client or an identifier that policy admits; makes no fetch.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """

    def readmit(self, metadata: ClientMetadata) -> ClientMetadata:
        """Return metadata seen earlier if today's policy still admits the client; makes no fetch.

        Applies the identifier rules, the operator's rules and every ``allow_client`` hook. Call it wherever a grant,
        a code or a token carries the metadata of an earlier request.

        Raises:
            CIMDError: `IdentifierError` or `PolicyDeniedError`.
        """

    def for_scope(self, metadata: ClientMetadata, scope: str | None) -> ClientMetadata:
        """Return the client that a request with this scope means; only bare ``http://localhost`` depends on it.

        Raises:
            IdentifierError: the identifier names no client with this scope.
        """

    def logo_url(self, metadata: ClientMetadata, *, fetch: bool = True) -> str | None:
        """Return the URL on this server of the client's logo, or ``None``; without ``fetch``, only if it is stored."""
