"""``/healthz``: the process and its database; ``/readyz``: each thing that the site needs to serve, by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from flask_cimd_site import readiness
from flask_cimd_site.counters import increment
from flask_cimd_site.models import db
from flask_cimd_site.services import services

blueprint = Blueprint("health", __name__)

#: Seconds for which a process keeps its answer, so that strangers who ask cause no more writes.
KEPT = 1.0
#: Seconds after which clients may ask again.
_RETRY = 5


class _Kept:
    """The last outcome of a look at the database, and the engine that it is about."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at = float("-inf")
        self._engine: Engine | None = None
        self._outcome: Any = None

    def get(self, engine: Engine, look: Callable[[Engine], Any]) -> Any:
        """Return the outcome; look anew if it is older than `KEPT`."""
        with self._lock:
            now = time.monotonic()
            if self._engine is not engine or now - self._at >= KEPT:
                self._outcome = look(engine)
                self._at, self._engine = now, engine
            return self._outcome


_health, _readiness = _Kept(), _Kept()


@blueprint.get("/healthz")
def healthz() -> tuple[str, int]:
    """Answer 200, or 503 while the database cannot be written or its disk is full."""
    if problem := _health.get(db.engine, _problem):
        raise ServiceUnavailable(problem, retry_after=_RETRY)
    return "ok", 200


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200, or 503, with a JSON object that names each check: database, schema, disk, store."""
    checks: dict[str, bool] = _readiness.get(db.engine, _checks)
    is_ready = all(checks.values())
    answer = jsonify(ready=is_ready, checks={name: "ok" if well else "failed" for name, well in checks.items()})
    if not is_ready:
        answer.status_code = 503
        answer.headers["Retry-After"] = str(_RETRY)
    return answer


def _problem(engine: Engine) -> str:
    try:
        _write(engine)
        return "the disk is full" if _is_full(engine) else ""
    except SQLAlchemyError as exc:
        return type(exc).__name__


def _checks(engine: Engine) -> dict[str, bool]:
    return {
        "database": _holds(lambda: _write(engine)),
        "schema": _holds(lambda: _has_schema(engine)),
        "disk": _holds(lambda: not _is_full(engine)),
        "store": _store_answers(current_app),
    }


def _holds(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except SQLAlchemyError:
        return False


def _write(engine: Engine) -> bool:
    with engine.begin() as connection:
        now = services().clock().timestamp()
        connection.execute(increment(engine.dialect.name, "healthz", now, 60, 1))
    return True


def _has_schema(engine: Engine) -> bool:
    with engine.connect() as connection:
        return readiness.schema_state(connection)[0]


def _is_full(engine: Engine) -> bool:
    free = readiness.free_bytes(engine)
    return free is not None and free < readiness.LEAST_FREE


def _store_answers(app: Flask) -> bool:
    ping = readiness.store_ping(app.config["CIMD_STORE"])
    return ping is None or ping()
