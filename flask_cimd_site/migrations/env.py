"""Alembic's entry: migrations run on the connection that the caller holds, or on the configured database."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from flask_cimd.stores import client_table, lease_table, record_table
from flask_cimd_site.account import tables as account_tables  # noqa: F401  importing it is what registers its tables
from flask_cimd_site.models import db
from flask_cimd_site.site import tables  # noqa: F401  the same

client_table(db)
lease_table(db)
record_table(db)


def run() -> None:
    """Run the migrations in one transaction where the database can."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run_on(connection)
        return
    # `flask --app demo db …` comes here, inside an app context.
    with db.engine.begin() as opened:
        _run_on(opened)


def _run_on(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=db.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
