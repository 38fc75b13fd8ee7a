"""How often a stranger may guess the owner's password."""

from __future__ import annotations

from flask import Flask, Response
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from demo.config import Configuration


def init_app(app: Flask, configuration: Configuration) -> None:
    """Limit failed logins by address; a worker process counts for itself."""
    if configuration.login_limit is None:
        return
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", strategy="moving-window")
    limit = limiter.limit(configuration.login_limit, methods=["POST"], deduct_when=_has_failed)
    app.view_functions["login.log_in"] = limit(app.view_functions["login.log_in"])


def _has_failed(answer: Response) -> bool:
    return answer.status_code == 403
