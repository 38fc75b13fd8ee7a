"""Fetches of what a document links to, key sets and logos, under the guard that holds for documents (CIMD §9.6)."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import AddressBlockedError
from ..fetch.fetcher import Fetcher, MaxSize, Response
from ..fetch.limits import FetchBudget
from .admission import Admission


class LinkedFetcher:
    """Fetches addresses that clients' documents hold; their hosts need not have anything to do with the clients.

    Args:
        fetcher: makes the guarded request.
        budget: asked once per fetch; a site's linked fetches are counted apart from its documents.
        admission: hosts that it denies are never asked, whichever document names them.
    """

    def __init__(self, fetcher: Fetcher, budget: FetchBudget, admission: Admission) -> None:
        self._fetcher = fetcher
        self._budget = budget
        self._admission = admission

    def fetch(
        self, uri: str, *, client_id: str, accept: str, max_size_for: MaxSize, deadline: float | None = None
    ) -> Response:
        """GET an address.

        Args:
            uri: absolute https URL.
            client_id: whose document names the address.
            accept: the ``Accept`` header.
            max_size_for: media type to the largest body in bytes; 0 refuses the media type.
            deadline: seconds for the whole fetch, if not those of the settings.

        Raises:
            FetchError: the address cannot be read, its host is denied, or a limit is reached.
        """
        host = urlsplit(uri).hostname or ""
        if self._admission.is_denied(host):
            raise AddressBlockedError("host-denied", client_id, hint="the linked host is on the deny list")
        with self._budget.for_linked(host, client_id):
            return self._fetcher.fetch(
                uri,
                accept=accept,
                max_size_for=max_size_for,
                deadline=deadline,
                # A private host is reached on behalf of its own documents alone: no stranger's document leads inside.
                document_host=urlsplit(client_id).hostname,
            )
