"""Find columns in an app's own tables that are too short for a client identifier URL."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, request_started

logger = logging.getLogger(__name__)

#: Maximum length of a client identifier URL, in characters.
LONGEST_CLIENT_ID = 2048
#: A table with one of these columns stores codes or tokens of clients.
_OF_CLIENTS = frozenset({"access_token", "code", "token"})


def short_columns(metadata: Any) -> dict[str, int]:
    """Return the length of each ``client_id`` column with less than 2048 characters, by ``table.column``.

    Tables without a column for tokens or codes are omitted: clients that the app registers can have short identifiers.

    Args:
        metadata: SQLAlchemy's ``MetaData`` of the app's models.
    """
    found = {}
    for table in metadata.tables.values():
        column = table.columns.get("client_id")
        if column is None or not _OF_CLIENTS & set(table.columns.keys()):
            continue
        length = getattr(column.type, "length", None)
        if length is not None and length < LONGEST_CLIENT_ID:
            found[f"{table.name}.client_id"] = length
    return found


def warn_of_short_columns(db: Any) -> list[str]:
    """Log and return the ``client_id`` columns that are shorter than 2048 characters.

    PostgreSQL refuses longer values with an error. `CIMD` calls this function at the first request if it knows the
    app's ``db``; otherwise call it after all models are defined.
    """
    found = short_columns(db.metadata)
    for name, length in found.items():
        logger.warning(
            "%s holds %d characters; a client URL has up to %d: use Text, or the mix-ins of flask_cimd.provider",
            name,
            length,
            LONGEST_CLIENT_ID,
        )
    return list(found)


def warn_at_first_request(app: Flask, db: Any) -> None:
    """Warn about short columns at the app's first request, when all models are defined."""

    def warn(sender: Flask, **_: Any) -> None:
        request_started.disconnect(warn, sender)
        warn_of_short_columns(db)

    request_started.connect(warn, app, weak=False)
