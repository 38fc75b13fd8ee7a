"""The password of the owner, kept as a scrypt hash in the database."""

from __future__ import annotations

import logging
import unicodedata
from datetime import datetime
from secrets import token_bytes
from threading import BoundedSemaphore
from typing import Any

from flask_babel import gettext
from sqlalchemy import select, update
from werkzeug.security import check_password_hash, generate_password_hash

from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.tables import AccountRow
from flask_cimd_site.config import SHORTEST_PASSWORD, Configuration
from flask_cimd_site.models import db, insert_into
from flask_cimd_site.services import services

logger = logging.getLogger(__name__)

_account: Any = AccountRow.__table__
_ONLY = 1
#: Most characters of a new password.
LONGEST = 1000
#: Hashes that a process computes at the same time; each takes 32 MiB of memory and a tenth of a second.
_AT_ONCE = BoundedSemaphore(2)
#: scrypt with N = 2^15, r = 8, p = 1; in development N = 2^10, since that mode protects nothing.
_METHOD, _DEVELOPMENT_METHOD = "scrypt:32768:8:1", "scrypt:1024:8:1"


def seed(configuration: Configuration, now: datetime) -> None:
    """Make the account from the password of the configuration, or warn if the account has another one."""
    if not has_account():
        given = configuration.owner_password_hash
        if given is None and configuration.owner_password is not None:
            given = make_hash(configuration.owner_password, development=configuration.development)
        if given is not None:
            create(given, now)
    elif _differs(configuration):
        logger.warning(
            "the owner's password is not the one in DEMO_OWNER_PASSWORD or DEMO_OWNER_PASSWORD_HASH, which a new site "
            "begins with: remove the variable, or run `flask-cimd-site owner set-password`"
        )


def has_account() -> bool:
    """Return whether the site has an owner."""
    with db.engine.connect() as connection:
        return connection.execute(select(_account.c.id)).first() is not None


def create(password_hash: str | None, now: datetime, handle: bytes | None = None) -> bool:
    """Make the account; ``False`` if there is one already."""
    values = {
        "id": _ONLY,
        "user_handle": handle or token_bytes(32),
        "password_hash": password_hash,
        "created_at": now.timestamp(),
        "password_set_at": None if password_hash is None else now.timestamp(),
    }
    with db.engine.begin() as connection:
        return bool(
            connection.execute(
                insert_into(_account, connection.dialect.name).values(values).on_conflict_do_nothing()
            ).rowcount
        )


def is_right(password: str) -> bool:
    """Return whether this is the password of the owner."""
    known = _known_hash()
    return known is not None and _matches(known, password)


def change(password: str, now: datetime) -> None:
    """Replace the password.

    Raises:
        AccountError: ``password-length``.
    """
    check_length(password)
    changed = make_hash(password, development=services().configuration.development)
    with db.engine.begin() as connection:
        connection.execute(update(_account).values(password_hash=changed, password_set_at=now.timestamp()))


def is_long_enough(password: str) -> bool:
    """Return whether a password has 12 to 1000 characters."""
    return SHORTEST_PASSWORD <= len(password) <= LONGEST


def check_length(password: str) -> None:
    """Refuse a password that has not 12 to 1000 characters, as `change` does."""
    if not is_long_enough(password):
        raise AccountError(
            "password-length",
            gettext("A password has %(least)s to %(most)s characters.", least=SHORTEST_PASSWORD, most=LONGEST),
        )


def has_password() -> bool:
    """Return whether the owner can log in with a password."""
    return _known_hash() is not None


def user_handle() -> bytes:
    """Return the random name of the account that passkeys carry."""
    with db.engine.connect() as connection:
        found: bytes = connection.execute(select(_account.c.user_handle)).scalar_one()
    return found


def make_hash(password: str, *, development: bool) -> str:
    """Return the hash that the database keeps."""
    with _AT_ONCE:
        return generate_password_hash(_normal(password), method=_DEVELOPMENT_METHOD if development else _METHOD)


def _known_hash() -> str | None:
    with db.engine.connect() as connection:
        found: str | None = connection.execute(select(_account.c.password_hash)).scalar()
    return found


def _matches(known: str, password: str) -> bool:
    with _AT_ONCE:
        return check_password_hash(known, _normal(password))


def _normal(password: str) -> str:
    # RFC 8265 §4.2: keyboards write one character in several ways.
    return unicodedata.normalize("NFC", password)


def _differs(configuration: Configuration) -> bool:
    known = _known_hash()
    if configuration.owner_password_hash is not None:
        return known != configuration.owner_password_hash
    if configuration.owner_password is None:
        return False
    return known is None or not _matches(known, configuration.owner_password)
