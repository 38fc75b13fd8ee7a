"""What IndieAuth's older versions ask of a server beyond OAuth: each by a switch of `flask_cimd.core.legacy`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, jsonify, request

from ...core.metadata import ClientMetadata
from ...errors import OutdatedRequestError
from ..access import Access
from ..resource.protector import ResourceProtector, stored_access
from ..resource.schemes import TokenRefused

if TYPE_CHECKING:
    from .server import AuthorizationServer

_FORM = "application/x-www-form-urlencoded"


def verify_token(server: AuthorizationServer) -> Response:
    """Answer a GET that presents a token with whom it belongs to: ``me``, ``client_id`` and ``scope``.

    The token itself is what entitles to the answer. A token for another resource is refused: whoever asks in this
    way cannot see what it is meant for. JSON is answered to whoever takes it, a form to those who say nothing, as
    the first versions had it.
    """

    def find(secret: str) -> Access | None:
        return stored_access(server, secret)

    protector = ResourceProtector(find, audience=server.issuer)
    try:
        access = protector.admit().access
    except TokenRefused as refused:
        return protector.refuse(refused)
    members = {"me": access.subject, "client_id": access.client_id, "scope": " ".join(sorted(access.scope))}
    answer = jsonify(members) if _takes_json() else Response(urlencode(members), content_type=_FORM)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _takes_json() -> bool:
    if "Accept" not in request.headers:
        return False
    return request.accept_mimetypes.best_match(["application/json", _FORM]) != _FORM


def is_legacy_revocation(server: AuthorizationServer) -> bool:
    """Say whether a POST to the token endpoint is one of those that end a token (``action=revoke``)."""
    return server.legacy.revoke and request.form.get("action") == "revoke"


def refuse_outdated(server: AuthorizationServer, client: ClientMetadata | None) -> None:
    """Keep a loopback client's request of the first years on our own page, where such requests are switched off.

    Nothing is known of such a client, not even where its answers may go (RFC 9700 §4.11.2); a page of ours tells
    the person more than an error sent to an old program that does not expect one.

    Raises:
        OutdatedRequestError: for such a request alone.
    """
    if client is None or client.source != "loopback":
        return
    rules, values = server.legacy, request.values
    is_old_type = values.get("response_type") in (None, "", "id") and not rules.response_type
    lacks_challenge = not values.get("code_challenge") and rules.require_pkce
    if is_old_type or lacks_challenge:
        raise OutdatedRequestError("outdated-request", client.client_id, hint="no PKCE, or response_type is not code")
