"""The limit on guesses, counted in the database by all workers; a guess is charged before it is judged.

A browser in which the owner has logged in before has a limit of its own. All others are strangers: they have one limit
for each network and one for all of them together, so that guesses from many addresses are slowed as well.
"""

from __future__ import annotations

import logging
from math import ceil

from flask import Flask, current_app, request
from flask_babel import gettext, ngettext
from limits import RateLimitItem, parse

from flask_cimd.core import network_of
from flask_cimd_site.account import known_browsers
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.counters import DatabaseCounters
from flask_cimd_site.services import services

logger = logging.getLogger(__name__)

_KEY = "demo_attempts"
#: Guesses of an IPv6 /48, and of all strangers, as multiples of the limit of one network.
_OF_48, _OF_ALL = 4, 20
_SECONDS = 60


class Attempt:
    """One guess: charged when its block begins, and given back when the block ends without an `AccountError`::

        with Attempt():
            if not is_right(password):
                raise AccountError("wrong-password", ...)

    An `AccountError` of the block is a failure: it is written to the log, for the owner and for fail2ban.

    Raises:
        AccountError: ``too-many-attempts``, before the block; nothing may be judged before the time that it names.
    """

    def __init__(self) -> None:
        self._charged: list[str] = []
        self._counters: DatabaseCounters = current_app.extensions[_KEY]
        rate = services().configuration.login_limit
        self._rate: RateLimitItem | None = None if rate is None else parse(rate)

    def __enter__(self) -> None:
        if self._rate is not None:
            self._charge(self._rate)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:  # only failures count
            for key in self._charged:
                self._add(key, -1)
        elif isinstance(error, AccountError):
            logger.warning("login failed from %s: %s", _address(), error.slug)
            record(Kind.LOGIN_FAILED, detail=error.slug)

    def _charge(self, rate: RateLimitItem) -> None:
        for key, most in _shares():
            hits, seconds = self._add(key, 1)
            self._charged.append(key)
            if hits > most * rate.amount:
                # What one network is refused is not charged to all strangers: nobody can use up everybody's share.
                logger.warning("login refused from %s: too-many-attempts", _address())
                raise AccountError("too-many-attempts", _wait(seconds), retry_after=seconds)

    def _add(self, key: str, amount: int) -> tuple[int, int]:
        assert self._rate is not None  # noqa: S101  there are no keys without a rate
        name = f"site/{services().configuration.base_url}/login/{self._rate}/{key}"
        hits, remaining = self._counters.add(name, self._rate.get_expiry(), amount)
        return hits, max(1, ceil(remaining))


def init_app(app: Flask) -> None:
    """Set up the counters of this app; they are in the database wherever other limits are counted."""
    app.extensions[_KEY] = DatabaseCounters(app, services().clock)


def _shares() -> list[tuple[str, int]]:
    known = known_browsers.known()
    if known is not None:
        return [(f"browser {known}", 1)]
    own, larger = network_of(request.remote_addr), network_of(request.remote_addr, ipv6_prefix=48)
    return [(own, 1), *([(larger, _OF_48)] if larger != own else []), ("all strangers", _OF_ALL)]


def _address() -> str:
    return network_of(request.remote_addr, ipv6_prefix=128)[:64]


def _wait(seconds: int) -> str:
    minutes = ceil(seconds / _SECONDS)
    text = ngettext("Try again in %(num)s minute.", "Try again in %(num)s minutes.", minutes)
    return f"{gettext('Too many attempts.')} {text}"
