"""Mix-ins for servers on Authlib's own SQLAlchemy models: a client identifier URL fits into their ``client_id``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from authlib.integrations.sqla_oauth2 import OAuth2AuthorizationCodeMixin, OAuth2TokenMixin
from sqlalchemy import Column, String, Text

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

logger = logging.getLogger(__name__)

#: Characters of the longest client identifier URL.
_LONGEST = 2048


class URLClientCodeMixin(OAuth2AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's ``OAuth2AuthorizationCodeMixin`` with a ``client_id`` of any length; Authlib's has 48 characters."""

    client_id = Column(Text)


class URLClientTokenMixin(OAuth2TokenMixin):  # type: ignore[misc]
    """Authlib's ``OAuth2TokenMixin`` with a ``client_id`` of any length; Authlib's has 48 characters."""

    client_id = Column(Text)


def warn_of_short_columns(db: SQLAlchemy) -> list[str]:
    """Log and return the columns named ``client_id`` that a client identifier URL of 2048 characters does not fit.

    PostgreSQL refuses longer values with an error. Columns of clients that the app registers itself may be short:
    tables without a column for tokens or codes are left out. Call it when all models are defined.
    """
    found = []
    for table in db.metadata.tables.values():
        column = table.columns.get("client_id")
        if column is None or not {"access_token", "code", "token"} & set(table.columns.keys()):
            continue
        length = column.type.length if isinstance(column.type, String) else None
        if length is not None and length < _LONGEST:
            found.append(f"{table.name}.client_id")
            logger.warning(
                "%s.client_id holds %d characters; a client URL has up to 2048: use Text", table.name, length
            )
    return found
