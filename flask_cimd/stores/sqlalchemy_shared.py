"""Leases, operator's records, key sets and logos in the app's own database.

Statements run on separate connections, as in `flask_cimd.stores.sqlalchemy`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, LargeBinary, String, Table, Text, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ..core.leases import Lease
from .port import SHARED_BYTES, Fetched, instant_of, key_of, raises_store_error

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

logger = logging.getLogger(__name__)

LEASE_TABLE_NAME = "cimd_lease"
RECORD_TABLE_NAME = "cimd_record"
FETCHED_TABLE_NAME = "cimd_fetched"
#: Minimum number of writes of a process between two counts of a table's rows.
PRUNE_EVERY = 64
#: Number of leases that a process takes between two deletions of expired leases.
FORGET_EVERY = 64


def table_of(db: SQLAlchemy, name: str, *columns: Column[Any]) -> Table:
    """Return a table of ``db.metadata``; the first call adds it with these columns."""
    existing = db.metadata.tables.get(name)
    return Table(name, db.metadata, *columns) if existing is None else existing


def lease_table(db: SQLAlchemy) -> Table:
    """Return the table of leases; the first call adds it to ``db.metadata``.

    Columns: ``digest`` as in `client_table`, ``owner`` (a random name), ``expires_at`` (Unix time in seconds) and
    ``outcome`` (result of the fetch without remote text; null while it runs).
    """
    return table_of(
        db,
        LEASE_TABLE_NAME,
        Column("digest", String(64), primary_key=True),
        Column("owner", String(32), nullable=False),
        Column("expires_at", Float(53), nullable=False, index=True),
        Column("outcome", Text),
    )


def record_table(db: SQLAlchemy) -> Table:
    """Return the table of records; the first call adds it to ``db.metadata``.

    Columns: ``kind`` and ``digest`` (SHA-256 of the subject) are the primary key; ``subject`` and ``value``.
    """
    return table_of(
        db,
        RECORD_TABLE_NAME,
        Column("kind", String(16), primary_key=True),
        Column("digest", String(64), primary_key=True),
        Column("subject", Text, nullable=False),
        Column("value", Text, nullable=False),
    )


def fetched_table(db: SQLAlchemy) -> Table:
    """Return the table of key sets and logos; the first call adds it to ``db.metadata``.

    Columns: ``key`` (primary key), ``content`` (bytes or null) and ``expires_at`` (Unix time in seconds).
    """
    return table_of(
        db,
        FETCHED_TABLE_NAME,
        Column("key", String(64), primary_key=True),
        Column("content", LargeBinary),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


def upsert(db: SQLAlchemy, table: Table, keys: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert or replace one row; the later of two simultaneous writes wins."""
    change = update(table).where(*(table.c[name] == key for name, key in keys.items())).values(**values)
    with db.engine.begin() as connection:
        if connection.execute(change).rowcount:
            return
    try:
        with db.engine.begin() as connection:
            connection.execute(insert(table).values(**keys, **values))
    except IntegrityError:  # another process inserted it meanwhile
        with db.engine.begin() as connection:
            connection.execute(change)


class Bound:
    """Bounds the rows of a table and their bytes; the ones that expire first are dropped first.

    Args:
        key: the primary key.
        content: the column whose bytes count.
        size: approximate number of rows kept. Each process looks at the table after `PRUNE_EVERY` writes, or after
            ``size`` / 100 if that is more.
        max_bytes: approximate number of bytes kept. Each process looks after writing a hundredth of them.
    """

    def __init__(self, db: SQLAlchemy, table: Table, key: str, content: str, *, size: int, max_bytes: int) -> None:
        self._db, self._table, self._key = db, table, table.c[key]
        self._size, self._max_bytes = size, max_bytes
        self._writes, self._written = count(1), 0
        self._every, self._every_bytes = max(PRUNE_EVERY, size // 100), max_bytes // 100
        # The metadata of clients is ASCII: its characters are its bytes.
        bytes_ = func.coalesce(func.length(table.c[content]), 0)
        self._totals = select(func.count(), func.coalesce(func.sum(bytes_), 0)).select_from(table)
        order = [table.c.expires_at.desc(), self._key]
        ranked = select(
            self._key.label("key"),
            func.row_number().over(order_by=order).label("rows"),
            func.sum(bytes_).over(order_by=order).label("bytes"),
        ).subquery()
        surplus = select(ranked.c.key).where((ranked.c.rows > size) | (ranked.c.bytes > max_bytes))
        self._drop = delete(table).where(self._key.in_(surplus))

    def note_write(self, written: int) -> None:
        """Count a write of so many bytes, and prune the table when it is due."""
        self._written += written
        if next(self._writes) % self._every == 0 or self._written >= self._every_bytes:
            self._written = 0
            self.prune()

    def prune(self) -> None:
        """Delete the rows beyond the bound."""
        with self._db.engine.begin() as connection:
            rows, bytes_ = connection.execute(self._totals).one()
            if rows > self._size or bytes_ > self._max_bytes:
                connection.execute(self._drop)


@raises_store_error(SQLAlchemyError)
class SQLAlchemyLeases:
    """Leases as rows; one conditional statement takes a lease. Needs an app context."""

    def __init__(self, db: SQLAlchemy) -> None:
        self._db = db
        self._table = lease_table(db)
        self._taken = count(1)

    def take(self, client_id: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease if it is free; return whether it was."""
        table, key = self._table, key_of(client_id)
        if next(self._taken) % FORGET_EVERY == 0:
            self._forget_expired(now)
        values = {"owner": owner, "expires_at": until.timestamp(), "outcome": None}
        is_free = or_(table.c.expires_at <= now.timestamp(), table.c.outcome.is_not(None))
        with self._db.engine.begin() as connection:
            if connection.execute(update(table).where(table.c.digest == key, is_free).values(**values)).rowcount:
                return True
        try:
            with self._db.engine.begin() as connection:
                connection.execute(insert(table).values(digest=key, **values))
        except IntegrityError:  # another owner has the lease
            return False
        return True

    def look(self, client_id: str) -> Lease | None:
        """Return the lease, or ``None``."""
        table = self._table
        query = select(table.c.expires_at, table.c.outcome).where(table.c.digest == key_of(client_id))
        with self._db.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Lease(expires_at=instant_of(row[0]), outcome=row[1])

    def finish(self, client_id: str, owner: str, outcome: str) -> None:
        """Record the outcome and release the lease."""
        table = self._table
        mine = (table.c.digest == key_of(client_id)) & (table.c.owner == owner)
        with self._db.engine.begin() as connection:
            connection.execute(update(table).where(mine).values(outcome=outcome))

    def _forget_expired(self, now: datetime) -> None:
        with self._db.engine.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.expires_at <= now.timestamp()))


@raises_store_error(SQLAlchemyError)
class SQLAlchemyRecords:
    """Records as rows; needs an app context."""

    def __init__(self, db: SQLAlchemy) -> None:
        self._db = db
        self._table = record_table(db)

    def all(self, kind: str) -> dict[str, str]:
        """Return every record of a kind by its subject."""
        table = self._table
        query = select(table.c.subject, table.c.value).where(table.c.kind == kind).order_by(table.c.subject)
        with self._db.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def subjects(self, kind: str) -> list[str]:
        """Return the subjects of a kind."""
        query = select(self._table.c.subject).where(self._table.c.kind == kind).order_by(self._table.c.subject)
        with self._db.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def get(self, kind: str, subject: str) -> str | None:
        """Return one record, or ``None``."""
        with self._db.engine.connect() as connection:
            return connection.execute(select(self._table.c.value).where(self._is(kind, subject))).scalar()

    def put(self, kind: str, subject: str, value: str) -> None:
        """Store a record; the later of two simultaneous writes wins."""
        keys = {"kind": kind, "digest": key_of(subject)}
        upsert(self._db, self._table, keys, {"subject": subject, "value": value})

    def remove(self, kind: str, subject: str) -> bool:
        """Delete a record; return whether it existed."""
        with self._db.engine.begin() as connection:
            return connection.execute(delete(self._table).where(self._is(kind, subject))).rowcount > 0

    def _is(self, kind: str, subject: str) -> Any:
        return (self._table.c.kind == kind) & (self._table.c.digest == key_of(subject))


@raises_store_error(SQLAlchemyError)
class SQLAlchemyFetchedStore:
    """Key sets and logos as rows; needs an app context.

    Args:
        size: approximate maximum number of items; the earliest expiry is deleted first.
        max_bytes: approximate number of their bytes kept.
    """

    def __init__(self, db: SQLAlchemy, size: int, max_bytes: int = SHARED_BYTES) -> None:
        self._db = db
        self._table = fetched_table(db)
        self._bound = Bound(db, self._table, "key", "content", size=size, max_bytes=max_bytes)

    def get(self, key: str) -> Fetched | None:
        """Return the item, or ``None``."""
        table = self._table
        with self._db.engine.connect() as connection:
            row = connection.execute(select(table.c.content, table.c.expires_at).where(table.c.key == key)).first()
        return None if row is None else Fetched(row[0], instant_of(row[1]))

    def put(self, key: str, found: Fetched, now: datetime) -> None:
        """Store an item and delete expired items."""
        table = self._table
        values: dict[str, Any] = {"key": key, "content": found.content, "expires_at": found.expires_at.timestamp()}
        expired = table.c.expires_at < now.timestamp()
        try:
            with self._db.engine.begin() as connection:
                connection.execute(delete(table).where(expired | (table.c.key == key)))
                connection.execute(insert(table).values(**values))
        except IntegrityError:  # another process stored the same item meanwhile
            logger.debug("it is kept already")
        self._bound.note_write(len(found.content or b""))
