"""The limit on checks by strangers: one for each network, and one for all of them together."""

from __future__ import annotations

from flask_cimd_site.counters import Counters
from flask_cimd_site.limits import Limit

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
        self._limit = None if rate is None else Limit(counters, f"{site}/check", rate)
        self.seconds = 0 if self._limit is None else self._limit.seconds

    def charge(self) -> bool:
        """Count a check of this request's sender; ``False`` if it may not be made."""
        if self._limit is None:
            return True
        # Refused checks of one network do not count for all: nobody can use up the share of the others.
        return self._limit.charge() and self._limit.charge("all strangers", times=_OF_ALL)
