"""Grants, codes, tokens and waiting requests in the app's own Flask-SQLAlchemy database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ._approvals import Approvals
from ._tokens import Tokens
from .models import schema_gaps
from .sweep import sweep

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy


class SQLAlchemyStorage(Tokens, Approvals):
    """A `flask_cimd.oauth.ProviderStorage` and ``RegistrationStorage`` on SQLite or PostgreSQL; needs an app context.

    Every method is one transaction on a separate connection: it neither commits nor rolls back ``db.session``, except
    with SQLite in memory, which has a single connection. Bounds apply per issuer. After a restart of the database
    server, a call opens one new connection. The database contains only digests of secrets.

    Args:
        db: the app's Flask-SQLAlchemy object. ``db.create_all()``, a migration or ``flask cimd create-tables`` creates
            the tables.
        issuer: separates the rows of several providers in one database; empty for a single provider.

    Raises:
        StorageError: from every method, if the database does not answer or cannot be written; status 503.
    """

    def __init__(self, db: SQLAlchemy, issuer: str = "") -> None:
        super().__init__(db, issuer)
        self._db = db

    def schema_gaps(self) -> list[str]:
        """Return what the database lacks: tables by name, and columns as ``table.column``; needs an app context."""
        return schema_gaps(self._db)

    def sweep(self, now: datetime, limit: int = 10_000) -> int:
        """Delete at most ``limit`` rows without effect, of every issuer; return their number.

        Call it from a scheduler, as ``flask cimd sweep`` does, never in a request.
        """
        return sweep(self._db, now, limit=limit).rows
