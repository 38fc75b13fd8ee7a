"""The store in the app's own database: JSON text in tables, no pickles.

The tables join ``db.metadata``, so ``db.create_all()`` and migrations see them; this package ships no migrations.
Statements run on connections of their own: a look-up never commits or rolls back a transaction of the app. The one
exception is SQLite in memory (``sqlite://``), which is for tests: the whole process has one connection there, so a
look-up commits what the app has not committed yet.
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
    """Return the table, adding it to ``db.metadata`` on first use.

    Columns: ``digest`` (SHA-256 of the identifier, primary key, because some databases cannot index 2048
    characters), ``client_id``, ``metadata`` (JSON text), ``fetched_at`` and ``expires_at`` (seconds since 1970).
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
    """A store in the database behind a Flask-SQLAlchemy ``db``; needs an app context.

    Args:
        db: the app's extension object.
        size: approximate number of entries kept, and as many key sets and logos; the ones that expire first are
            dropped first. Each process counts the rows after 64 writes, or after ``size`` / 100 if that is more.
        max_bytes: approximate number of bytes of the entries' JSON texts, and as many of key sets and logos; dropped
            in the same order. Each process adds them up after it wrote a hundredth of them.
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
        # A client's row changes once an hour and is read at every request: parsing costs as much as reading.
        self._parse = lru_cache(maxsize=PARSED)(ClientMetadata.from_json)

    def get(self, identifier: ClientIdentifier) -> Entry | None:
        """Return the entry; a row that this version cannot read is a miss."""
        # One statement is a transaction by itself: PostgreSQL gets no BEGIN and no ROLLBACK.
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
        """Insert or replace an entry; of two writers at once the later one wins."""
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
        """Drop the entries beyond the bound, the ones that expired first."""
        self._bound.prune()

    def delete(self, client_id: str) -> None:
        """Forget a client."""
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
