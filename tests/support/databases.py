"""A private PostgreSQL database for one test session, with a schema for each test, and keys of one's own in Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
import sqlalchemy

from .requirements import need

_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"
#: The server writes every other database to the disk first, which takes seconds: no test waits for it.
_DROP = """
import sys, psycopg
with psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", autocommit=True) as connection:
    connection.execute(f"DROP DATABASE {sys.argv[1]} WITH (FORCE)")
"""
_dropping: list[subprocess.Popen[bytes]] = []


@contextmanager
def private_postgres() -> Iterator[str]:
    """Create a database, yield its URL, and have it dropped."""
    name = f"cimd_test_{uuid4().hex[:12]}"
    admin = sqlalchemy.create_engine(f"{_SERVER}/postgres", isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
            # Nothing here outlives a crash of the server; what must survive one is tested in a cluster of its own.
            connection.execute(sqlalchemy.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    except sqlalchemy.exc.OperationalError:
        admin.dispose()
        need(False, "PostgreSQL does not answer on 127.0.0.1:5432")
        raise
    try:
        yield f"{_SERVER}/{name}"
    finally:
        admin.dispose()
        _dropping.append(subprocess.Popen([sys.executable, "-c", _DROP, name], start_new_session=True))


def private_schema(url: str) -> str:
    """Create an empty schema in a database and return the URL at which a test has it for itself.

    A database of its own would cost each test a second; the schemas go with their database.
    """
    name = f"test_{uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{url}?options=-csearch_path%3D{name}"


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
