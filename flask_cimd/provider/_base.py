"""Common base of the storage: tables, times, and the separation of issuers in one database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, bindparam, case

from ..core.metadata import ClientMetadata
from ..oauth import Grant
from ..oauth.client import read_snapshot
from ._database import Database
from .models import provider_models

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy


class StorageBase:
    """Holds the tables of one ``db`` and the issuer whose rows a storage reads and writes."""

    def __init__(self, db: SQLAlchemy, issuer: str) -> None:
        self._database = Database(db)
        self._issuer = issuer
        models = provider_models(db)
        self._grants: Table = models.Grant.__table__
        self._codes: Table = models.Code.__table__
        self._tokens: Table = models.Token.__table__
        self._pushed: Table = models.PushedRequest.__table__
        self._waiting: Table = models.WaitingRequest.__table__
        self._keys: Table = models.ReplayKey.__table__
        self._registrations: Table = models.Registration.__table__
        self._remembered: Table = models.RememberedConsent.__table__
        self._servers: Table = models.ResourceServer.__table__

    def _own(self, key: str) -> str:
        """Return the primary key, unique for this issuer, of a row without a grant."""
        return hashlib.sha256(f"{self._issuer}\n{key}".encode()).hexdigest() if self._issuer else key

    def _as_grant(self, row: Any, read: Callable[[str, str], ClientMetadata | None] | None = None) -> Grant:
        """Return a row as a grant.

        Args:
            row: a row with every column of the table of grants.
            read: reads the client's metadata; by default strictly, with a `DocumentError` for another version's text.
        """
        grant, read = self._grants.c, read or _read_once
        return Grant(
            id=row[grant.id],
            client_id=row[grant.client_id],
            client=None if row[grant.client] is None else read(row[grant.client_id], row[grant.client]),
            fingerprint=row[grant.fingerprint],
            subject=row[grant.subject],
            scope=row[grant.scope],
            resource=texts(row[grant.resource]),
            redirect_uri=row[grant.redirect_uri],
            access_lifetime=timedelta(seconds=row[grant.access_seconds]),
            created_at=instant(row[grant.created_at]),
            auth_method=row[grant.auth_method],
            client_key=row[grant.client_key],
            dpop_jkt=row[grant.dpop_jkt],
            auth_time=None if row[grant.auth_time] is None else instant(row[grant.auth_time]),
            until=None if row[grant.until] is None else instant(row[grant.until]),
            revoked=row[grant.revoked_at] is not None,
        )


@lru_cache(maxsize=256)
def _read_once(client_id: str, text: str) -> ClientMetadata:
    # The grants of one client share a snapshot, and each request reads one: a cache look-up is faster than parsing.
    return read_snapshot(client_id, text)


def upsert(table: Table, key: str, columns: Collection[str], *, where: Any = None) -> Callable[[str], Any]:
    """Return a function from a dialect to an upsert statement; ``where`` limits the rows that it replaces.

    The function builds a statement on first use: importing the other dialect would take 2 MB of memory.
    """

    @cache
    def statement_of(dialect: str) -> Any:
        statement = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
        statement = statement.values(**{column: b(column) for column in (key, *columns)})
        changes = {column: statement.excluded[column] for column in columns}
        statement = statement.on_conflict_do_update(index_elements=[table.c[key]], set_=changes, where=where)
        return statement.execution_options(preserve_rowcount=True)

    return statement_of


def b(name: str) -> Any:
    """Return a statement parameter; its name must differ from the columns that the statement sets."""
    return bindparam(f"b_{name}")


def params(**values: Any) -> dict[str, Any]:
    """Return the values of a statement's parameters."""
    return {f"b_{name}": value for name, value in values.items()}


def seconds(moment: datetime) -> float:
    """Return a `datetime` as Unix time in seconds."""
    return moment.timestamp()


def instant(stored: float) -> datetime:
    """Return a Unix time in seconds as an aware `datetime`."""
    return datetime.fromtimestamp(stored, UTC)


def texts(stored: str) -> tuple[str, ...]:
    """Return a tuple of texts from its stored form."""
    return () if stored == "[]" else tuple(json.loads(stored))


def is_storable(*values: str) -> bool:
    """Return whether PostgreSQL can store these texts; a look-up of any other text is a miss."""
    return not any("\0" in value or (not value.isascii() and _has_surrogate(value)) for value in values)


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def later(column: ColumnElement[Any], name: str) -> Any:
    """Return the later time of a column and a parameter; SQLite and PostgreSQL have different functions for it."""
    return case((column < b(name), b(name)), else_=column)
