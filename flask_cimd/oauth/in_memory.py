"""A warning for databases that keep everything in the memory of one process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

logger = logging.getLogger(__name__)

_WARNED = "cimd_in_memory"


def warn_of_memory(app: Flask) -> None:
    """Log once an app that its ``SQLALCHEMY_DATABASE_URI`` is SQLite in memory.

    Flask-SQLAlchemy gives such a database one connection, which ``db.session`` and this package share: each look-up of
    this package commits what the app has not committed yet, and each of its errors rolls it back.
    """
    if not _is_in_memory(app.config.get("SQLALCHEMY_DATABASE_URI")) or app.extensions.get(_WARNED):
        return
    app.extensions[_WARNED] = True
    logger.warning(
        "SQLALCHEMY_DATABASE_URI is SQLite in memory, with one connection for all: a look-up of a client or a token "
        "commits what the app has not committed yet; use a file, also for a trial with more than one request at a time"
    )


def _is_in_memory(uri: Any) -> bool:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri) if uri else None
    except ArgumentError:  # Flask-SQLAlchemy says so
        return False
    if url is None or url.get_backend_name() != "sqlite":
        return False
    return url.database in (None, "", ":memory:")
