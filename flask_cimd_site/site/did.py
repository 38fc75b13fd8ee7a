"""Identity documents of the AT Protocol: the DID document of the site, and the DID of its handle."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify

from flask_cimd.core import did_document, did_web
from flask_cimd.provider import allow_any_origin, preflight
from flask_cimd_site.services import services

blueprint = Blueprint("did", __name__)

#: Apps resolve the identity before every refresh; a short lifetime keeps that fast and changes visible soon.
_CACHING = "public, max-age=60"


blueprint.after_request(allow_any_origin)


@blueprint.get("/.well-known/did.json", provide_automatic_options=False)
def document() -> Response:
    """Serve the DID document of the site, unless the owner has a DID hosted elsewhere."""
    here = services().configuration
    if here.did != did_web(here.base_url):
        abort(404)
    return jsonify(did_document(here.did, handle=here.handle, endpoint=here.base_url))


@blueprint.get("/.well-known/atproto-did", provide_automatic_options=False)
def did() -> Response:
    """Serve the DID of the handle as plain text."""
    return Response(services().configuration.did, content_type="text/plain; charset=utf-8")


@blueprint.after_request
def allow_caching(answer: Response) -> Response:
    """Let caches keep these public documents for a minute."""
    if answer.status_code == 200:
        answer.headers["Cache-Control"] = _CACHING
    return answer


for _path in ("did.json", "atproto-did"):
    blueprint.add_url_rule(f"/.well-known/{_path}", "preflight", preflight, methods=["OPTIONS"])
