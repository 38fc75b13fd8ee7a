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

#: Default size limit of a store in one process, in bytes.
MAX_BYTES = 16 * 1024 * 1024


class MemoryStore:
    """A bounded store in this process; the least recently used entry is dropped first.

    Args:
        size: maximum number of entries.
        max_bytes: maximum total size of the entries' JSON texts, in bytes; an entry needs a few times that memory.
    """

    def __init__(self, size: int = 1000, max_bytes: int = MAX_BYTES) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._bytes = 0
        self._sizes: dict[str, int] = {}
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
        """Store an entry; drop the least recently used entries beyond the bounds."""
        size = len(entry.metadata.to_json())
        with self._lock:
            self._drop(entry.metadata.client_id)
            self._entries[entry.metadata.client_id] = entry
            self._sizes[entry.metadata.client_id] = size
            self._bytes += size
            while len(self._entries) > self._size or self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def delete(self, client_id: str) -> None:
        """Delete a client."""
        with self._lock:
            self._drop(client_id)

    def _drop(self, client_id: str) -> None:
        if self._entries.pop(client_id, None) is not None:
            self._bytes -= self._sizes.pop(client_id)

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers that were stored at the start of the iteration."""
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)


class MemoryFetchedStore:
    """Key sets or logos in this process; the least recently written one is dropped first.

    Args:
        size: maximum number of items.
        max_bytes: maximum total size of the items, in bytes.
    """

    def __init__(self, size: int, max_bytes: int = MAX_BYTES) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Fetched] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Fetched | None:
        """Return the item, expired or not, or ``None``."""
        return self._kept.get(key)

    def put(self, key: str, found: Fetched, now: datetime) -> None:  # noqa: ARG002  the protocol's parameter
        """Store an item."""
        with self._lock:
            if key in self._kept:
                self._bytes -= _size(self._kept.pop(key))
            self._kept[key] = found
            self._bytes += _size(found)
            while len(self._kept) > self._size or self._bytes > self._max_bytes:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(found: Fetched) -> int:
    return len(found.content or b"")
