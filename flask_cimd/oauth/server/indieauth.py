"""Rules of IndieAuth for authorization requests: outdated ones, and the scope ``email``."""

from __future__ import annotations

from collections.abc import Collection

from flask import request

from ...core.legacy import LegacyRules
from ...core.metadata import ClientMetadata
from ...errors import OutdatedRequestError
from .parameters import values_of


def refuse_outdated(rules: LegacyRules, client: ClientMetadata | None) -> None:
    """Refuse an outdated request of a loopback client on a page of this server, unless the settings allow it.

    A loopback client publishes no redirect URI, so an error redirect could go anywhere (RFC 9700 §4.11.2). The page
    also explains the error better than an old program could.

    Raises:
        OutdatedRequestError: a loopback client sent no PKCE challenge, or another ``response_type`` than ``code``.
    """
    if client is None or client.source != "loopback":
        return
    values = values_of(request)
    is_old_type = values.get("response_type") in (None, "", "id") and not rules.response_type
    lacks_challenge = not values.get("code_challenge") and rules.require_pkce
    if is_old_type or lacks_challenge:
        raise OutdatedRequestError("outdated-request", client.client_id, hint="no PKCE, or response_type is not code")


def without_lonely_email(words: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the scopes without ``email`` if ``profile`` is missing (IndieAuth §5.3.4: never on its own).

    Args:
        words: requested or granted scopes.
        known: scopes of this server; the rule needs ``profile`` among them.
    """
    is_lonely = "profile" in known and "profile" not in words
    return tuple(word for word in words if word != "email" or not is_lonely)
