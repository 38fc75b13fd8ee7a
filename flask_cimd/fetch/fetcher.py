"""One guarded GET: the only function of this package that fetches a URL that a stranger chose.

Each step has a bound before it starts. The fetcher connects to vetted addresses, under one deadline for look-up,
connection, TLS, head and body. It counts raw bytes, refuses content codings and ignores the process environment. It
follows no redirects, except redirects of a page within one host if the settings allow them.
"""

from __future__ import annotations

import codecs
import copy
import functools
import http.client
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import urllib3
from urllib3.response import BaseHTTPResponse
from werkzeug.http import parse_options_header

from ..core.sentences import Sentence, sentence
from ..core.text import is_visible
from ..errors import (
    CIMDError,
    FetchError,
    GoneError,
    ResponseTooLargeError,
    UnexpectedResponseError,
)
from .bot_protection import bot_protection
from .connection import new_tls_context, open_connection, proxy_headers
from .guard import FetchLog, FetchSettings, Guard
from .look_up import SHARED, LookUps

__all__ = ["FetchLog", "FetchSettings", "Fetcher", "Response"]

_CHUNK = 16384
#: Maximum number of reads for one body: each piece, such as a TLS record of one byte, takes microseconds of CPU.
_MOST_READS = 16384
_MOST_HOPS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
#: The characters of RFC 3986 without "@"; parsers disagree about all other characters.
_SENDABLE = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%]+")
#: Returns the maximum body size for a media type, in bytes.
MaxSize = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete response with status 200.

    Attributes:
        headers: header fields with lower-case names; repeated fields are joined with commas.
        link_headers: the value of every ``Link`` field.
        media_type: lower case, without parameters; empty without a ``Content-Type``.
        body: raw bytes, at most as many as ``max_size_for`` allows.
        url: the fetched URL, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    link_headers: tuple[str, ...]
    media_type: str
    charset: str | None
    body: bytes
    url: str

    @property
    def json_body(self) -> bytes:
        """The body without a UTF-8 byte order mark, which RFC 8259 §8.1 allows parsers to ignore."""
        return self.body.removeprefix(codecs.BOM_UTF8)


class Fetcher:
    """Fetches strangers' URLs for one app.

    Args:
        settings: settings of the fetches.
        look_ups: bounded pool of name look-ups; defaults to the pool of the process.
    """

    def __init__(self, settings: FetchSettings, *, look_ups: LookUps = SHARED) -> None:
        self.settings = settings
        self._look_ups = look_ups
        self._tls_context = functools.cache(new_tls_context)

    @property
    def _context(self) -> ssl.SSLContext:
        return self._tls_context(self.settings.ca_bundle)

    def apart(self, look_ups: LookUps) -> Fetcher:
        """Return a fetcher with another pool of look-ups and the same TLS context."""
        other = copy.copy(self)
        other._look_ups = look_ups
        return other

    def fetch(
        self,
        url: str,
        *,
        accept: str,
        max_size_for: MaxSize,
        max_size_after_redirect: MaxSize | None = None,
        deadline: float | None = None,
        log: FetchLog | None = None,
        document_host: str | None = None,
    ) -> Response:
        """GET a URL once.

        Args:
            url: absolute https URL; http only where the settings allow it.
            accept: the ``Accept`` header.
            max_size_for: returns the maximum body size in bytes for a media type; 0 refuses the media type.
            max_size_after_redirect: the same for the response after a redirect. The fetcher follows at most three
                redirects, within one host and never from https to http; ``None`` follows none.
            deadline: total deadline in seconds; ``None`` uses the settings.
            log: receives the observations of the fetch, even if it fails.
            document_host: host of the fetched document, or of the document that contains the URL. ``private_hosts`` of
                the settings applies only to URLs on this host; ``None`` blocks every private address.

        Raises:
            FetchError: the fetch failed, often a subclass; ``phase`` names the failed step.
        """
        if not url.lower().startswith(self._schemes):
            raise UnexpectedResponseError("scheme", hint="only https is fetched", phase="resolve")
        guard = Guard(
            self.settings,
            deadline or self.settings.timeout,
            log=log,
            document_host=document_host.lower() if document_host else None,
            look_ups=self._look_ups,
        )
        with guard, _translated(guard):
            return self._follow(guard, url, accept, max_size_for, max_size_after_redirect)

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https://", "http://") if self.settings.allow_http else ("https://",)

    def _follow(self, guard: Guard, url: str, accept: str, first: MaxSize, later: MaxSize | None) -> Response:
        for hop in range(_MOST_HOPS + 1):
            response = self._exchange(guard, url, accept, later if hop and later else first)
            if isinstance(response, Response):
                return response
            if later is None or hop == _MOST_HOPS:
                break
            url = _next_url(url, response)
        raise UnexpectedResponseError("redirect", hint=_not_followed(guard.log.status, later))

    def _exchange(self, guard: Guard, url: str, accept: str, max_size_for: MaxSize) -> Response | str:
        """Return the response, or the URL that it redirects to."""
        guard.phase = "resolve"
        with closing(open_connection(guard, url, self._context)) as connection:
            connection.connect()
            headers = {"User-Agent": self.settings.user_agent, "Accept": accept, "Accept-Encoding": "identity"}
            if connection.proxy_is_forwarding:
                headers |= proxy_headers(self.settings)
            connection.request("GET", guard.target, headers=headers, preload_content=False, decode_content=False)
            with closing(connection.getresponse()) as answer:
                return _read_response(guard, url, answer, max_size_for)


def _read_response(guard: Guard, url: str, answer: BaseHTTPResponse, max_size_for: MaxSize) -> Response | str:
    guard.log.status = answer.status
    guard.log.headers = headers = {name.lower(): value for name, value in answer.headers.itermerged()}
    # CIMD §5: "MUST NOT automatically follow HTTP redirects".
    if answer.status in _REDIRECTS:
        return headers.get("location", "")
    _require_ok(answer.status, headers)
    media_type, parameters = parse_options_header(headers.get("content-type"))
    media_type = media_type.strip().lower()
    limit = max_size_for(media_type)
    if not limit:
        raise UnexpectedResponseError("media-type", hint=_media_type_hint(media_type, headers))
    return Response(
        status=answer.status,
        headers=headers,
        link_headers=tuple(answer.headers.getlist("link")),
        media_type=media_type,
        charset=parameters.get("charset"),
        body=_read_body(answer, headers, limit, guard),
        url=url,
    )


def _next_url(url: str, location: str) -> str:
    """Return the target of a redirect that keeps the host, the port and https.

    A redirect to another host would let a stranger impersonate every host that has an open redirector.

    Raises:
        UnexpectedResponseError: slug ``redirect``.
    """
    try:
        target = urldefrag(urljoin(url, location)).url
        before, after = urlsplit(url), urlsplit(target)
        upgrades = (before.scheme, after.scheme) == ("http", "https")
        stays = (before.scheme, before.port) == (after.scheme, after.port) or (upgrades and after.port is None)
    except ValueError:
        stays, target = False, ""
    if not location or not _SENDABLE.fullmatch(target) or not stays or before.hostname != after.hostname:
        raise UnexpectedResponseError("redirect", hint="the redirect leaves the host, or https")
    return target


def _not_followed(status: int | None, later: object) -> str:
    if later is None:
        return sentence("status %(status)s; redirects are not followed", status=status)
    return sentence("status %(status)s; more than %(most)s redirects", status=status, most=_MOST_HOPS)


def _require_ok(status: int, headers: Mapping[str, str]) -> None:
    if status != 200:
        hint = _with_protection(sentence("status %(status)s instead of 200", status=status), status, headers)
        if status in (404, 410):
            raise GoneError("status", hint=hint)
        raise UnexpectedResponseError("status", hint=hint)
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnexpectedResponseError("content-coding", hint="the body is compressed although identity was asked for")


def _media_type_hint(media_type: str, headers: Mapping[str, str]) -> str:
    shown = media_type if is_visible(media_type) and len(media_type) < 80 else "unreadable"
    said = sentence("media type %(media_type)s instead of application/json", media_type=shown or "missing")
    return _with_protection(said, 200, headers)


def _with_protection(said: Sentence, status: int, headers: Mapping[str, str]) -> Sentence:
    protection = bot_protection(status, headers)
    if not protection:
        return said
    return sentence("%(hint)s; %(protection)s answered instead of the site", hint=said, protection=protection)


def _read_body(answer: BaseHTTPResponse, headers: Mapping[str, str], limit: int, guard: Guard) -> bytes:
    """Return a body of at most ``limit`` raw bytes; raise for a larger body (CIMD §9.7)."""
    raw: Any = answer
    body = bytearray()
    reads = 0
    while chunk := raw.read1(_CHUNK, decode_content=False):
        guard.remaining()
        body += chunk
        reads += 1
        guard.log.size = len(body)
        if len(body) > limit:
            raise ResponseTooLargeError("too-large", hint=sentence("more than %(most)s bytes", most=limit))
        if reads > _MOST_READS:
            raise UnexpectedResponseError(
                "bad-response", hint=sentence("the body arrives in more than %(most)s pieces", most=_MOST_READS)
            )
    announced = headers.get("content-length")
    if announced is not None and "transfer-encoding" not in headers and announced.strip() != str(len(body)):
        raise UnexpectedResponseError("truncated", hint="the body is not as long as Content-Length says")
    return bytes(body)


@contextmanager
def _translated(guard: Guard) -> Iterator[None]:
    """Translate every error of a fetch to a `FetchError`; after the deadline, to a `DeadlineExceededError`."""
    try:
        yield
    except CIMDError:
        if guard.is_late:
            raise guard.too_late() from None
        raise
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as exc:
        raise _translate(exc, guard) from exc
    # A response that ends inside the head can look complete and empty.
    if guard.is_late:
        raise guard.too_late()


def _translate(exc: Exception, guard: Guard) -> FetchError:
    if guard.is_late or isinstance(exc, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return guard.too_late()
    if guard.phase == "tls" or isinstance(exc, (ssl.SSLError, urllib3.exceptions.SSLError)):
        return FetchError("tls-failed", hint="no trusted TLS connection to the host", phase="tls")
    if guard.phase in ("resolve", "connect"):
        by_proxy, directly = sentence("the proxy does not connect to the host"), sentence("the host cannot be reached")
        reached = by_proxy if guard.settings.proxy else directly
        return FetchError("connection-failed", hint=reached, phase=guard.phase)
    if "IncompleteRead" in repr(exc):
        return UnexpectedResponseError("truncated", hint="the connection ended inside the response")
    return UnexpectedResponseError("bad-response", hint="the response is not well-formed HTTP")
