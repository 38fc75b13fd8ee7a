"""Pushed requests, waiting requests and replay keys in the memory of this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

from .request_snapshot import AuthorizationRequest
from .storage import (
    PUSHED_BYTES,
    PUSHED_ENTRIES,
    STRANGERS_BYTES,
    STRANGERS_ENTRIES,
    SUBJECT_ENTRIES,
    WAITING_BYTES,
    Settlement,
    Waiting,
)

_Value = TypeVar("_Value")
#: Number of replay keys above which expired keys are deleted.
_MANY_KEYS = 10_000
#: Number of waiting requests after which the bounds of people and strangers are enforced.
_LOOK_EVERY = 64


class MemoryRequests:
    """Pushed requests, waiting requests and replay keys, protected by one lock."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._keys: dict[str, datetime] = {}
        self._pushed: dict[str, tuple[AuthorizationRequest, datetime, int]] = {}
        self._waiting: dict[str, Waiting] = {}
        self._waits = 0
        #: Digest of the code in the response to a decided request, by the digest of the request.
        self._decided: dict[str, str | None] = {}

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Store a key until it expires; return ``False`` if it is already stored."""
        with self._lock:
            if now < self._keys.get(key, now):
                return False
            if len(self._keys) >= _MANY_KEYS:
                drop(self._keys, lambda ends: ends <= now, len(self._keys))
            self._keys[key] = expires_at
            return True

    # -- pushed requests ----------------------------------------------------------------------------------------

    def keep_pushed(self, digest: str, request: AuthorizationRequest, expires_at: datetime, now: datetime) -> None:
        """Store a pushed request until a person decides or it expires; drop the oldest requests beyond the bounds."""
        with self._lock:
            drop(self._pushed, lambda kept: kept[1] <= now, len(self._pushed))
            self._pushed[digest] = (request, expires_at, len(request.to_json()))
            while len(self._pushed) > PUSHED_ENTRIES or _bytes(self._pushed.values()) > PUSHED_BYTES:
                del self._pushed[next(iter(self._pushed))]

    def find_pushed(self, digest: str, now: datetime) -> AuthorizationRequest | None:
        """Return a pushed request that is neither decided nor expired."""
        found = self._pushed.get(digest)
        return found[0] if found is not None and now < found[1] else None

    def take_pushed(self, digest: str) -> bool:
        """Delete a pushed request; return ``False`` if it is gone already."""
        return self._pushed.pop(digest, None) is not None

    # -- waiting requests ---------------------------------------------------------------------------------------

    def keep_waiting(self, waiting: Waiting, now: datetime, most: int) -> bool:
        """Store a request in place of one with the same digest; return ``False`` if its content is too long."""
        if len(waiting.content.encode()) > WAITING_BYTES:
            return False
        with self._lock:
            drop(self._waiting, lambda kept: kept.expires_at <= now, len(self._waiting))
            self._waiting[waiting.digest] = waiting
            self._decided.pop(waiting.digest, None)
            self._bound_waiting(waiting, most)
        return True

    def _bound_waiting(self, new: Waiting, most: int) -> None:
        self._bound(self._undecided(lambda kept: kept.browser == new.browser), most, WAITING_BYTES)
        self._waits += 1
        if self._waits % _LOOK_EVERY:
            return
        by_subject: dict[str, list[Waiting]] = {}
        for kept in self._undecided(lambda _: True):
            by_subject.setdefault(kept.subject, []).append(kept)
        self._bound(by_subject.pop("", []), STRANGERS_ENTRIES, STRANGERS_BYTES)
        for same in by_subject.values():
            self._bound(same, SUBJECT_ENTRIES, None)

    def _undecided(self, is_wanted: Callable[[Waiting], bool]) -> list[Waiting]:
        return [kept for kept in self._waiting.values() if is_wanted(kept) and not self._is_decided(kept)]

    def _bound(self, kept: list[Waiting], entries: int, most_bytes: int | None) -> None:
        size = 0
        for number, one in enumerate(sorted(kept, key=lambda one: one.created_at, reverse=True)):
            size += len(one.content.encode())
            if number >= entries or (most_bytes is not None and size > most_bytes):
                del self._waiting[one.digest]

    def find_waiting(self, digest: str, now: datetime) -> Waiting | None:
        """Return a request that waits, or that was decided and still has its response."""
        with self._lock:
            found = self._waiting.get(digest)
            if found is None or found.expires_at <= now:
                return None
            code = self._decided.get(digest)
            return None if code is not None and self._is_spent(code) else found

    def drop_waiting(self, digest: str) -> None:
        """Delete a request."""
        with self._lock:
            self._waiting.pop(digest, None)

    def settle(self, settlement: Settlement, now: datetime) -> bool:
        """Spend the requests of a decision without a grant; return ``False`` if one is already decided or expired."""
        with self._lock:
            return self._spend(settlement, now, None)

    def _spend(self, settlement: Settlement, now: datetime, code: str | None) -> bool:
        found = self._waiting.get(settlement.waiting)
        if found is None or found.expires_at <= now or self._is_decided(found):
            return False
        if settlement.pushed is not None:
            if self.find_pushed(settlement.pushed, now) is None:
                return False
            del self._pushed[settlement.pushed]
        if settlement.answer is None:
            del self._waiting[settlement.waiting]
        else:
            self._decided[settlement.waiting] = code
            decided = replace(found, answer=settlement.answer, expires_at=settlement.until)
            self._waiting[settlement.waiting] = decided
        return True

    def _is_decided(self, waiting: Waiting) -> bool:
        return waiting.digest in self._decided

    def _is_spent(self, code: str) -> bool:
        """Return whether a code was redeemed."""
        raise NotImplementedError

    def _sweep_requests(self, now: datetime, limit: int) -> int:
        rows = drop(self._pushed, lambda kept: kept[1] <= now, limit)
        rows += drop(self._waiting, lambda kept: kept.expires_at <= now, limit - rows)
        rows += drop(self._keys, lambda ends: ends <= now, limit - rows)
        for digest in [digest for digest in self._decided if digest not in self._waiting]:
            del self._decided[digest]
        return rows


def drop(kept: MutableMapping[str, _Value], is_over: Callable[[_Value], bool], limit: int) -> int:
    """Delete at most ``limit`` entries that are over, and return their number."""
    found = [key for key, value in kept.items() if is_over(value)][: max(limit, 0)]
    for key in found:
        del kept[key]
    return len(found)


def _bytes(pushed: Collection[Any]) -> int:
    return sum(size for _, _, size in pushed)
