"""Coalescing across processes: whoever holds the lease fetches, the others wait for how it ended.

In-process `Flights` stay in front, so of each process at most one thread per URL comes here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

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
from ..stores import Leases

T = TypeVar("T")

_STORED, _UNSTORED, _ABANDONED = "stored", "unstored", "abandoned"
#: Seconds between two looks at a lease: little beside a fetch, and a few cheap reads for each process.
_PAUSE = 0.05
_MOST_RULES = 10
_KINDS = {
    kind.__name__: kind
    for kind in (
        AddressBlockedError,
        DeadlineExceededError,
        FetchError,
        GoneError,
        ResponseTooLargeError,
        TooManyFetchesError,
        UnexpectedResponseError,
    )
}


class SharedFlights:
    """One piece of work per key at a time, among all processes that share a store.

    Args:
        leases: the store's.
        lifetime: of a lease, above the longest work. A killed leader holds the others up so long.
        patience: seconds that a follower waits in all.
        clock: returns the current aware instant; the machines' clocks should agree to a second.
    """

    def __init__(self, leases: Leases, *, lifetime: timedelta, patience: float, clock: Callable[[], datetime]) -> None:
        self._leases = leases
        self._lifetime = lifetime
        self.patience = patience
        self._clock = clock

    def run(self, key: str, work: Callable[[], tuple[T, bool]], read: Callable[[], T | None]) -> T:
        """Do the work, or wait for the process that does it already.

        Args:
            key: the client identifier.
            work: returns the result and whether the store keeps it.
            read: returns what the store keeps.

        Raises:
            CIMDError: what the work raised, here or in short form from another process.
            DeadlineExceededError: the others took longer than ``patience``.
        """
        patience_ends = time.monotonic() + self.patience
        while True:
            owner = secrets.token_hex(16)
            if self._take(key, owner):
                return self._lead(key, owner, work)
            outcome = self._wait(key, patience_ends)
            if outcome == _UNSTORED:  # no-store: what the leader read is for its own transaction
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
        except CIMDError as error:
            outcome = describe(error)
            raise
        finally:
            self._leases.finish(key, owner, outcome)
        return result

    def _wait(self, key: str, patience_ends: float) -> str | None:
        """Return how a lease ended that was held when we asked; ``None`` if it ran out or its store fails."""
        while time.monotonic() < patience_ends:
            lease = self._leases.look(key)
            if lease is None or lease.outcome is not None:
                return lease.outcome if lease else None
            if lease.expires_at <= self._clock():
                return None
            time.sleep(_PAUSE)
        raise DeadlineExceededError("deadline", key, hint="another process's fetch did not end in time")

    def _take(self, key: str, owner: str) -> bool:
        now = self._clock()
        return self._leases.take(key, owner, now=now, until=now + self._lifetime)


def describe(error: CIMDError) -> str:
    """Return the outcome as bounded text: our own names alone, never what the client's host answered (CIMD §5.2)."""
    outcome: dict[str, object] = {"error": type(error).__name__, "slug": error.slug}
    if isinstance(error, FetchError):
        outcome["phase"] = error.phase
    if isinstance(error, DocumentError):
        outcome["rules"] = sorted({problem.rule for problem in error.problems})[:_MOST_RULES]
    return json.dumps(outcome)


def recall(outcome: str, client_id: str) -> CIMDError:
    """Return the error that `describe` put into words in another process."""
    try:
        told = json.loads(outcome)
        if told["error"] == "DocumentError":
            seen = "seen by another worker a moment ago; its log says where"
            return DocumentError(client_id, tuple(Problem("", str(rule), seen) for rule in told["rules"]))
        kind = _KINDS[told["error"]]
        error = kind(str(told["slug"]), client_id, hint="seen by another worker a moment ago")
        error.phase = told["phase"]
    except (ValueError, KeyError, TypeError):  # another version of this package
        return FetchError("bad-response", client_id, hint="another worker could not read it")
    return error
