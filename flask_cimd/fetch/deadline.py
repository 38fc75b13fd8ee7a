"""The total deadline of one fetch, enforced by shutting down its socket.

A socket timeout restarts with every byte, so a peer that sends one byte per second never exceeds it. One daemon thread
per process shuts down the sockets of expired fetches; the first fetch starts it, and it sleeps while no fetch is in
progress.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import time
from threading import Condition, Lock, Thread


class Deadline:
    """The deadline of one fetch on the monotonic clock; a context manager around the whole fetch.

    Args:
        seconds: time for look-up, connect, TLS, head and body together, in seconds from now.

    Attributes:
        ends_at: end in seconds of `time.monotonic`.
        has_passed: ``True`` if the deadline expired before the fetch ended.
        is_over: ``True`` if the fetch has ended, in time or not.
    """

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.has_passed = False
        self.is_over = False
        self._lock = Lock()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Deadline:
        _cutter.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.is_over = True
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def seconds_left(self) -> float:
        """Return the seconds until the end; 0 after it."""
        left = self.ends_at - time.monotonic()
        return 0.0 if self.has_passed else max(0.0, left)

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket down at the deadline, at once if it has passed; stop watching the previous socket.

        Keeps a duplicate of the socket: TLS wrapping detaches the original, and a detached socket cannot be shut down.
        A TLS socket has no `dup` method.
        """
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            copy = os.dup(connected.fileno())
            self._socket = socket.socket(connected.family, connected.type, connected.proto, fileno=copy)
            if self.has_passed:
                _shut_down(self._socket)

    def expire(self) -> None:
        """Shut down the watched socket, and every socket that is watched later."""
        with self._lock:
            if self.is_over:
                return
            self.has_passed = True
            if self._socket is not None:
                _shut_down(self._socket)


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the peer closed it first
        connected.shutdown(socket.SHUT_RDWR)


class _Cutter:
    """The thread that enforces deadlines, ordered by their ends; it removes a finished deadline at its end."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the state after a fork: the child process has neither the parent's thread nor its fetches."""
        self._changed = Condition(Lock())
        self._order = itertools.count()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._thread: Thread | None = None

    def add(self, deadline: Deadline) -> None:
        """Add a deadline; wake the thread only if this deadline is the first to end."""
        with self._changed:
            is_first = not self._deadlines or deadline.ends_at < self._deadlines[0][0]
            heapq.heappush(self._deadlines, (deadline.ends_at, next(self._order), deadline))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="cimd-deadlines", daemon=True)
                self._thread.start()
            elif is_first:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            self._wait_for_next().expire()

    def _wait_for_next(self) -> Deadline:
        with self._changed:
            while True:
                while self._deadlines and self._deadlines[0][2].is_over:
                    heapq.heappop(self._deadlines)
                left = self._deadlines[0][0] - time.monotonic() if self._deadlines else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._deadlines)[2]
                self._changed.wait(left)


_cutter = _Cutter()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_cutter.reset)
