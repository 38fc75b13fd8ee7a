"""Where the AT Protocol finds the owner: the site's own DID document, and the DID behind its name."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify

from demo.services import services
from flask_cimd.core.did import did_document, did_web

blueprint = Blueprint("did", __name__)

#: Apps walk this chain before every refresh; a short memory keeps it fast and its changes quick.
_CACHING = "public, max-age=60"


@blueprint.get("/.well-known/did.json")
def document() -> Response:
    """Serve the site's DID document, unless the owner has a DID that somebody else keeps."""
    here = services().configuration
    if here.did != did_web(here.base_url):
        abort(404)
    return jsonify(did_document(here.did, handle=here.handle, endpoint=here.base_url))


@blueprint.get("/.well-known/atproto-did")
def did() -> Response:
    """Serve the DID of the owner's handle, and nothing else."""
    return Response(services().configuration.did, content_type="text/plain; charset=utf-8")


@blueprint.after_request
def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read what is public anyhow."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    if answer.status_code == 200:
        answer.headers["Cache-Control"] = _CACHING
    return answer
