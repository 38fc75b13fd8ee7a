"""What IndieAuth asked of the token endpoint before it had introspection and revocation of its own (before 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, jsonify, request

from .protect import Access, ResourceProtector, TokenRefused, stored_access

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
        access = protector.admit()
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
