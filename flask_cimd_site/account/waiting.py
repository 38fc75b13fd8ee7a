"""The app that waits while the owner logs in, as the login page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import session

from flask_cimd.core import WebURL, safe_text

_MEMBER = "waiting"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class WaitingApp:
    """An app: its host, and the address of its site, to which the owner may go back."""

    host: str
    address: str | None


def note(target: str, client_id: str) -> None:
    """Remember which app's request goes on at this path after the login."""
    session[_MEMBER] = [target, client_id[:_LONGEST]]


def app_behind(target: str) -> WaitingApp | None:
    """Return the app whose request goes on at this path, if it is one of this browser."""
    known = session.get(_MEMBER)
    if known is None or known[0] != target:
        return None
    url = WebURL.parse(known[1])
    if url is None:
        return None  # an app that is registered here has no address of its own
    return WaitingApp(host=safe_text(url.host, _LONGEST), address=url.origin + "/")
