"""Guarded fetches of the key sets and logos that documents link to (CIMD §9.6)."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import AddressBlockedError
from ..fetch.fetcher import Fetcher, MaxSize, Response
from ..fetch.limits import FetchBudget
from .admission import Admission


class LinkedFetcher:
    """Fetches URLs in clients' documents; their hosts may be unrelated to the clients.

    Args:
        fetcher: makes the guarded request.
        budget: checked once per fetch; it counts a site's linked fetches separately from its documents.
        admission: policy; a host that it denies receives no request.
    """

    def __init__(self, fetcher: Fetcher, budget: FetchBudget, admission: Admission) -> None:
        self._fetcher = fetcher
        self._budget = budget
        self._admission = admission

    def fetch(
        self, uri: str, *, client_id: str, accept: str, max_size_for: MaxSize, deadline: float | None = None
    ) -> Response:
        """GET a linked URL.

        Args:
            uri: absolute https URL.
            client_id: the client whose document contains the URL.
            accept: the ``Accept`` header.
            max_size_for: returns the maximum body size in bytes for a media type; 0 refuses the media type.
            deadline: total deadline in seconds; ``None`` uses the settings.

        Raises:
            FetchError: the URL cannot be fetched, its host is denied, or a limit is reached.
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
                # Only a private host's own documents may link to it: a stranger's document must not.
                document_host=urlsplit(client_id).hostname,
            )
