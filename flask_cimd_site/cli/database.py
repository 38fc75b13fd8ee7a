"""The database of a site for commands that run beside it, without an app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from flask_cimd import ConfigurationError
from flask_cimd_site.config import Configuration
from flask_cimd_site.models import set_up_sqlite


@contextmanager
def engine_of(configuration: Configuration) -> Iterator[Engine]:
    """Yield an engine, which is closed afterwards.

    Raises:
        ConfigurationError: the URL of the database is not one, or its driver is not installed.
    """
    try:
        engine = create_engine(configuration.database_url, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise ConfigurationError(
            "DEMO_DATABASE_URL must be a URL such as sqlite:////srv/site.db or postgresql://user@host/name; PostgreSQL "
            'needs: pip install "flask-cimd[postgres]"'
        ) from exc
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigurationError("DEMO_DATABASE_URL must name SQLite or PostgreSQL")
    set_up_sqlite(engine)
    try:
        yield engine
    finally:
        engine.dispose()
