"""CORS headers (WHATWG Fetch) of endpoints for programs: scripts of any origin may read the responses."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, request

#: List of header names (RFC 9110 §5.6.2) in ``Access-Control-Request-Headers``.
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,31}")
_EXPOSED = "DPoP-Nonce, WWW-Authenticate, Location, Retry-After"


def preflight(**_: Any) -> Response:
    """Answer a CORS preflight request; a view for the method ``OPTIONS`` of any route."""
    return allow_any_origin(Response(status=204, headers={"Access-Control-Max-Age": "86400"}))


def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the response; only for views that ignore cookies.

    Usable with ``blueprint.after_request``.
    """
    headers: Any = answer.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS":
        asked = request.headers.get("Access-Control-Request-Headers", "")
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = (
            asked if _HEADER_LIST.fullmatch(asked) else "Authorization, Content-Type, DPoP"
        )
        headers["Vary"] = "Access-Control-Request-Headers"
    return answer
