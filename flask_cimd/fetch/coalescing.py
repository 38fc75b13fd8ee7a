"""Coalescing: whoever asks for something that is already on its way waits for that one answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from ..errors import DeadlineExceededError, TooManyFetchesError

T = TypeVar("T")


class Flights:
    """One piece of work per key at a time, and a bounded number of keys at once.

    Args:
        places: how many pieces of work may run at once; one more raises instead of queueing, so that many slow
            hosts cannot hold all threads of a worker. Followers of one slow host hold theirs while they wait.
        patience: seconds that a follower waits for its leader.
    """

    def __init__(self, places: int, patience: float) -> None:
        self._places = BoundedSemaphore(places)
        self._patience = patience
        self._lock = Lock()
        self._under_way: dict[str, Future[object]] = {}

    def run(self, key: str, work: Callable[[], T]) -> T:
        """Do the work, or wait for the one who already does; leader and followers share result or error.

        Raises:
            TooManyFetchesError: all places are taken.
            DeadlineExceededError: the leader took longer than ``patience``.
        """
        with self._lock:
            flight = self._under_way.get(key)
            leads = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if leads:
            self._lead(key, flight, work)
        try:
            return flight.result(timeout=self._patience)  # type: ignore[return-value]  # one type per key
        except TimeoutError as exc:
            raise DeadlineExceededError("deadline", key, hint="another request's fetch did not end in time") from exc

    def _lead(self, key: str, flight: Future[object], work: Callable[[], object]) -> None:
        try:
            flight.set_result(self._in_a_place(key, work))
        except BaseException as exc:  # noqa: BLE001  followers must see whatever ended the leader, and never hang
            flight.set_exception(exc)
        finally:
            with self._lock:
                del self._under_way[key]

    def _in_a_place(self, key: str, work: Callable[[], object]) -> object:
        if not self._places.acquire(blocking=False):
            raise TooManyFetchesError("too-many-fetches", key, hint="CIMD_MAX_FETCHES fetches are under way")
        try:
            return work()
        finally:
            self._places.release()
