"""Schema upgrades that many processes may start at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

MIGRATIONS = Path(__file__).parent / "migrations"
#: Key of the PostgreSQL advisory lock: any number that no other lock of the database uses.
_ADVISORY_LOCK = 0x63696D64
_IN_PROCESS = Lock()


def migration_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for this project."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Apply the missing migrations under a database lock; a second process waits and finds nothing left to do."""
    with _IN_PROCESS, _locked(engine), engine.begin() as connection:
        command.upgrade(migration_config(connection), "head")


@contextmanager
def _locked(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
    elif engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
        # SQLite commits each data definition statement by itself, so its own locks do not cover a migration.
        with Path(f"{engine.url.database}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        yield
