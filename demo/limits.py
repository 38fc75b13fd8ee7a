"""Rate limits by address: failed logins, pushed requests, fetches that strangers cause, and registrations of apps."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Flask, Response, has_request_context, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse

from demo.config import Configuration
from demo.owner.login import is_logged_in
from demo.provider import registration
from flask_cimd import CIMD, ClientIdentifier, FetchLimitError

#: Seconds in ``Retry-After``.
_RETRY_AFTER = 600
#: The view of pushed requests.
_PUSH = "cimd_provider_direct.push"


def init_app(app: Flask, configuration: Configuration, cimd: CIMD) -> None:
    """Apply the limits of the configuration; each worker process counts separately."""
    limiter = Limiter(_peer, app=app, storage_uri="memory://", strategy="moving-window")

    def limit(endpoint: str, rate: str | None, **options: Any) -> None:
        if rate is not None and endpoint in app.view_functions:
            view: Any = limiter.limit(rate, methods=["POST"], **options)(app.view_functions[endpoint])
            app.view_functions[endpoint] = view

    limit("login.log_in", configuration.login_limit, deduct_when=_has_failed)
    app.view_functions[_PUSH] = _as_function(app.view_functions[_PUSH])
    limit(_PUSH, configuration.push_limit)
    limit(registration.VIEW, configuration.registration_limit)
    if configuration.fetch_limit is not None:
        cimd.allow_fetch(_within(limiter, parse(configuration.fetch_limit)))


def _as_function(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plain function: Flask-Limiter tells what it limits by module and name, and this view is a method."""

    def push() -> Any:
        return view()

    return push


def _within(limiter: Limiter, limit: RateLimitItem) -> Callable[[ClientIdentifier], bool]:
    """Return a rule that limits fetches without a login, which pushed requests cause."""

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in():
            return True
        if not limiter.limiter.hit(limit, "fetch", _peer()):
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=_RETRY_AFTER)
        return True

    return rule


def _peer() -> str:
    """Return the address of the peer; for IPv6 the /64 network, all of which one customer has."""
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
