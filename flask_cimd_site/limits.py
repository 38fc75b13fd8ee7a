"""Rate limits by network: pushed requests, fetches that strangers cause, registrations.

All workers count together, and a request is charged before it is answered: those sent side by side count, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, has_request_context, request
from limits import RateLimitItem, parse
from werkzeug.exceptions import TooManyRequests

from flask_cimd import CIMD, ClientIdentifier, FetchLimitError
from flask_cimd.core import network_of
from flask_cimd_site.account.login import is_logged_in
from flask_cimd_site.config import Configuration
from flask_cimd_site.counters import Counters
from flask_cimd_site.provider import registration

#: The view of pushed requests.
_PUSH = "cimd_provider_direct.push"


class Limit:
    """One rate limit.

    Args:
        counters: shared by all workers.
        name: tells this limit from others, also from those of other sites.
        rate: such as ``10 per hour``.
    """

    def __init__(self, counters: Counters, name: str, rate: str) -> None:
        self._counters = counters
        self._name = name
        self._rate: RateLimitItem = parse(rate)
        self.seconds = self._rate.get_expiry()

    def charge(self, sender: str | None = None, *, times: int = 1) -> bool:
        """Count a request; ``False`` if its sender is beyond the limit.

        Args:
            sender: the network of the request's sender by default.
            times: multiple of the rate that this sender has.
        """
        key = f"site/{self._name}/{self._rate}/{sender or network_of(request.remote_addr)}"
        return self._counters.incr(key, self.seconds, 1) <= times * self._rate.amount


def init_app(app: Flask, configuration: Configuration, cimd: CIMD, counters: Counters) -> None:
    """Apply the limits of the configuration."""
    site = configuration.base_url  # two sites may share one Redis

    def limit(endpoint: str, rate: str | None) -> None:
        if rate is not None and endpoint in app.view_functions:
            view, its = app.view_functions[endpoint], Limit(counters, f"{site}/{endpoint}", rate)
            app.view_functions[endpoint] = _limited(view, its)

    limit(_PUSH, configuration.push_limit)
    limit(registration.VIEW, configuration.registration_limit)
    if configuration.fetch_limit is not None:
        cimd.allow_fetch(_within(Limit(counters, f"{site}/fetch", configuration.fetch_limit)))


def _limited(view: Callable[..., Any], limit: Limit) -> Any:
    """Return the view with a limit on its POST requests."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and not limit.charge():
            raise TooManyRequests(retry_after=limit.seconds)
        return view(*args, **kwargs)

    return limited


def _within(limit: Limit) -> Callable[[ClientIdentifier], bool]:
    """Return a rule that limits fetches without a login, which pushed requests cause."""

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in():
            return True
        if not limit.charge():
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=limit.seconds)
        return True

    return rule
