"""One guarded GET: the only way in which this package reads a URL that a stranger chose.

Each step is bounded before it starts. The fetcher connects to vetted addresses, under one deadline for look-up,
connection, TLS, head and body. It counts raw bytes, refuses content codings and takes nothing from the environment of
the process. It follows no redirects, except those to a page within one host, if the settings say so.
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
#: Reads of one body: each piece that arrives alone, a TLS record of one byte for one, costs some microseconds of CPU.
_MOST_READS = 16384
_MOST_HOPS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
#: The characters of RFC 3986 without "@"; parsers disagree about all others.
_SENDABLE = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%]+")
#: Returns the largest body of a media type in bytes.
MaxSize = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete response of status 200.

    Attributes:
        headers: with lower-case names; repeated fields are joined by commas.
        link_headers: the value of every ``Link`` field.
        media_type: lower case, without parameters; empty if there is none.
        body: raw bytes, at most those that ``max_size_for`` allows.
        url: the URL that was fetched, after redirects if they are followed.
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
        """The body for a JSON parser: without one UTF-8 byte order mark, which RFC 8259 §8.1 lets parsers ignore."""
        return self.body.removeprefix(codecs.BOM_UTF8)


class Fetcher:
    """Fetches strangers' URLs for one app.

    Args:
        settings: how fetches are made.
        look_ups: bounds the name look-ups; by default those of the whole process.
    """

    def __init__(self, settings: FetchSettings, *, look_ups: LookUps = SHARED) -> None:
        self.settings = settings
        self._look_ups = look_ups
        self._tls_context = functools.cache(new_tls_context)

    @property
    def _context(self) -> ssl.SSLContext:
        return self._tls_context(self.settings.ca_bundle)

    def apart(self, look_ups: LookUps) -> Fetcher:
        """Return a fetcher with other look-ups; both share one TLS context."""
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
            max_size_for: returns the largest body of a media type in bytes; 0 refuses the media type.
            max_size_after_redirect: the same for the response to a redirected request. At most three redirects are
                followed, within one host and never from https to http; ``None`` follows none.
            deadline: seconds for the whole fetch, if not those of the settings.
            log: filled with what the fetch saw, whether it succeeds or not.
            document_host: host of the document that is fetched, or that names the URL. ``private_hosts`` of the
                settings holds for URLs on this host alone; ``None`` reaches no private address.

        Raises:
            FetchError: or a child; ``phase`` says how far it came.
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
        """Return the response, or where it redirects to."""
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
    """Return the target of a redirect that stays within the host, its port and https.

    A redirect to another host would let a stranger speak in the name of every host with an open redirector.

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
    """Return a body of at most ``limit`` raw bytes; a larger one is an error, and nothing of it is used (CIMD §9.7)."""
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
    """Raise every error of a fetch as a `FetchError`; after the deadline, as `DeadlineExceededError`."""
    try:
        yield
    except CIMDError:
        if guard.is_late:
            raise guard.too_late() from None
        raise
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as exc:
        raise _translate(exc, guard) from exc
    # Cut inside the head, a response can look complete and empty.
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
