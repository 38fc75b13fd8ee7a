"""Rate limits by network: guesses at the password, pushed requests, fetches that strangers cause, registrations.

All workers count together, and a request is charged before it is answered: those sent side by side count, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, has_request_context, make_response, request
from limits import RateLimitItem, parse
from werkzeug.exceptions import TooManyRequests

from demo.account.login import is_logged_in
from demo.config import Configuration
from demo.counters import Counters
from demo.provider import registration
from flask_cimd import CIMD, ClientIdentifier, FetchLimitError
from flask_cimd.core import network_of

#: The view of pushed requests.
_PUSH = "cimd_provider_direct.push"
#: Guesses from an IPv6 /48, and from everybody, as multiples of the limit of one network.
_GUESSES_OF_48, _GUESSES_OF_ALL = 4, 20
#: Networks that are counted, each with the multiple of the limit that it may use.
_Shares = list[tuple[str, int]]


class _Limit:
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

    def charge(self, shares: _Shares) -> bool:
        """Count a request of these networks; ``False`` if one of them is beyond its limit.

        What the first network is refused is not charged to the next: one sender cannot use up everybody's share.
        """
        return all(self._add(network, 1) <= most * self._rate.amount for network, most in shares)

    def refund(self, shares: _Shares) -> None:
        """Take a request back."""
        for network, _ in shares:
            self._add(network, -1)

    def _add(self, network: str, amount: int) -> int:
        return self._counters.incr(f"demo/{self._name}/{self._rate}/{network}", self.seconds, amount)


def init_app(app: Flask, configuration: Configuration, cimd: CIMD, counters: Counters) -> None:
    """Apply the limits of the configuration."""
    site = configuration.base_url  # two sites may share one Redis

    def limit(endpoint: str, rate: str | None, shares: Callable[[], _Shares], *, failures: bool = False) -> None:
        if rate is not None and endpoint in app.view_functions:
            view, its = app.view_functions[endpoint], _Limit(counters, f"{site}/{endpoint}", rate)
            app.view_functions[endpoint] = _limited(view, its, shares, failures=failures)

    limit("login.log_in", configuration.login_limit, _of_guesses, failures=True)
    limit(_PUSH, configuration.push_limit, _of_sender)
    limit(registration.VIEW, configuration.registration_limit, _of_sender)
    if configuration.fetch_limit is not None:
        cimd.allow_fetch(_within(_Limit(counters, f"{site}/fetch", configuration.fetch_limit)))


def _limited(view: Callable[..., Any], limit: _Limit, shares: Callable[[], _Shares], *, failures: bool) -> Any:
    """Return the view with a limit on its POST requests; with ``failures``, those that do not get 403 are free."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return view(*args, **kwargs)
        charged = shares()
        if not limit.charge(charged):
            raise TooManyRequests(retry_after=limit.seconds)
        answer = make_response(view(*args, **kwargs))
        if failures and answer.status_code != 403:
            limit.refund(charged)
        return answer

    return limited


def _within(limit: _Limit) -> Callable[[ClientIdentifier], bool]:
    """Return a rule that limits fetches without a login, which pushed requests cause."""

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in():
            return True
        if not limit.charge(_of_sender()):
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=limit.seconds)
        return True

    return rule


def _of_sender() -> _Shares:
    return [(network_of(request.remote_addr), 1)]


def _of_guesses() -> _Shares:
    """Return the networks that a guess is charged to: also larger ones, since some people have many addresses."""
    own, larger = network_of(request.remote_addr), network_of(request.remote_addr, ipv6_prefix=48)
    return [(own, 1), *([(larger, _GUESSES_OF_48)] if larger != own else []), ("all", _GUESSES_OF_ALL)]
