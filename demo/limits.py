"""How often a stranger may guess the password, leave a request, make this site fetch something, register an app."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from threading import BoundedSemaphore
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse

from demo.config import Configuration
from demo.owner.login import is_logged_in
from demo.provider import registration
from flask_cimd import CIMD, ClientIdentifier, FetchLimitError, TooManyFetchesError

#: Seconds that a client is told to wait.
_A_WHILE = 600
#: Threads of a worker, of the 16 that it has, that may wait for strangers' documents; the others stay with the owner.
_PLACES = 8


def init_app(app: Flask, configuration: Configuration, cimd: CIMD) -> None:
    """Limit all of that by address; a worker process counts for itself."""
    limiter = Limiter(_who_asks, app=app, storage_uri="memory://", strategy="moving-window")

    def limit(endpoint: str, rate: str | None, **options: Any) -> None:
        if rate is not None and endpoint in app.view_functions:
            view: Any = limiter.limit(rate, methods=["POST"], **options)(app.view_functions[endpoint])
            app.view_functions[endpoint] = view

    limit("login.log_in", configuration.login_limit, deduct_when=_has_failed)
    limit("endpoints.push", configuration.push_limit)
    limit(registration.VIEW, configuration.registration_limit)
    if configuration.fetch_limit is not None:
        cimd.allow_fetch(_within(limiter, parse(configuration.fetch_limit)))
        cimd.allow_fetch(_in_a_place(app))


def _within(limiter: Limiter, limit: RateLimitItem) -> Callable[[ClientIdentifier], bool]:
    """Return a rule for fetches that nobody who is logged in asked for: those of pushed requests."""

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in():
            return True
        if not limiter.limiter.hit(limit, "fetch", _who_asks()):
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=_A_WHILE)
        return True

    return rule


def _in_a_place(app: Flask) -> Callable[[ClientIdentifier], bool]:
    """Return a rule that bounds how many strangers wait at once: one slow document could hold every thread."""
    places = BoundedSemaphore(_PLACES)

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in() or g.get("waits"):
            return True
        if not places.acquire(blocking=False):
            raise TooManyFetchesError("too-many-fetches", identifier.raw, hint="strangers wait in all their places")
        g.waits = True
        return True

    def leave(_: BaseException | None) -> None:
        if g.pop("waits", False):
            places.release()

    app.teardown_request(leave)
    return rule


def _who_asks() -> str:
    """Return the peer's address; of IPv6 the network, since one customer has all addresses of a /64."""
    peer = request.remote_addr or "127.0.0.1"
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))


def _has_failed(answer: Response) -> bool:
    return answer.status_code == 403
