"""The two identity methods of the AT Protocol that a site without a Personal Data Server can answer.

All other methods are refused with the errors of the protocol (https://atproto.com/specs/xrpc).
"""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from flask_cimd.oauth import DPoPScheme, ResourceProtector, TokenRefused
from flask_cimd_site.provider.protection import find_access, read_dpop
from flask_cimd_site.services import services

blueprint = Blueprint("xrpc", __name__, url_prefix="/xrpc")

PREFIX = "/xrpc/"
#: https://atproto.com/specs/nsid: a domain name in reverse, whose labels neither begin nor end with a hyphen, and a
#: plain name.
_LABEL_END = "(?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NSID = re.compile(rf"[a-zA-Z]{_LABEL_END}(?:\.[a-zA-Z0-9]{_LABEL_END})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}")
_MAX_NSID = 317
_QUERIES = frozenset({"com.atproto.identity.resolveHandle", "com.atproto.server.getSession"})
_ERRORS = {None: "AuthMissing", "invalid_token": "InvalidToken", "insufficient_scope": "Forbidden"}


def _refused(refused: TokenRefused) -> Response:
    name = _ERRORS.get(refused.error, refused.error or "")
    return jsonify(error=name, message=refused.description or "Send an access token with a DPoP proof.")


#: The official client of the AT Protocol fails on a challenge that begins with another scheme than DPoP.
session = ResourceProtector(
    find_access,
    audience=lambda: services().server.issuer,
    schemes=(DPoPScheme(read_dpop),),
    respond=_refused,
)


@blueprint.get("/com.atproto.identity.resolveHandle")
def resolve_handle() -> Response:
    """Answer with the DID of the owner's handle; other handles are unknown here."""
    here = services().configuration
    if request.args.get("handle", "").lower() != here.handle:
        return answer_error(400, "InvalidRequest", "Unable to resolve handle")
    return jsonify(did=here.did)


@blueprint.get("/com.atproto.server.getSession")
@session("atproto")
def get_session() -> Response:
    """Answer with the account of the session."""
    here = services().configuration
    return jsonify(handle=here.handle, did=here.did, active=True)


@blueprint.route("/", defaults={"method": ""}, methods=["GET", "POST"])
@blueprint.route("/<path:method>", methods=["GET", "POST"])
def other(method: str) -> Response:
    """Refuse all other methods."""
    if len(method) > _MAX_NSID or not _NSID.fullmatch(method):
        return answer_error(400, "InvalidRequest", "The path does not name a method")
    if method in _QUERIES:
        return answer_error(405, "InvalidRequest", "This method is a query; send a GET request")
    return answer_error(501, "MethodNotImplemented", "This site is not a Personal Data Server")


def answer_error(status: int, error: str, message: str) -> Response:
    """Return an error in the format of the protocol."""
    answer = jsonify(error=error, message=message)
    answer.status_code = status
    return answer


def answer_exception(status: int) -> Response:
    """Return an error of the framework in the format of the protocol."""
    name = "InvalidRequest" if status < 500 else "InternalServerError"
    return answer_error(status, name, HTTPStatus(status).phrase)


@blueprint.after_request
def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin call: cookies are ignored here. ``*`` would not cover the header Authorization."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
    answer.headers["Access-Control-Allow-Headers"] = (
        "Authorization, DPoP, Content-Type, Atproto-Proxy, Atproto-Accept-Labelers"
    )
    answer.headers["Access-Control-Expose-Headers"] = "DPoP-Nonce, WWW-Authenticate"
    return answer
