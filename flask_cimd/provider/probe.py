"""A probe for the operator: it reports how a request arrives at the running server behind a proxy.

``flask cimd doctor`` signs the probe with ``SECRET_KEY``. The server answers each probe once within five minutes; every
other request gets status 404, so that only operators learn about proxies and addresses.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, Response, abort, current_app, jsonify, request
from itsdangerous import BadData, URLSafeSerializer

from ..oauth.server.storage import new_secret
from .site import Site

#: Path below the provider's prefix.
PATH = "/authorize/probe"
#: Maximum age of a probe, which is also the maximum difference between the clocks of command and server.
_FRESH = timedelta(minutes=5)
_SALT = "flask-cimd probe"
_LONGEST = 4096
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix")


def new_probe(app: Flask, site: Site) -> str:
    """Return a signed probe that the provider answers once."""
    return _signer(app).dumps({"issuer": site.issuer, "at": site.clock().timestamp(), "nonce": new_secret()})


def answer_probe(site: Site) -> Response:
    """Return how the operator's request arrived; status 404 without a valid probe."""
    nonce = _fresh_nonce(site, request.form.get("probe", ""))
    now = site.clock()
    if nonce is None or not site.storage.use_once(f"probe:{nonce}", now + 2 * _FRESH, now):
        abort(404)
    answer = jsonify(_arrival())
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _signer(app: Flask) -> URLSafeSerializer:
    return URLSafeSerializer(app.secret_key or b"", salt=_SALT)


def _fresh_nonce(site: Site, probe: str) -> str | None:
    if len(probe) > _LONGEST:
        return None
    try:
        asked = _signer(current_app).loads(probe)
    except BadData:
        return None
    # The signature proves that this app created the members.
    age = abs(site.clock().timestamp() - asked["at"])
    return str(asked["nonce"]) if asked["issuer"] == site.issuer and age <= _FRESH.total_seconds() else None


def _arrival() -> dict[str, Any]:
    environ = request.environ
    before = environ.get("werkzeug.proxy_fix.orig", environ)  # the environment before ProxyFix
    return {
        "scheme": request.scheme,
        "host": request.host,
        "address": request.remote_addr,
        "peer_scheme": before.get("wsgi.url_scheme") or request.scheme,
        "peer_host": before.get("HTTP_HOST"),
        "peer_address": before.get("REMOTE_ADDR"),
        "forwarded": {name: request.headers[name] for name in _FORWARDED if name in request.headers},
    }
