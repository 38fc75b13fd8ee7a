"""What a site needs to serve: a database with the right schema, a store of clients, space on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from flask_cimd_site import schema

#: Bytes on the disk of a SQLite file below which the site is not well.
LEAST_FREE = 8 * 1024 * 1024
_REDIS = ("redis://", "rediss://", "unix://")
#: Seconds that Redis has for an answer.
_PATIENCE = 2.0


def schema_state(connection: Connection) -> tuple[bool, str]:
    """Return whether the schema is that of this version, and a sentence."""
    found, newest = schema.revision_of(connection), schema.newest()
    if found == newest:
        return True, f"{found} is up to date"
    if found is not None and not schema.is_known(found):
        return False, f"{found} is of a newer version; this one knows {newest} at most: install the newer version"
    return False, f"{found or 'empty'}, and this version needs {newest}; run: flask-cimd-site upgrade"


def database_file(engine: Engine) -> Path | None:
    """Return the file of a SQLite database; ``None`` for other databases."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


def is_missing(engine: Engine) -> bool:
    """Say whether the database is a SQLite file that does not exist yet."""
    path = database_file(engine)
    return path is not None and not path.exists()


def free_bytes(engine: Engine) -> int | None:
    """Return the bytes that a SQLite database can grow by; ``None`` for other databases."""
    if engine.dialect.name != "sqlite":
        return None
    names = ("page_size", "max_page_count", "page_count", "freelist_count")
    with engine.connect() as connection:
        size, most, used, free = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names)
    left = int((most - used + free) * size)
    path = database_file(engine)
    return left if path is None else min(left, shutil.disk_usage(path.parent).free)


def is_writable(folder: Path) -> bool:
    """Say whether this process may make files in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def is_redis(store: str) -> bool:
    """Say whether ``CIMD_STORE`` names a Redis server."""
    return store.startswith(_REDIS)


def store_ping(store: str) -> Callable[[], bool] | None:
    """Return the function that asks Redis for a sign of life; ``None`` if ``CIMD_STORE`` names no Redis."""
    if not is_redis(store):
        return None

    def ping() -> bool:
        try:
            from redis import Redis
            from redis.exceptions import RedisError
        except ImportError:
            return False
        try:
            with Redis.from_url(store, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE) as client:
                return bool(client.ping())
        except (RedisError, ValueError, OSError):
            return False

    return ping
