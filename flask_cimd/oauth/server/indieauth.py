"""Requests of IndieAuth's earlier versions that this server refuses in a way of its own."""

from __future__ import annotations

from flask import request

from ...core.legacy import LegacyRules
from ...core.metadata import ClientMetadata
from ...errors import OutdatedRequestError
from .parameters import values_of


def refuse_outdated(rules: LegacyRules, client: ClientMetadata | None) -> None:
    """Keep a loopback client's request of the first years on our own page, where such requests are switched off.

    Nothing is known of such a client, not even where its answers may go (RFC 9700 §4.11.2); a page of ours tells
    the person more than an error sent to an old program that does not expect one.

    Raises:
        OutdatedRequestError: for such a request alone.
    """
    if client is None or client.source != "loopback":
        return
    values = values_of(request)
    is_old_type = values.get("response_type") in (None, "", "id") and not rules.response_type
    lacks_challenge = not values.get("code_challenge") and rules.require_pkce
    if is_old_type or lacks_challenge:
        raise OutdatedRequestError("outdated-request", client.client_id, hint="no PKCE, or response_type is not code")
