"""Replay detection for assertions, proofs and requests that a server must not accept twice."""

from __future__ import annotations

import hashlib
import heapq
import json
from datetime import datetime
from threading import Lock
from typing import Protocol


class ReplayCache(Protocol):
    """Stores keys until they expire."""

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Store a key until it expires; return ``False`` if it is already stored.

        Of several simultaneous calls with one key, in all processes, exactly one must return ``True``: use a unique
        ``INSERT`` or Redis's ``SET NX``. Keys are ASCII with at most 128 characters.
        """


def once_key(kind: str, *parts: str | None) -> str:
    """Return the replay cache key for a value that several strings identify.

    Args:
        kind: short ASCII name such as ``proof``; keys of different kinds never collide.
        parts: strings of any length and content.
    """
    return f"{kind}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


class MemoryReplayCache:
    """Thread-safe `ReplayCache` in memory, for tests and for a server with a single worker process."""

    def __init__(self) -> None:
        self._expires: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, str]] = []
        self._lock = Lock()

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Store a key until it expires; return ``False`` if it is already stored."""
        with self._lock:
            while self._queue and self._queue[0][0] <= now:
                del self._expires[heapq.heappop(self._queue)[1]]
            if key in self._expires:
                return False
            self._expires[key] = expires_at
            heapq.heappush(self._queue, (expires_at, key))
            return True
