"""CORS of documents and endpoints where tokens count and cookies do not: scripts of other origins may use them.

Credentials are never allowed, so a browser sends no cookie along and no page acts in a person's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Headers

#: Header fields that scripts need to read: challenges, nonces, sessions, and the time to wait.
EXPOSED = "WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Location, Retry-After"
#: RFC 9110 §5.6.2 tokens, as a browser lists the headers that it wants to send.
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,31}")
_USUAL = "Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Session-Id"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#: Seconds; browsers ask again after their own limit.
_REMEMBERED = "86400"


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The rule for scripts of other origins.

    Attributes:
        origins: those that may read answers, such as ``https://app.example``; ``None`` lets all of them.
    """

    origins: frozenset[str] | None = None

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers of every answer to a request with this ``Origin``."""
        if self.origins is None:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
        if origin is None or origin not in self.origins:
            return {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}

    def preflight(self, sent: Headers, methods: str = _METHODS) -> dict[str, str]:
        """Return the headers that answer a preflight; they allow nothing to an origin that may read nothing.

        Args:
            sent: the headers of the request; names have no case.
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
    """Return whether a browser asks if a script of another origin may send a request."""
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
