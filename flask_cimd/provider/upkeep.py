"""Regular sweeps after a response is sent, never during a request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from flask import Flask, Response

from ..core.clock import Clock
from ..errors import StorageError
from ..oauth.server.storage import ProviderStorage

logger = logging.getLogger(__name__)

#: Time between two sweeps that one process starts.
EVERY = timedelta(minutes=10)
#: Maximum number of rows per sweep of the provider; ``flask cimd sweep`` deletes more.
MOST_ROWS = 2_000


class Upkeep:
    """Starts bounded sweeps: at most one every ten minutes in one process.

    Args:
        sweep: deletes a bounded number of unused rows; called with the current time, in an app context.
        clock: returns the current time as an aware `datetime`.
        waits: ``True`` starts ten minutes after the process, not with the first response.
    """

    def __init__(self, sweep: Callable[[datetime], object], clock: Clock, *, waits: bool = False) -> None:
        self._sweep = sweep
        self._clock = clock
        self._lock = Lock()
        self._last: datetime | None = clock() if waits else None

    @classmethod
    def of_storage(cls, storage: ProviderStorage, clock: Clock) -> Upkeep:
        """Return the upkeep of a provider; only one of several simultaneous sweeps does the work."""
        return cls(lambda now: storage.sweep(now, limit=MOST_ROWS), clock)

    def after(self, answer: Response, app: Flask) -> None:
        """Sweep after the response is sent, if a sweep is due; log a failure."""
        if not self._is_due():
            return

        def sweep() -> None:
            with app.app_context():
                try:
                    self._sweep(self._clock())
                except StorageError as error:
                    logger.warning("the storage cannot be swept now: %s", error)
                except Exception:  # the next sweep deletes the remaining rows
                    logger.exception("the storage cannot be swept")

        answer.call_on_close(sweep)

    def _is_due(self) -> bool:
        now = self._clock()
        with self._lock:
            if self._last is not None and now - self._last < EVERY:
                return False
            self._last = now
            return True
