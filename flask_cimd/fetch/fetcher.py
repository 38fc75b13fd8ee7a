"""One guarded GET: the only way this package reads a URL that a stranger chose.

Every step is bounded before it starts: the address is vetted and then connected to, one deadline covers look-up,
connect, TLS, headers and body, bytes are counted raw, codings are refused, and nothing comes from the process's
environment. Redirects are refused too, except by a switch, for pages, within one host.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import certifi
import requests
import urllib3
from werkzeug.http import parse_options_header

from ..core.text import is_visible
from ..errors import (
    CIMDError,
    DeadlineExceededError,
    FetchError,
    GoneError,
    Phase,
    ResponseTooLargeError,
    UnexpectedResponseError,
)
from .connection import FetchLog, FetchSettings, GuardedAdapter, Trip

__all__ = ["FetchLog", "FetchSettings", "Fetcher", "Response"]

_CHUNK = 16384
_MOST_HOPS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
#: RFC 3986 characters without "@": parsers disagree about the rest.
_SENDABLE = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%]+")
#: Media type to the most bytes that a body of it may have.
MaxSize = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete answer with status 200.

    Attributes:
        headers: lower-case names; repeated fields joined by commas.
        link_headers: every ``Link`` field on its own.
        media_type: lower case, without parameters.
        body: raw bytes, within the cap.
        url: the URL that was fetched, after redirects if they are followed.
    """

    status: int
    headers: Mapping[str, str]
    link_headers: tuple[str, ...]
    media_type: str
    charset: str | None
    body: bytes
    url: str


class Fetcher:
    """Fetches strangers' URLs for one app."""

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Trust anchors are read once: loading them costs more than a fetch."""
        return ssl.create_default_context(cafile=self.settings.ca_bundle or certifi.where())

    def fetch(
        self,
        url: str,
        *,
        accept: str,
        max_size_for: MaxSize,
        max_size_after_redirect: MaxSize | None = None,
        deadline: float | None = None,
        log: FetchLog | None = None,
    ) -> Response:
        """GET a URL once.

        Args:
            url: absolute https URL; http only where the settings allow it.
            accept: the ``Accept`` header.
            max_size_for: media type to the most bytes its body may have; 0 refuses the media type.
            max_size_after_redirect: the same for an answer that a redirect led to; ``None`` follows none. At most
                three are followed, within one host, and never from https to http.
            deadline: seconds for the whole fetch, if not those of the settings.
            log: filled with what the fetch saw, whether it succeeds or not.

        Raises:
            FetchError: or a child; ``phase`` says how far it came.
        """
        if urlsplit(url).scheme not in self._schemes:
            raise UnexpectedResponseError("scheme", hint="only https is fetched", phase="resolve")
        with Trip(self.settings, deadline or self.settings.timeout, log) as trip, requests.Session() as session:
            self._prepare(session, trip, accept)
            try:
                response = self._follow(session, trip, url, max_size_for, max_size_after_redirect)
            except CIMDError:
                if trip.fired:
                    raise _too_slow(trip) from None
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError,
                    ValueError) as exc:  # fmt: skip
                raise _translate(exc, trip) from exc
            # Cutting the connection inside the headers looks like a complete, empty answer.
            if trip.fired:
                raise _too_slow(trip)
            return response

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https", "http") if self.settings.allow_http else ("https",)

    def _prepare(self, session: requests.Session, trip: Trip, accept: str) -> None:
        session.trust_env = False  # no proxies, no .netrc passwords, no CA variables of this process
        session.adapters.clear()
        for scheme in self._schemes:
            session.mount(f"{scheme}://", GuardedAdapter(trip, self._context))
        session.headers.clear()
        session.headers.update(
            {"User-Agent": self.settings.user_agent, "Accept": accept, "Accept-Encoding": "identity"}
        )
        if self.settings.proxy is not None:
            session.proxies = dict.fromkeys(self._schemes, self.settings.proxy)

    def _follow(
        self, session: requests.Session, trip: Trip, url: str, first: MaxSize, later: MaxSize | None
    ) -> Response:
        for hop in range(_MOST_HOPS + 1):
            response = self._exchange(session, trip, url, later if hop and later else first)
            if isinstance(response, Response):
                return response
            if later is None or hop == _MOST_HOPS:
                break
            url = _next_url(url, response)
        raise UnexpectedResponseError("redirect", hint=f"status {trip.log.status}; {_not_followed(later)}")

    def _exchange(self, session: requests.Session, trip: Trip, url: str, max_size_for: MaxSize) -> Response | str:
        """Return the answer, or where it redirects to."""
        # CIMD §5: "MUST NOT automatically follow HTTP redirects".
        timeout = (trip.remaining(), trip.remaining())
        trip.aim(url)
        with session.get(url, stream=True, allow_redirects=False, timeout=timeout) as answer:
            trip.log.status = answer.status_code
            trip.log.headers = {name.lower(): value for name, value in answer.headers.items()}
            if answer.status_code in _REDIRECTS:
                return answer.headers.get("Location", "")
            _require_ok(answer)
            media_type, charset = _media_type(answer)
            limit = max_size_for(media_type)
            if not limit:
                raise UnexpectedResponseError("media-type", hint=_media_type_hint(answer, media_type))
            return Response(
                status=answer.status_code,
                headers=trip.log.headers,
                link_headers=tuple(answer.raw.headers.getlist("link")),
                media_type=media_type,
                charset=charset,
                body=_read(answer, limit, trip),
                url=url,
            )


def _next_url(url: str, location: str) -> str:
    """Return the target of a redirect that stays within the host.

    An open redirector elsewhere on a trusted host must not let a stranger speak in that host's name, hence no other
    host; and what was protected on the way stays so.
    """
    try:
        target = urldefrag(urljoin(url, location)).url
        before, after = urlsplit(url), urlsplit(target)
        upgrades = (before.scheme, after.scheme) == ("http", "https")
        stays = (before.scheme, before.port) == (after.scheme, after.port) or (upgrades and after.port is None)
    except ValueError:
        stays, target = False, ""
    if not location or not _SENDABLE.fullmatch(target) or not stays or before.hostname != after.hostname:
        raise UnexpectedResponseError("redirect", hint="the redirect leads to another place")
    return target


def _not_followed(later: object) -> str:
    return "redirects are not followed" if later is None else f"more than {_MOST_HOPS} redirects"


def _require_ok(answer: requests.Response) -> None:
    if answer.status_code != 200:
        hint = f"status {answer.status_code} instead of 200"
        if answer.status_code in (404, 410):
            raise GoneError("status", hint=hint)
        raise UnexpectedResponseError("status", hint=hint)
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnexpectedResponseError("content-coding", hint="the body is compressed although identity was asked for")


def _media_type(answer: requests.Response) -> tuple[str, str | None]:
    media_type, parameters = parse_options_header(answer.headers.get("Content-Type"))
    return media_type.strip().lower(), parameters.get("charset")


def _media_type_hint(answer: requests.Response, media_type: str) -> str:
    challenged = "; a bot protection answered" if "cf-mitigated" in answer.headers else ""
    shown = media_type if is_visible(media_type) and len(media_type) < 80 else "unreadable"
    return f"media type {shown or 'missing'} instead of application/json{challenged}"


def _read(answer: requests.Response, limit: int, trip: Trip) -> bytes:
    """Read at most ``limit`` raw bytes; one more is an error, and what was read is thrown away (CIMD §8.7)."""
    raw: Any = answer.raw
    body = bytearray()
    while chunk := raw.read1(_CHUNK, decode_content=False):
        trip.remaining()
        body += chunk
        trip.log.size = len(body)
        if len(body) > limit:
            raise ResponseTooLargeError("too-large", hint=f"more than {limit} bytes")
    announced = answer.headers.get("Content-Length")
    if announced is not None and "Transfer-Encoding" not in answer.headers and announced.strip() != str(len(body)):
        raise UnexpectedResponseError("truncated", hint="the body is not as long as Content-Length says")
    return bytes(body)


def _too_slow(trip: Trip) -> DeadlineExceededError:
    return DeadlineExceededError("deadline", hint="the fetch took too long", phase=trip.phase)


def _translate(exc: Exception, trip: Trip) -> FetchError:
    if trip.fired or isinstance(exc, (requests.Timeout, TimeoutError)):
        return _too_slow(trip)
    if isinstance(exc, requests.exceptions.ProxyError):
        return FetchError("connection-failed", hint="the proxy does not connect to the host", phase="connect")
    if trip.phase == "tls" or isinstance(exc, requests.exceptions.SSLError):
        return FetchError("tls-failed", hint="no trusted TLS connection to the host", phase="tls")
    if trip.phase in ("resolve", "connect"):
        return FetchError("connection-failed", hint="the host cannot be reached", phase=trip.phase)
    truncated = "IncompleteRead" in repr(exc)
    phase: Phase = "response"
    if truncated:
        return UnexpectedResponseError("truncated", hint="the connection ended inside the answer", phase=phase)
    return UnexpectedResponseError("bad-response", hint="the answer is not well-formed HTTP", phase=phase)
