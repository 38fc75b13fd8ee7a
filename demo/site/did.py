"""Identity documents of the AT Protocol: the DID document of the site, and the DID of its handle."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify

from demo.services import services
from flask_cimd.core import did_document, did_web

blueprint = Blueprint("did", __name__)

#: Apps resolve the identity before every refresh; a short lifetime keeps that fast and changes visible soon.
_CACHING = "public, max-age=60"


@blueprint.get("/.well-known/did.json")
def document() -> Response:
    """Serve the DID document of the site, unless the owner has a DID hosted elsewhere."""
    here = services().configuration
    if here.did != did_web(here.base_url):
        abort(404)
    return jsonify(did_document(here.did, handle=here.handle, endpoint=here.base_url))


@blueprint.get("/.well-known/atproto-did")
def did() -> Response:
    """Serve the DID of the handle as plain text."""
    return Response(services().configuration.did, content_type="text/plain; charset=utf-8")


@blueprint.after_request
def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read these public documents."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    if answer.status_code == 200:
        answer.headers["Cache-Control"] = _CACHING
    return answer
