"""The site's database: the provider's tables, and the base of the site's own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, ExceptionContext, Float, Table, event
from sqlalchemy.orm import DeclarativeBase

from flask_cimd.provider import provider_models


class Base(DeclarativeBase):
    """Base of all tables."""

    if TYPE_CHECKING:
        __table__: ClassVar[Table]


db = SQLAlchemy(model_class=Base)
# Flask-SQLAlchemy makes the base of its models at run time, where type checkers do not see it.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

#: Instants are seconds since 1970: the same on every database.
Instant = Float(53)


#: The tables of the provider: grants, codes, tokens, waiting requests, registrations, resource servers.
provider = provider_models(db)


def insert_into(table: Table, dialect: str) -> Any:
    """Return the INSERT of SQLite or PostgreSQL, which knows ``ON CONFLICT``.

    Args:
        table: what is inserted into.
        dialect: name of the dialect of an engine or connection.
    """
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def set_up_sqlite(engine: Engine) -> None:
    """Let readers and one writer work side by side, and enforce foreign keys; other databases do so by themselves."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "handle_error")
    def _leave_read_only(context: ExceptionContext) -> None:
        # A connection that was opened while the file could not be written stays read-only: the pool must drop it.
        if getattr(context.original_exception, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
            context.is_disconnect = True

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
