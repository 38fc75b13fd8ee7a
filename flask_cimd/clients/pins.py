"""Pinned copies: documents that the operator stores for unreachable hosts."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from ..errors import DeadlineExceededError, FetchError
from ..fetch.fetcher import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A copy of a document or page; the current rules apply on each use.

    Attributes:
        media_type: lower case, without parameters.
        pinned_at: Unix time in seconds.
    """

    media_type: str
    charset: str | None = None
    body: bytes
    pinned_at: float

    def to_json(self) -> str:
        """Return the copy as JSON text for a store."""
        body = base64.b64encode(self.body).decode()
        return json.dumps(
            {"media_type": self.media_type, "charset": self.charset, "body": body, "pinned_at": self.pinned_at}
        )

    @classmethod
    def from_json(cls, text: str) -> Pin:
        """Return the copy for the text from `to_json`.

        Raises:
            ValueError: the text does not come from `to_json`.
        """
        try:
            values = json.loads(text)
            body = base64.b64decode(values.pop("body"), validate=True)
            return cls(body=body, **values)
        except (TypeError, KeyError, AttributeError) as exc:
            raise ValueError("not a pinned copy") from exc

    def as_response(self, url: str) -> Response:
        """Return the copy as a response of the host."""
        return Response(
            status=200,
            headers={},
            link_headers=(),
            media_type=self.media_type,
            charset=self.charset,
            body=self.body,
            url=url,
        )


def stands_in(error: FetchError, status: int | None) -> bool:
    """Return whether a pinned copy may replace a failed fetch.

    It may if the host is unreachable or refuses requests by servers, but not after a 404, a 410, a redirect or a
    document of another kind.

    Args:
        error: the error of the fetch.
        status: the HTTP status, or ``None`` without a response.
    """
    if status in (404, 410):  # even if the deadline passed before the body was read
        return False
    if isinstance(error, DeadlineExceededError) or error.phase in ("connect", "tls"):
        return True
    if error.phase == "resolve":
        return error.slug == "name-not-found"
    return error.slug in ("truncated", "bad-response") or status in (401, 403, 429) or (status or 0) >= 500
