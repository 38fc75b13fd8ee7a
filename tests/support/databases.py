"""A private PostgreSQL database for one test session, and keys of one's own in Redis for one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
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


@contextmanager
def redis_keys() -> Iterator[tuple[redis.Redis, str]]:
    """Yield a client and the prefix of all keys that this test may write; they are deleted afterwards."""
    prefix = f"cimd-test-{uuid4().hex[:12]}:"
    with redis.Redis() as client:
        try:
            client.ping()
        except redis.ConnectionError:
            need(False, "Redis does not answer on 127.0.0.1:6379")
            raise
        yield client, prefix
        if keys := list(client.scan_iter(f"{prefix}*")):
            client.delete(*keys)
