"""The cache in front of a store: a failing store slows sign-ins down but does not fail them.

A failed read is a miss, a failed write is lost, and without leases each process fetches separately. The log records
every failure with its cause.
"""

from __future__ import annotations

import logging
from datetime import datetime

from ..core.identifier import ClientIdentifier
from ..core.leases import Lease, Leases
from .memory import MemoryFetchedStore
from .port import ClientStore, Entry, Fetched, FetchedStore, StoreError

logger = logging.getLogger(__name__)


class ClientCache:
    """Entries, key sets, logos and leases of one app; no method raises `StoreError`.

    Args:
        store: the store.
        rules: digest of the current document rules; an entry validated with other rules is a miss.

    Attributes:
        leases: ``None`` if only this process uses the store.
    """

    def __init__(self, store: ClientStore, rules: str) -> None:
        self._store = store
        self._accepted = ("", rules)
        self.leases: Leases | None = None if store.leases is None else _CachedLeases(store.leases)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, fresh or stale; ``None`` if it is unreadable or was validated with other rules."""
        try:
            entry = self._store.get(identifier)
        except StoreError as exc:
            logger.warning("the store cannot be read: %s", exc)
            return None
        if entry is not None and entry.metadata.rules not in self._accepted:
            self.delete(identifier.raw)
            return None
        return entry

    def put(self, entry: Entry) -> bool:
        """Store an entry; return ``False`` if the store failed."""
        try:
            self._store.put(entry)
        except StoreError as exc:
            logger.warning("the store cannot store a client: %s", exc)
            return False
        return True

    def delete(self, client_id: str) -> None:
        """Delete a client."""
        try:
            self._store.delete(client_id)
        except StoreError as exc:
            logger.warning("the store cannot delete a client: %s", exc)

    def fetched(self, size: int) -> FetchedStore:
        """Return the store of key sets or of logos.

        Args:
            size: maximum number in this process's memory if the store stores none.
        """
        shared = self._store.fetched
        return MemoryFetchedStore(size) if shared is None else _CachedFetched(shared)


class _CachedFetched:
    def __init__(self, store: FetchedStore) -> None:
        self._store = store

    def get(self, key: str) -> Fetched | None:
        try:
            return self._store.get(key)
        except StoreError as exc:
            logger.warning("the store of logos and key sets cannot be read: %s", exc)
            return None

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        try:
            self._store.put(key, found, now)
        except StoreError as exc:
            logger.warning("the store of logos and key sets cannot be written: %s", exc)


class _CachedLeases:
    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        try:
            return self._leases.take(client_id, owner, now=now, until=until)
        except StoreError as exc:
            logger.warning("a lease cannot be taken: %s", exc)
            return True

    def look(self, client_id: str) -> Lease | None:
        try:
            return self._leases.look(client_id)
        except StoreError as exc:
            logger.warning("a lease cannot be read: %s", exc)
            return None

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        try:
            self._leases.finish(client_id, owner, outcome)
        except StoreError as exc:
            logger.warning("a lease cannot be released: %s", exc)
