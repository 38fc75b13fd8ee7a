"""The schema of the database: its revisions, and upgrades that many processes may start at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from flask_cimd import ConfigurationError

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


def newest() -> str:
    """Return the revision that this version of the site works with."""
    return str(_scripts().get_current_head())


def is_known(revision: str) -> bool:
    """Say whether this version of the site has a revision: if not, a newer version made it."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migration_config())


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; ``None`` if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Apply the missing migrations up to a revision, in the transaction of the caller.

    Raises:
        ConfigurationError: the database belongs to a newer version of the site.
    """
    found = revision_of(connection)
    if found == newest() and revision == "head":
        return
    if found is not None and not is_known(found):
        raise ConfigurationError(
            f"the database has the schema {found} of a newer version, and this version knows {newest()} at most: "
            "install the newer version again, or restore a backup from before"
        )
    command.upgrade(migration_config(connection), revision)


def upgrade(engine: Engine) -> None:
    """Apply the missing migrations under a database lock; a second process waits and finds nothing left to do.

    Raises:
        ConfigurationError: the database belongs to a newer version of the site.
    """
    with locked(engine), engine.begin() as connection:
        migrate(connection)


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Hold the lock of the schema: no other process changes it, nor replaces the data, during the block."""
    with _IN_PROCESS, _locked(engine):
        yield


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
        _make_private(Path(str(engine.url.database)))
        # SQLite commits each data definition statement by itself, so its own locks do not cover a migration.
        lock = os.open(f"{engine.url.database}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
    else:
        yield


def _make_private(database: Path) -> None:
    """Make an empty file that its owner alone can read; SQLite gives its other files the same mode."""
    if not database.exists() and not str(database).startswith("file:"):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
