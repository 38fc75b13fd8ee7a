"""Letting the owner in: what every way to log in ends with."""

from __future__ import annotations

from flask_cimd_site.account import known_browsers, secrets, sessions
from flask_cimd_site.account.attempts import Attempt
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.passwords import is_right
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.services import services


def let_in(method: str, *, kind: Kind = Kind.LOGIN, detail: str = "") -> None:
    """Begin a session in this browser, and know the browser from now on."""
    known_browsers.remember()
    sessions.begin(method)
    record(kind, detail=f"{method} {detail}".strip())


def check_password(password: str, wrong: str) -> None:
    """Judge a password, within the limit on guesses.

    Args:
        password: as it was typed.
        wrong: the sentence for a wrong one.

    Raises:
        AccountError: ``wrong-password`` or ``too-many-attempts``.
    """
    with Attempt():
        if not is_right(password):
            raise AccountError("wrong-password", wrong)


def spend_secret(kind: secrets.Kind, secret: str, wrong: str) -> None:
    """Use a secret that is good once, within the limit on guesses.

    Args:
        kind: what it opens.
        secret: as it was typed.
        wrong: the sentence for one that is unknown, used or expired.

    Raises:
        AccountError: ``wrong-recovery-code``, ``wrong-set-up`` or ``too-many-attempts``.
    """
    with Attempt():
        if not secrets.spend(kind, secret, services().clock()):
            raise AccountError(f"wrong-{kind}", wrong)
