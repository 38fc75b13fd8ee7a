"""``/healthz``: status 200 if the database can be read and written and has space left."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Lock

from flask import Blueprint
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from flask_cimd_site.counters import increment
from flask_cimd_site.models import db
from flask_cimd_site.services import services

blueprint = Blueprint("health", __name__)

#: Bytes on the disk of a SQLite file below which the site is not well.
LEAST_FREE = 8 * 1024 * 1024
#: Seconds for which a process keeps its answer, so that strangers who ask cause no more writes.
KEPT = 1.0
_LOCK = Lock()


class _Last:
    """The last answer of this process, and the engine it is about."""

    at: float = float("-inf")
    engine: Engine | None = None
    problem: str = ""


@blueprint.get("/healthz")
def healthz() -> tuple[str, int]:
    """Answer 200, or 503 while the database cannot be written or its disk is full."""
    with _LOCK:
        now = time.monotonic()
        if _Last.engine is not db.engine or now - _Last.at >= KEPT:
            _Last.problem = _problem(db.engine)
            _Last.at, _Last.engine = now, db.engine
        problem = _Last.problem
    if problem:
        raise ServiceUnavailable(problem, retry_after=5)
    return "ok", 200


def _problem(engine: Engine) -> str:
    try:
        with engine.begin() as connection:
            now = services().clock().timestamp()
            connection.execute(increment(engine.dialect.name, "healthz", now, 60, 1))
            if engine.dialect.name == "sqlite" and _is_full(connection, engine.url.database):
                return "the disk is full"
    except SQLAlchemyError as exc:
        return type(exc).__name__
    return ""


def _is_full(connection: Connection, file: str | None) -> bool:
    names = ("page_size", "max_page_count", "page_count", "freelist_count")
    size, most, used, free = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names)
    left = (most - used + free) * size
    if file and file != ":memory:":
        left = min(left, shutil.disk_usage(Path(file).parent).free)
    return bool(left < LEAST_FREE)
