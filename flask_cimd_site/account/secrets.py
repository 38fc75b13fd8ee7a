"""Secrets that are good once: recovery codes, recovery links, the first run's secret. Digests alone are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from secrets import choice, token_urlsafe
from typing import Any

from sqlalchemy import delete, func, insert, or_, select

from flask_cimd.core import digest_of
from flask_cimd_site.account.tables import SecretRow
from flask_cimd_site.models import db

_secrets: Any = SecretRow.__table__

#: Number of recovery codes, and characters of each: 16 of 32 are 80 bits.
CODES, _CODE_LENGTH = 10, 16
#: Digits and letters that nobody confuses on paper.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz" + "0"
LINK_LIFE, SET_UP_LIFE = timedelta(minutes=15), timedelta(hours=1)


class Kind(StrEnum):
    """What a secret opens."""

    CODE = "recovery-code"
    LINK = "recovery-link"
    SET_UP = "set-up"


def new_codes(now: datetime) -> list[str]:
    """Make ten recovery codes in place of all others; they do not expire."""
    codes = ["".join(choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(CODES)]
    with db.engine.begin() as connection:
        connection.execute(delete(_secrets).where(_secrets.c.kind == Kind.CODE))
        connection.execute(insert(_secrets), [_row(Kind.CODE, code, now, None) for code in codes])
    return ["-".join(code[start : start + 4] for start in range(0, _CODE_LENGTH, 4)) for code in codes]


def codes_left() -> int:
    """Return the number of recovery codes that have not been used."""
    with db.engine.connect() as connection:
        return int(connection.execute(select(func.count()).where(_secrets.c.kind == Kind.CODE)).scalar_one())


def new(kind: Kind, life: timedelta, now: datetime) -> str:
    """Make a secret in place of all others of its kind."""
    secret = token_urlsafe(32)
    with db.engine.begin() as connection:
        connection.execute(delete(_secrets).where(_secrets.c.kind == kind))
        connection.execute(insert(_secrets).values(**_row(kind, secret, now, life)))
    return secret


def holds(kind: Kind, secret: str, now: datetime) -> bool:
    """Return whether a secret is good, without using it."""
    with db.engine.connect() as connection:
        return connection.execute(select(_secrets.c.kind).where(_is(kind, secret, now))).first() is not None


def spend(kind: Kind, secret: str, now: datetime) -> bool:
    """Use a secret; ``False`` if it is unknown, used or expired. Of several at the same time, one gets ``True``."""
    with db.engine.begin() as connection:
        return bool(connection.execute(delete(_secrets).where(_is(kind, secret, now))).rowcount)


def is_waiting(kind: Kind, now: datetime) -> bool:
    """Return whether there is a good secret of this kind."""
    with db.engine.connect() as connection:
        found = connection.execute(select(_secrets.c.kind).where(_secrets.c.kind == kind, _lives(now))).first()
    return found is not None


def _row(kind: Kind, secret: str, now: datetime, life: timedelta | None) -> dict[str, Any]:
    ends = None if life is None else (now + life).timestamp()
    return {"digest": digest_of(secret), "kind": kind, "created_at": now.timestamp(), "expires_at": ends}


def _is(kind: Kind, secret: str, now: datetime) -> Any:
    typed = secret.lower().replace("-", "").replace(" ", "") if kind is Kind.CODE else secret.strip()
    return (_secrets.c.digest == digest_of(typed)) & (_secrets.c.kind == kind) & _lives(now)


def _lives(now: datetime) -> Any:
    return or_(_secrets.c.expires_at.is_(None), _secrets.c.expires_at > now.timestamp())
