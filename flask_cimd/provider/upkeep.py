"""Regular sweeps of the storage after a response is sent, never inside a request."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Lock

from flask import Flask, Response

from ..core.clock import Clock
from ..errors import StorageError
from ..oauth.server.storage import ProviderStorage

logger = logging.getLogger(__name__)

#: Time between two sweeps that one process starts.
EVERY = timedelta(minutes=10)
#: Maximum number of rows that such a sweep deletes; ``flask cimd sweep`` deletes more.
MOST_ROWS = 2_000


class Upkeep:
    """Starts bounded sweeps.

    Args:
        storage: the storage to sweep; of simultaneous sweeps in several processes one does the work.
        clock: returns the current time as an aware `datetime`.
    """

    def __init__(self, storage: ProviderStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._lock = Lock()
        self._last: datetime | None = None

    def after(self, answer: Response, app: Flask) -> None:
        """Sweep after the response is sent, if `EVERY` has passed since this process last did."""
        if not self._is_due():
            return

        def sweep() -> None:
            with app.app_context():
                try:
                    self._storage.sweep(self._clock(), limit=MOST_ROWS)
                except StorageError as error:
                    logger.warning("the storage cannot be swept now: %s", error)
                except Exception:  # the next sweep deletes what this one did not
                    logger.exception("the storage cannot be swept")

        answer.call_on_close(sweep)

    def _is_due(self) -> bool:
        now = self._clock()
        with self._lock:
            if self._last is not None and now - self._last < EVERY:
                return False
            self._last = now
            return True
