"""Replay detection: keys of assertions, proofs and requests that must not be accepted twice."""

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
        """Store a key until it expires; return ``False`` if it is stored already.

        Of simultaneous calls with one key in any process exactly one returns ``True``: use one unique ``INSERT``, or
        ``SET NX`` of Redis. Keys are ASCII and at most 128 characters long.
        """


def once_key(kind: str, *parts: str | None) -> str:
    """Return the replay cache key of a value that several strings identify.

    Args:
        kind: short ASCII name such as ``proof``; keys of different kinds never collide.
        parts: strings of any length and content.
    """
    return f"{kind}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


class MemoryReplayCache:
    """`ReplayCache` of one process; thread-safe. Enough for a server with a single worker process, and for tests."""

    def __init__(self) -> None:
        self._expires: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, str]] = []
        self._lock = Lock()

    def use_once(self, key: str, expires_at: datetime, now: datetime) -> bool:
        """Store a key until it expires; return ``False`` if it is stored already."""
        with self._lock:
            while self._queue and self._queue[0][0] <= now:
                del self._expires[heapq.heappop(self._queue)[1]]
            if key in self._expires:
                return False
            self._expires[key] = expires_at
            heapq.heappush(self._queue, (expires_at, key))
            return True
