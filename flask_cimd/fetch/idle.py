"""Idle connections of one session, for its next request to the same origin.

A connection serves one origin and one caller at a time, and stays idle for at most four seconds. After one minute a new
connection replaces it, with a new look-up and newly vetted addresses.
"""

from __future__ import annotations

import os
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

#: Maximum number of idle connections of one session; the longest idle one is closed first.
MOST = 4
#: Maximum age of a connection, in seconds.
MOST_AGE = 60.0
#: Maximum idle time in seconds before a request that may be repeated if the server has closed the connection.
MOST_IDLE = 4.0
#: The same before a request that must not be repeated: servers rarely close a connection within a second.
MOST_IDLE_ONCE = 1.0


@dataclass(slots=True)
class Kept:
    """An idle connection.

    Attributes:
        connection: object with ``close``.
        made_at: time of the connect, in monotonic seconds.
        idle_since: end of its last response, in monotonic seconds.
        process: ID of the process that made it; a child process must not use it.
    """

    connection: Any
    made_at: float
    idle_since: float
    process: int


class IdleConnections:
    """At most `MOST` idle connections, one per origin; thread-safe.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        # Callers often drop a session without closing it.
        weakref.finalize(self, _close_dropped, self._kept).atexit = False
        _instances.add(self)

    def take(self, origin: str, *, is_repeatable: bool) -> Kept | None:
        """Return the connection to an origin for exclusive use, or ``None``; close the connections that expired."""
        most_idle, now = MOST_IDLE if is_repeatable else MOST_IDLE_ONCE, self._clock()
        with self._lock:
            found = self._kept.pop(origin, None)
            ended = [name for name, kept in self._kept.items() if not _is_usable(kept, now, MOST_IDLE)]
            over = [self._kept.pop(name) for name in ended]
        if found is not None and not _is_usable(found, now, most_idle):
            over.append(found)
            found = None
        _close(over)
        return found

    def keep(self, origin: str, connection: Any, made_at: float) -> None:
        """Store a connection after its last response was read completely."""
        kept = Kept(connection, made_at, self._clock(), os.getpid())
        with self._lock:
            over = [self._kept.pop(origin)] if origin in self._kept else []
            self._kept[origin] = kept
            while len(self._kept) > MOST:
                over.append(self._kept.popitem(last=False)[1])
        _close(over)

    def now(self) -> float:
        """Return the current time in monotonic seconds."""
        return self._clock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            over = list(self._kept.values())
            self._kept.clear()
        _close(over)

    def reset(self) -> None:
        """Create a new lock in a child process: a thread of the parent may have held the old one at the fork."""
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of idle connections."""
        return len(self._kept)


def _is_usable(kept: Kept, now: float, most_idle: float) -> bool:
    return kept.process == os.getpid() and now - kept.made_at < MOST_AGE and now - kept.idle_since < most_idle


def _close(over: list[Kept]) -> None:
    for kept in over:
        kept.connection.close()


def _close_dropped(kept: OrderedDict[str, Kept]) -> None:
    _close(list(kept.values()))


_instances: weakref.WeakSet[IdleConnections] = weakref.WeakSet()


def _reset_all() -> None:
    for instance in _instances:
        instance.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
