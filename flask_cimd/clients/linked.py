"""What a document points to, key sets and logos, read under the guard that holds for documents (CIMD §8.6)."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..core.metadata import ClientMetadata
from ..errors import AddressBlockedError
from ..fetch.fetcher import MaxSize, Response
from .resolver import Resolver


def fetch_linked(
    resolver: Resolver,
    metadata: ClientMetadata,
    uri: str,
    *,
    accept: str,
    max_size_for: MaxSize,
    deadline: float | None = None,
) -> Response:
    """GET an address that a client's document holds; its host need not have anything to do with the client.

    Denied hosts are left alone whoever names them, and each site is asked so often only, apart from its own
    documents: strangers who name a site must not use up what its clients need.

    Raises:
        FetchError: it cannot be read.
    """
    host = urlsplit(uri).hostname or ""
    if resolver.admission.is_denied(host):
        raise AddressBlockedError("host-denied", metadata.client_id, hint="the linked host is on the deny list")
    resolver.linked_limits.count(host, metadata.client_id)
    return resolver.fetcher.fetch(uri, accept=accept, max_size_for=max_size_for, deadline=deadline)
