"""Records that an operator edits: rules, allowances of tiers, pinned copies."""

from __future__ import annotations

from threading import Lock
from typing import Protocol


class Records(Protocol):
    """Stores JSON text by kind and subject; raises `StoreError` like a `ClientStore`."""

    def all(self, kind: str) -> dict[str, str]:
        """Return every record of a kind by its subject."""

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of a kind without their values."""

    def get(self, kind: str, subject: str) -> str | None:
        """Return one record, or ``None``."""

    def put(self, kind: str, subject: str, value: str) -> None:
        """Store a record in place of an older one."""

    def remove(self, kind: str, subject: str) -> bool:
        """Delete a record; return whether it existed."""


class MemoryRecords:
    """Records in the memory of this process."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def all(self, kind: str) -> dict[str, str]:
        """Return every record of a kind by its subject."""
        with self._lock:
            return {subject: value for (its, subject), value in self._records.items() if its == kind}

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of a kind."""
        return list(self.all(kind))

    def get(self, kind: str, subject: str) -> str | None:
        """Return one record, or ``None``."""
        return self._records.get((kind, subject))

    def put(self, kind: str, subject: str, value: str) -> None:
        """Store a record."""
        with self._lock:
            self._records[kind, subject] = value

    def remove(self, kind: str, subject: str) -> bool:
        """Delete a record; return whether it existed."""
        with self._lock:
            return self._records.pop((kind, subject), None) is not None
