"""Pinned copies: a document that the operator keeps for a host that cannot be reached."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from ..errors import DeadlineExceededError, FetchError
from ..fetch.fetcher import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A copy of a document or page; today's rules are applied on each use.

    Attributes:
        media_type: lower case, without parameters.
        pinned_at: seconds since 1970.
    """

    media_type: str
    charset: str | None = None
    body: bytes
    pinned_at: float

    def to_json(self) -> str:
        """Return the copy as text for a store."""
        body = base64.b64encode(self.body).decode()
        return json.dumps(
            {"media_type": self.media_type, "charset": self.charset, "body": body, "pinned_at": self.pinned_at}
        )

    @classmethod
    def from_json(cls, text: str) -> Pin:
        """Rebuild a copy.

        Raises:
            ValueError: the text was not written by `to_json`.
        """
        try:
            values = json.loads(text)
            body = base64.b64decode(values.pop("body"), validate=True)
            return cls(body=body, **values)
        except (TypeError, KeyError, AttributeError) as exc:
            raise ValueError("not a pinned copy") from exc

    def as_response(self, url: str) -> Response:
        """Return the response that the host would have sent."""
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
    """Say whether a pinned copy may replace a failed fetch.

    It replaces a host that cannot be reached or that refuses servers, never one that says that the client is gone
    (404, 410), has moved or is something else now.

    Args:
        error: how the fetch failed.
        status: of the response, if there was one.
    """
    if status in (404, 410):  # even if the deadline passed before the body was read
        return False
    if isinstance(error, DeadlineExceededError) or error.phase in ("connect", "tls"):
        return True
    if error.phase == "resolve":
        return error.slug == "name-not-found"
    return error.slug in ("truncated", "bad-response") or status in (401, 403, 429) or (status or 0) >= 500
