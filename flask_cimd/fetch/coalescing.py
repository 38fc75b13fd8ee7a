"""Coalescing: concurrent requests for one document share one fetch, in a process and across processes.

The first caller for a key is the *leader* and does the work; the others are *followers* and wait for its result. Within
a process, they share the result or the exception. Across processes, a lease elects the leader, and followers read the
result from the store.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from ..core.leases import Leases
from ..errors import (
    AddressBlockedError,
    CIMDError,
    DeadlineExceededError,
    DocumentError,
    FetchError,
    GoneError,
    Problem,
    ResponseTooLargeError,
    TooManyFetchesError,
    UnexpectedResponseError,
)

T = TypeVar("T")

_STORED, _UNSTORED, _ABANDONED = "stored", "unstored", "abandoned"
#: Interval between two reads of a lease, in seconds; short compared with a fetch.
_POLL_INTERVAL = 0.05
#: Maximum number of broken rules in the description of an error for other processes.
_MAX_RULES = 10
_KINDS = {
    kind.__name__: kind
    for kind in (
        AddressBlockedError,
        DeadlineExceededError,
        FetchError,
        GoneError,
        ResponseTooLargeError,
        UnexpectedResponseError,
    )
}


class Coalescing:
    """Runs at most one piece of work per key at a time in this process.

    Args:
        timeout: maximum time that a follower waits for its leader, in seconds.
        most: maximum number of threads in `run`, leaders and followers together; ``None`` means no limit.
    """

    def __init__(self, timeout: float, most: int | None = None) -> None:
        self._timeout = timeout
        self._threads = None if most is None else BoundedSemaphore(most)
        self._lock = Lock()
        self._running: dict[str, Future[object]] = {}

    def run(self, key: str, work: Callable[[], T]) -> T:
        """Do the work, or wait for the leader; leader and followers share the result or the error.

        Raises:
            DeadlineExceededError: the leader took longer than ``timeout``.
            TooManyFetchesError: slug ``too-many-fetches``; ``most`` threads are already in `run`.
        """
        if self._threads is None:
            return self._run(key, work)
        if not self._threads.acquire(blocking=False):
            raise TooManyFetchesError("too-many-fetches", key, hint="too many threads wait for fetches of strangers")
        try:
            return self._run(key, work)
        finally:
            self._threads.release()

    def _run(self, key: str, work: Callable[[], T]) -> T:
        with self._lock:
            running = self._running.get(key)
            leads = running is None
            if running is None:
                running = self._running[key] = Future()
        if leads:
            self._lead(key, running, work)
        try:
            return running.result(timeout=self._timeout)  # type: ignore[return-value]  # one type per key
        except TimeoutError as exc:
            raise DeadlineExceededError("deadline", key, hint="another request's fetch did not end in time") from exc

    def _lead(self, key: str, running: Future[object], work: Callable[[], object]) -> None:
        try:
            running.set_result(work())
        except BaseException as exc:  # noqa: BLE001  followers must receive every exception of the leader, or they would hang
            running.set_exception(exc)
        finally:
            with self._lock:
                del self._running[key]


class SharedCoalescing:
    """Runs at most one piece of work per key at a time in all processes that share a store.

    Put a `Coalescing` in front, so that at most one thread per process and key calls `run`.

    Args:
        leases: leases of a `ClientCache`, which never raise.
        lifetime: lease lifetime, longer than the longest work. If a leader is killed, its followers wait this long.
        timeout: maximum total time that a follower waits, in seconds.
        clock: returns the current time as an aware `datetime`; the machines' clocks should agree within a second.
    """

    def __init__(self, leases: Leases, *, lifetime: timedelta, timeout: float, clock: Callable[[], datetime]) -> None:
        self._leases = leases
        self._lifetime = lifetime
        self._timeout = timeout
        self._clock = clock

    def run(self, key: str, work: Callable[[], tuple[T, bool]], read: Callable[[], T | None]) -> T:
        """Do the work, or wait for the process that does it.

        Args:
            key: the client identifier.
            work: returns the result and whether the store contains it.
            read: returns the stored result, or ``None``.

        Raises:
            CIMDError: the work raised it in this process, or, in short form, in another process.
            DeadlineExceededError: the other processes took longer than ``timeout``.
        """
        ends_at = time.monotonic() + self._timeout
        while True:
            owner, now = secrets.token_hex(16), self._clock()
            if self._leases.take(key, owner, now=now, until=now + self._lifetime):
                return self._lead(key, owner, work)
            outcome = self._wait(key, ends_at)
            if outcome == _UNSTORED:  # no-store: only the leader may use its result
                return work()[0]
            if outcome == _STORED:
                found = read()
                if found is not None:
                    return found
            elif outcome is not None and outcome != _ABANDONED:
                raise recall(outcome, key)

    def _lead(self, key: str, owner: str, work: Callable[[], tuple[T, bool]]) -> T:
        outcome = _ABANDONED
        try:
            result, is_stored = work()
            outcome = _STORED if is_stored else _UNSTORED
        except TooManyFetchesError:  # each process has its own limits: another may still fetch
            raise
        except CIMDError as error:
            outcome = describe(error)
            raise
        finally:
            self._leases.finish(key, owner, outcome)
        return result

    def _wait(self, key: str, ends_at: float) -> str | None:
        """Return the outcome of a lease that another process holds; ``None`` if it expired or cannot be read."""
        while time.monotonic() < ends_at:
            lease = self._leases.look(key)
            if lease is None or lease.outcome is not None:
                return lease.outcome if lease else None
            if lease.expires_at <= self._clock():
                return None
            time.sleep(_POLL_INTERVAL)
        raise DeadlineExceededError("deadline", key, hint="another process's fetch did not end in time")


def describe(error: CIMDError) -> str:
    """Return an error as bounded text with this package's own names, without remote text (CIMD §5.2)."""
    outcome: dict[str, object] = {"error": type(error).__name__, "slug": error.slug}
    if isinstance(error, FetchError):
        outcome["phase"] = error.phase
    if isinstance(error, DocumentError):
        outcome["rules"] = sorted({problem.rule for problem in error.problems})[:_MAX_RULES]
    return json.dumps(outcome)


def recall(outcome: str, client_id: str) -> CIMDError:
    """Return the error for the text that `describe` wrote in another process."""
    try:
        told = json.loads(outcome)
        if told["error"] == "DocumentError":
            seen = "seen by another worker a moment ago; its log says where"
            return DocumentError(client_id, tuple(Problem("", str(rule), seen) for rule in told["rules"]))
        kind = _KINDS[told["error"]]
        error = kind(str(told["slug"]), client_id, hint="seen by another worker a moment ago")
        error.phase = told["phase"]
    except (ValueError, KeyError, TypeError):  # written by another version of this package
        return FetchError("bad-response", client_id, hint="another worker could not read it")
    return error
