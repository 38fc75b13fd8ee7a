"""CORS for documents and endpoints that read tokens but no cookies.

Credentials are never allowed: browsers send no cookies, so a page of another origin cannot act as the user.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Headers

#: Response header fields that scripts may read.
EXPOSED = "WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Location, Retry-After"
#: The value of ``Access-Control-Request-Headers``: at most 32 tokens (RFC 9110 §5.6.2).
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,31}")
_USUAL = "Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Session-Id"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#: ``Access-Control-Max-Age`` in seconds; browsers apply their own limits.
_REMEMBERED = "86400"


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The rule for scripts of other origins.

    Attributes:
        origins: origins that may read responses, such as ``https://app.example``; ``None`` allows every origin.
    """

    origins: frozenset[str] | None = None

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers for every response to a request with this ``Origin``."""
        if self.origins is None:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
        if origin is None or origin not in self.origins:
            return {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}

    def preflight(self, sent: Headers, methods: str = _METHODS) -> dict[str, str]:
        """Return the headers for the response to a preflight request; a refused origin gets no permission.

        Args:
            sent: header fields of the request; names are case-insensitive.
            methods: the allowed methods, separated by commas.
        """
        found = self.headers(sent.get("Origin"))
        vary = ", ".join(filter(None, (found.get("Vary"), "Access-Control-Request-Headers")))
        if "Access-Control-Allow-Origin" not in found:
            return {**found, "Vary": vary}
        asked = sent.get("Access-Control-Request-Headers", "")
        return {
            **found,
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": asked if _HEADER_LIST.fullmatch(asked) else _USUAL,
            "Access-Control-Max-Age": _REMEMBERED,
            "Vary": vary,
        }


def is_preflight(method: str, sent: Headers) -> bool:
    """Return whether a request is a CORS preflight request."""
    return method == "OPTIONS" and "Origin" in sent and "Access-Control-Request-Method" in sent


#: For public documents and for endpoints that any app may call.
ANY_ORIGIN = CrossOrigin()


def preflight(**_: Any) -> Response:
    """Answer a CORS preflight request; a view for the method ``OPTIONS`` of any route."""
    return allow_any_origin(Response(status=204))


def allow_any_origin(answer: Response) -> Response:
    """Let scripts of any origin read the response; only for views that ignore cookies.

    Usable with ``blueprint.after_request``.
    """
    is_question = request.method == "OPTIONS"
    headers = ANY_ORIGIN.preflight(request.headers, "GET, POST, OPTIONS") if is_question else ANY_ORIGIN.headers(None)
    answer.headers.update(headers)
    return answer
