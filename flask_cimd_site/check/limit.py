"""The limit on checks by strangers: one for each network, and one for all of them together."""

from __future__ import annotations

from flask import request
from limits import parse

from flask_cimd.core import network_of
from flask_cimd_site.counters import Counters

#: Checks of all strangers, as a multiple of the limit of one network.
_OF_ALL = 12


class CheckLimit:
    """Counts the checks of strangers.

    Args:
        counters: shared by all workers.
        site: origin of the site; two sites may share one Redis.
        rate: such as ``5 per 10 minutes``; ``None`` counts nothing.

    Attributes:
        seconds: length of the window.
    """

    def __init__(self, counters: Counters, site: str, rate: str | None) -> None:
        self._counters = counters
        self._rate = None if rate is None else parse(rate)
        self._prefix = f"site/{site}/check/{self._rate}"
        self.seconds = 0 if self._rate is None else self._rate.get_expiry()

    def charge(self) -> bool:
        """Count a check of this request's sender; ``False`` if it may not be made."""
        if self._rate is None:
            return True
        # What one network is refused is not charged to all: nobody can use up everybody's share.
        shares = ((network_of(request.remote_addr), 1), ("all strangers", _OF_ALL))
        return all(
            self._counters.incr(f"{self._prefix}/{key}", self.seconds, 1) <= most * self._rate.amount
            for key, most in shares
        )
