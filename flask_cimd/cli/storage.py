"""``flask cimd create-tables`` and ``sweep``: the tables of the provider and of the store, and their upkeep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from ..core.clock import utc_now
from .shared import json_option, print_json


def _database() -> Any:
    """Return the Flask-SQLAlchemy object of the current app."""
    db = current_app.extensions.get("sqlalchemy")
    if db is None:
        raise click.UsageError("this app has no database; call db.init_app(app) of Flask-SQLAlchemy in its factory")
    return db


@click.command("create-tables")
@with_appcontext
def create_tables() -> None:
    """Create the missing tables of this package; apps with migrations do not need this command."""
    from ..provider.models import TABLE_PREFIX, make_tables, provider_models

    db = _database()
    provider_models(db)
    tables = [table for name, table in db.metadata.tables.items() if name.startswith(TABLE_PREFIX)]
    make_tables(db, tables)
    for name in sorted(table.name for table in tables):
        click.echo(name)


@click.command("sweep")
@click.option("--limit", type=click.IntRange(min=1), default=100_000, show_default=True, help="Rows in all.")
@click.option(
    "--every",
    type=click.IntRange(0, 30 * 86_400),
    default=0,
    help="Do nothing if the last sweep began less than this many seconds ago.",
)
@json_option
@with_appcontext
def sweep(limit: int, every: int, *, as_json: bool) -> None:
    """Delete expired codes, tokens, requests and registrations, and grants that ended 30 days ago.

    Run it from a scheduler, once an hour or once a day. Small transactions let requests continue; of several
    processes only one sweeps at a time.
    """
    from ..provider.sweep import sweep as sweep_tables

    swept = sweep_tables(_database(), utc_now(), limit=limit, every=timedelta(seconds=every))
    if as_json:
        print_json({"tables": dict(swept.by_table), "done": swept.is_done})
        return
    for table, rows in swept.by_table.items():
        click.echo(f"{table}\t{rows}")
    if not swept.is_done:
        click.echo(
            "rows are left, another process sweeps, or the last sweep is not long ago: run it again later", err=True
        )


COMMANDS = (create_tables, sweep)
