"""Requests of a session to servers that a stranger named: the fetcher's guard for more than one GET.

A server's metadata chooses where codes and assertions are sent, and a redirect may choose again; every connection goes
to a vetted address, redirects included, and every request has one deadline.
"""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ..errors import DeadlineExceededError, ResponseTooLargeError
from .connection import FetchSettings, GuardedAdapter, Trip

#: Bytes of an answer that is read at once; longer ones are read with ``stream=True``.
MOST_BYTES = 1024 * 1024
_CHUNK = 16384


class VettedAdapter(HTTPAdapter):
    """Makes each request of a requests session a guarded one.

    Args:
        settings: how connections are made.
        context: the TLS context.
        deadline: seconds for a request that has no ``timeout`` of its own.
    """

    def __init__(self, settings: FetchSettings, context: ssl.SSLContext, deadline: float) -> None:
        self._settings = settings
        self._context = context
        self._deadline = deadline
        super().__init__()

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, **more: Any) -> Any:  # type: ignore[override]  # the rest is passed on
        """Send one request; without ``stream`` its answer is read as a whole, under the same deadline.

        Raises:
            FetchError: the address may not be connected to, or the answer is too slow or too large.
            requests.RequestException: anything else.
        """
        deadline = timeout if isinstance(timeout, int | float) else self._deadline
        with Trip(self._settings, deadline) as trip:
            trip.aim(request.url or "")
            try:
                answer = GuardedAdapter(trip, self._context).send(request, stream=True, timeout=timeout, **more)
                if not stream:
                    answer._content = _whole(answer)
            except requests.RequestException as exc:
                if trip.fired:
                    raise _too_slow(trip) from exc
                raise
            # Cut inside the headers or the body, an answer can still look complete.
            if trip.fired:
                raise _too_slow(trip)
            return answer


def _whole(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            answer.close()
            raise ResponseTooLargeError("too-large", hint=f"more than {MOST_BYTES} bytes")
    return bytes(body)


def _too_slow(trip: Trip) -> DeadlineExceededError:
    return DeadlineExceededError("deadline", hint="the request took too long", phase=trip.phase)
