"""Columns of an app's own tables into which a client identifier URL does not fit."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, request_started

logger = logging.getLogger(__name__)

#: Characters of the longest client identifier URL.
LONGEST_CLIENT_ID = 2048
#: A table with one of these columns keeps what clients were given.
_OF_CLIENTS = frozenset({"access_token", "code", "token"})


def short_columns(metadata: Any) -> dict[str, int]:
    """Return the columns named ``client_id`` with less than 2048 characters, such as ``token.client_id``, and lengths.

    Columns of clients that the app registers itself may be short: tables without a column for tokens or codes are
    left out.

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
    """Log and return the columns named ``client_id`` that a client identifier URL of 2048 characters does not fit.

    PostgreSQL refuses longer values with an error. `CIMD` calls it at the first request of an app whose ``db`` it
    knows; call it yourself, when all models are defined, where it does not.
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
    """Warn of short columns when the app gets its first request: all models are defined by then."""

    def warn(sender: Flask, **_: Any) -> None:
        request_started.disconnect(warn, sender)
        warn_of_short_columns(db)

    request_started.connect(warn, app, weak=False)
