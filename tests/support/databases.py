"""A private PostgreSQL database for one test session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy

from .requirements import need

_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"


@contextmanager
def private_postgres() -> Iterator[str]:
    """Create a database, yield its URL, and drop it."""
    name = f"cimd_test_{uuid4().hex[:12]}"
    admin = sqlalchemy.create_engine(f"{_SERVER}/postgres", isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    except sqlalchemy.exc.OperationalError:
        admin.dispose()
        need(False, "PostgreSQL does not answer on 127.0.0.1:5432")
        raise
    try:
        yield f"{_SERVER}/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
