"""The store of a single process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from threading import Lock

from ..core.identifier import ClientIdentifier
from ..core.leases import Leases
from .port import Entry, Fetched, FetchedStore
from .records import MemoryRecords, Records


class MemoryStore:
    """A bounded store in this process; the least recently used entry is dropped first.

    Args:
        size: number of entries kept. An entry takes at most a few times the bytes of the largest document.
    """

    def __init__(self, size: int = 1000) -> None:
        self._size = size
        self.leases: Leases | None = None
        self.records: Records = MemoryRecords()
        self.fetched: FetchedStore | None = None
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry and mark it as used."""
        with self._lock:
            entry = self._entries.get(identifier.raw)
            if entry is not None:
                self._entries.move_to_end(identifier.raw)
            return entry

    def put(self, entry: Entry) -> None:
        """Keep an entry, dropping the least recently used ones beyond the bound."""
        with self._lock:
            self._entries[entry.metadata.client_id] = entry
            self._entries.move_to_end(entry.metadata.client_id)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def delete(self, client_id: str) -> None:
        """Forget a client."""
        with self._lock:
            self._entries.pop(client_id, None)

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers kept when iteration began."""
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._entries)


class MemoryFetchedStore:
    """Key sets or logos in this process; the least recently written is dropped first.

    Args:
        size: number kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, Fetched] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Fetched | None:
        """Return what is kept."""
        return self._kept.get(key)

    def put(self, key: str, found: Fetched, now: datetime) -> None:  # noqa: ARG002  the protocol's parameter
        """Keep something."""
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
