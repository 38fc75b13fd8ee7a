"""Remembered consents in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from ._memory_requests import drop
from .remembered import RememberedConsent


class MemoryConsents:
    """A `ConsentStorage` of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._consents: dict[str, RememberedConsent] = {}

    def remember_consent(self, consent: RememberedConsent) -> None:
        """Store a consent in place of one with the same key."""
        self._consents[consent.key] = consent

    def find_consent(self, key: str, now: datetime) -> RememberedConsent | None:
        """Return the consent with a key unless it has ended."""
        found = self._consents.get(key)
        return found if found is not None and now < found.ends_at else None

    def consents(self, subject: str, client_ids: Collection[str], now: datetime) -> list[RememberedConsent]:
        """Return the consents of a person for these clients that have not ended, the newest first."""
        found = [one for one in tuple(self._consents.values()) if one.subject == subject and now < one.ends_at]
        found = [one for one in found if one.client_id in client_ids]
        return sorted(found, key=lambda one: (one.created_at, one.key), reverse=True)

    def forget_consent(self, subject: str, key: str) -> bool:
        """Delete one consent of a person; ``False`` if they have no such consent."""
        return self._forget(lambda one: (one.subject, one.key) == (subject, key)) == 1

    def forget_consents(self, subject: str, client_id: str) -> int:
        """Delete a person's remembered consents for a client; return their number."""
        return self._forget(lambda one: (one.subject, one.client_id) == (subject, client_id))

    def _with_consent(self, subject: str, now: datetime) -> set[str]:
        found = tuple(self._consents.values())
        return {one.client_id for one in found if one.subject == subject and now < one.ends_at}

    def _forget(self, is_wanted: Callable[[RememberedConsent], bool]) -> int:
        keys = [key for key, one in tuple(self._consents.items()) if is_wanted(one)]
        return sum(self._consents.pop(key, None) is not None for key in keys)

    def _sweep_consents(self, now: datetime, limit: int) -> int:
        return drop(self._consents, lambda one: one.ends_at <= now, limit)
