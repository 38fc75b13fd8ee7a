"""Where drawn logos are kept: in this process, or in the app's database."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Column, Float, LargeBinary, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

logger = logging.getLogger(__name__)

LOGO_TABLE_NAME = "cimd_logo"


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture that may be served until an instant; without ``png``, the memory that there is none."""

    png: bytes | None
    expires_at: datetime


class LogoStore(Protocol):
    """Keeps pictures by key; it may forget at any time."""

    def get(self, key: str) -> Logo | None:
        """Return what is kept, expired or not."""

    def put(self, key: str, logo: Logo) -> None:
        """Keep a picture in place of an older one."""


class MemoryLogoStore:
    """Pictures of one process, the least recently kept dropped first."""

    def __init__(self, size: int = 200) -> None:
        self._size = size
        self._logos: OrderedDict[str, Logo] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Logo | None:
        """Return what is kept."""
        return self._logos.get(key)

    def put(self, key: str, logo: Logo) -> None:
        """Keep a picture."""
        with self._lock:
            self._logos[key] = logo
            self._logos.move_to_end(key)
            while len(self._logos) > self._size:
                self._logos.popitem(last=False)


def logo_table(db: SQLAlchemy) -> Table:
    """Return the table, adding it to ``db.metadata`` on first use.

    Columns: ``key`` (primary key), ``png`` (bytes or null) and ``expires_at`` (seconds since 1970).
    """
    existing = db.metadata.tables.get(LOGO_TABLE_NAME)
    if existing is not None:
        return existing
    return Table(
        LOGO_TABLE_NAME,
        db.metadata,
        Column("key", String(64), primary_key=True),
        Column("png", LargeBinary),
        Column("expires_at", Float(53), nullable=False, index=True),
    )


class SQLAlchemyLogoStore:
    """Pictures in the app's database; needs an app context."""

    def __init__(self, db: SQLAlchemy, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._table = logo_table(db)

    def get(self, key: str) -> Logo | None:
        """Return what is kept."""
        table = self._table
        with self._db.engine.connect() as connection:
            row = connection.execute(select(table.c.png, table.c.expires_at).where(table.c.key == key)).first()
        return None if row is None else Logo(row[0], datetime.fromtimestamp(row[1], UTC))

    def put(self, key: str, logo: Logo) -> None:
        """Keep a picture and drop the expired ones."""
        table = self._table
        values: dict[str, Any] = {"key": key, "png": logo.png, "expires_at": logo.expires_at.timestamp()}
        expired = table.c.expires_at < self._clock().timestamp()
        try:
            with self._db.engine.begin() as connection:
                connection.execute(delete(table).where(expired | (table.c.key == key)))
                connection.execute(insert(table).values(**values))
        except IntegrityError:  # another process kept the same picture in between
            logger.debug("the logo is kept already")
