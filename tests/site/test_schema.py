"""The database is brought up to date at start, by however many processes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flask_cimd_site import schema
from flask_cimd_site.models import db
from tests.support.browser import Site
from tests.support.databases import private_postgres
from tests.support.demo import ROOT
from tests.support.old_schemas import newest, revision_of

AT_ONCE = 6


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with private_postgres() as url:
            yield url


def test_the_migrations_are_one_chain() -> None:
    scripts = ScriptDirectory.from_config(schema.migration_config())
    assert len(scripts.get_heads()) == 1
    numbers = [script.revision for script in scripts.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)


def test_the_migrations_build_what_the_models_say(any_site: Site) -> None:
    with any_site.app.app_context(), db.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), db.metadata)
    assert found == []


#: Imports once, then forks; the children start when the pipe closes.
_TOGETHER = """
import os, sys, sqlalchemy
from flask_cimd_site import schema
url, count = sys.argv[1], int(sys.argv[2])
gate, opener = os.pipe()
children = []
for _ in range(count):
    child = os.fork()
    if child == 0:
        os.close(opener)
        os.read(gate, 1)
        schema.upgrade(sqlalchemy.create_engine(url))
        os._exit(0)
    children.append(child)
os.close(opener)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


@pytest.mark.slow
def test_many_processes_may_start_on_an_empty_database(database_url: str) -> None:
    # Design §5.1: each waits for the lock and finds the work done, or does it.
    command_line = [sys.executable, "-c", _TOGETHER, database_url, str(AT_ONCE)]
    ended = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert revision_of(database_url) == newest()


def test_a_second_start_changes_nothing(make_site: Any, database_url: str) -> None:
    make_site(database_url)
    make_site(database_url)
    assert revision_of(database_url) == newest()


def test_a_failed_migration_leaves_postgresql_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with private_postgres() as url:
        engine = sqlalchemy.create_engine(url)

        def broken(*_: object) -> None:
            raise RuntimeError("the power went out")

        with monkeypatch.context() as patched:
            patched.setattr(command, "upgrade", broken)
            with pytest.raises(RuntimeError, match="power"):
                schema.upgrade(engine)
        schema.upgrade(engine)  # the lock was given back
        engine.dispose()
        assert revision_of(url) == newest()
