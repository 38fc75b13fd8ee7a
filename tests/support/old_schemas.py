"""Databases of earlier schemas of the site.

``old_schemas.json`` beside this file holds, by the number of the migration, the rows of one sign-in that the site of
that time wrote, and the tokens that its client got. All were written at the same instant, ``now``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flask_cimd_site import schema

WRITTEN: Mapping[str, Any] = json.loads(Path(__file__).with_name("old_schemas.json").read_text())


def newest() -> str:
    """Return the number of the last migration."""
    return str(ScriptDirectory.from_config(schema.migration_config()).get_current_head())


def revision_of(url: str) -> str | None:
    """Return the number of the last migration that a database had."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def write(url: str, written: Mapping[str, Any], *, now: float | None = None) -> None:
    """Bring an empty database to these schemas one after the other, and write the rows of each.

    Args:
        url: of an empty database.
        written: entries of `WRITTEN`.
        now: the instant of writing, in seconds since 1970; by default the one that they name.
    """
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    for revision, found in written.items():
        with engine.begin() as connection:
            command.upgrade(schema.migration_config(connection), revision)
            _insert(connection, found["tables"], 0.0 if now is None else now - found["now"])


def _insert(connection: sqlalchemy.Connection, rows: Mapping[str, list[dict[str, Any]]], later: float) -> None:
    found = sqlalchemy.MetaData()
    found.reflect(connection, only=list(rows))
    for table in found.sorted_tables:
        kinds = {column.name: column.type for column in table.columns}
        for row in rows.get(table.name, ()):
            values = {name: _value(name, value, kinds[name], later) for name, value in row.items()}
            connection.execute(table.insert().values(values))


def _value(name: str, value: Any, kind: Any, later: float) -> Any:
    if value is not None and name.endswith("_at"):
        return value + later
    return bytes.fromhex(value) if value and isinstance(kind, sqlalchemy.LargeBinary) else value
