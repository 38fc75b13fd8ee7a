"""Challenges of passkeys: kept in the signed session of the browser, and good for one answer.

A stranger who opens the login page writes nothing to the database; a challenge that has been answered is kept there
until it would have expired.
"""

from __future__ import annotations

import hashlib
from secrets import token_bytes
from typing import Any

from flask import session
from flask_babel import gettext
from sqlalchemy import delete
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.tables import ChallengeRow
from flask_cimd_site.models import db, insert_into
from flask_cimd_site.services import services

_MEMBER = "challenge"
#: Seconds in which another page of the browser gets the same challenge, and seconds in which it may be answered.
_SHARED, _LIFE = 300, 900
_used: Any = ChallengeRow.__table__


def issue() -> bytes:
    """Return the challenge of this browser."""
    now = services().clock().timestamp()
    known = session.get(_MEMBER)
    if known is None or now - known[1] >= _SHARED:
        session[_MEMBER] = known = [bytes_to_base64url(token_bytes(32)), now]
    return base64url_to_bytes(known[0])


def current() -> bytes:
    """Return the challenge that this browser has to answer.

    Raises:
        AccountError: ``challenge-expired``.
    """
    known = session.get(_MEMBER)
    if known is None or services().clock().timestamp() - known[1] >= _LIFE:
        raise AccountError("challenge-expired", gettext("That took too long. Try again."))
    return base64url_to_bytes(known[0])


def spend(challenge: bytes) -> None:
    """Note that a challenge has been answered.

    Raises:
        AccountError: ``challenge-used``; an answer was sent before.
    """
    now = services().clock().timestamp()
    session.pop(_MEMBER, None)
    with db.engine.begin() as connection:
        connection.execute(delete(_used).where(_used.c.expires_at <= now))
        values = {"digest": hashlib.sha256(challenge).hexdigest(), "expires_at": now + _LIFE}
        if not connection.execute(
            insert_into(_used, connection.dialect.name).values(values).on_conflict_do_nothing()
        ).rowcount:
            raise AccountError("challenge-used", gettext("This answer of the passkey was used before. Try again."))
