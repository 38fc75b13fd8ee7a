"""How often a stranger may guess the owner's password, and make this site fetch something."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, has_request_context
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse

from demo.config import Configuration
from demo.owner.login import is_logged_in
from flask_cimd import CIMD, ClientIdentifier, FetchLimitError

#: Seconds that a client is told to wait.
_A_WHILE = 600


def init_app(app: Flask, configuration: Configuration, cimd: CIMD) -> None:
    """Limit failed logins and new apps by address; a worker process counts for itself."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", strategy="moving-window")
    if configuration.login_limit is not None:
        limit = limiter.limit(configuration.login_limit, methods=["POST"], deduct_when=_has_failed)
        app.view_functions["login.log_in"] = limit(app.view_functions["login.log_in"])
    if configuration.fetch_limit is not None:
        cimd.allow_fetch(_within(limiter, parse(configuration.fetch_limit)))


def _within(limiter: Limiter, limit: RateLimitItem) -> Callable[[ClientIdentifier], bool]:
    """Return a rule for fetches that nobody who is logged in asked for: those of pushed requests."""

    def rule(identifier: ClientIdentifier) -> bool:
        if not has_request_context() or is_logged_in():
            return True
        if not limiter.limiter.hit(limit, "fetch", get_remote_address()):
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=_A_WHILE)
        return True

    return rule


def _has_failed(answer: Response) -> bool:
    return answer.status_code == 403
