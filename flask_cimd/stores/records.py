"""Small records that an operator edits: rules, allowances of tiers, pinned copies."""

from __future__ import annotations

from threading import Lock
from typing import Protocol


class Records(Protocol):
    """Keeps JSON text by kind and subject; raises `StoreError` as a `ClientStore` does."""

    def all(self, kind: str) -> dict[str, str]:
        """Return every record of a kind by its subject."""

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of a kind without their values."""

    def get(self, kind: str, subject: str) -> str | None:
        """Return one record."""

    def put(self, kind: str, subject: str, value: str) -> None:
        """Keep a record in place of an older one."""

    def remove(self, kind: str, subject: str) -> bool:
        """Forget a record; return whether there was one."""


class MemoryRecords:
    """Records of this process; they end with it."""

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
        """Return one record."""
        return self._records.get((kind, subject))

    def put(self, kind: str, subject: str, value: str) -> None:
        """Keep a record."""
        with self._lock:
            self._records[kind, subject] = value

    def remove(self, kind: str, subject: str) -> bool:
        """Forget a record; return whether there was one."""
        with self._lock:
            return self._records.pop((kind, subject), None) is not None
