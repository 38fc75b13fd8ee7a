"""The store in the app's own database: JSON text in tables, no pickles.

The tables belong to ``db.metadata``, so ``db.create_all()`` and your migrations include them.
Statements run on separate connections: a look-up never commits or rolls back a transaction of the app. The exception is
SQLite in memory (``sqlite://``) for tests: the process has a single connection, so a look-up commits pending changes of
the app.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, String, Table, Text, bindparam, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from ..core.identifier import ClientIdentifier
from ..core.leases import Leases
from ..core.metadata import ClientMetadata
from .port import PARSED, SHARED_BYTES, Entry, FetchedStore, instant_of, key_of, raises_store_error
from .records import Records
from .sqlalchemy_shared import (
    Bound,
    SQLAlchemyFetchedStore,
    SQLAlchemyLeases,
    SQLAlchemyRecords,
    table_of,
    upsert,
)

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

TABLE_NAME = "cimd_client"


def client_table(db: SQLAlchemy) -> Table:
    """Return the table; the first call adds it to ``db.metadata``.

    Columns: ``digest`` (SHA-256 of the identifier, primary key, because some databases cannot index 2048
    characters), ``client_id``, ``metadata`` (JSON text), ``fetched_at`` and ``expires_at`` (Unix times in seconds).
    """
    return table_of(
        db,
        TABLE_NAME,
        Column("digest", String(64), primary_key=True),
        Column("client_id", Text, nullable=False),
        Column("metadata", Text, nullable=False),
        Column("fetched_at", Float(53), nullable=False),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


@raises_store_error(SQLAlchemyError)
class SQLAlchemyStore:
    """A store in the database of a Flask-SQLAlchemy ``db``; needs an app context.

    Args:
        db: the app's extension object.
        size: approximate maximum number of entries, and separately of key sets and logos; the earliest expiry is
            dropped first. Each process counts the rows after 64 writes, or after ``size`` / 100 if that is more.
        max_bytes: approximate maximum size of the entries' JSON texts in bytes, and separately of key sets and logos.
            Each process computes the sum after it has written a hundredth of this size.
    """

    def __init__(self, db: SQLAlchemy, size: int = 1_000_000, max_bytes: int = SHARED_BYTES) -> None:
        self._db = db
        self._table = table = client_table(db)
        self._bound = Bound(db, table, "digest", "metadata", size=size, max_bytes=max_bytes)
        self.leases: Leases | None = SQLAlchemyLeases(db)
        self.records: Records = SQLAlchemyRecords(db)
        self.fetched: FetchedStore | None = SQLAlchemyFetchedStore(db, size, max_bytes)
        columns = (table.c.metadata, table.c.fetched_at, table.c.expires_at)
        self._select = select(*columns).where(table.c.digest == bindparam("digest"))
        # A row changes about once an hour, and every request reads it: parsing takes as long as reading.
        self._parse = lru_cache(maxsize=PARSED)(ClientMetadata.from_json)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry, or ``None``; a row that this version cannot read is a miss."""
        # A single statement needs no transaction: PostgreSQL gets no BEGIN and no ROLLBACK.
        with self._db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            row = connection.execute(self._select, {"digest": key_of(identifier.raw)}).first()
        if row is None:
            return None
        try:
            metadata = self._parse(identifier, row[0])
        except ValueError:
            return None
        return Entry(metadata=metadata, fetched_at=instant_of(row[1]), expires_at=instant_of(row[2]))

    def put(self, entry: Entry) -> None:
        """Insert or replace an entry; the later of two simultaneous writes wins."""
        client_id, text = entry.metadata.client_id, entry.metadata.to_json()
        values: dict[str, Any] = {
            "client_id": client_id,
            "metadata": text,
            "fetched_at": entry.fetched_at.timestamp(),
            "expires_at": entry.expires_at.timestamp(),
        }
        upsert(self._db, self._table, {"digest": key_of(client_id)}, values)
        self._bound.note_write(len(text))

    def prune(self) -> None:
        """Delete the entries beyond the bound, the earliest expiry first."""
        self._bound.prune()

    def delete(self, client_id: str) -> None:
        """Delete a client."""
        with self._db.engine.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.digest == key_of(client_id)))

    def __iter__(self) -> Iterator[str]:
        """Yield the identifiers in the table."""
        with self._db.engine.connect() as connection:
            rows = connection.execute(select(self._table.c.client_id).order_by(self._table.c.client_id)).all()
        return iter([row[0] for row in rows])

    def __len__(self) -> int:
        """Return the number of rows."""
        with self._db.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(self._table)).scalar_one()
