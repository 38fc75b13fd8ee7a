"""The guarded requests of one discovery: each URL is checked, and one deadline covers all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from ..core.members import without_nulls
from ..core.strict_json import StrictJSONError, read_object
from ..errors import DeadlineExceededError, FetchError
from ..fetch.fetcher import Fetcher, FetchLog, FetchSettings, Response
from .errors import DiscoveryError
from .server import is_server_url

#: Total deadline of one discovery, in seconds.
_TIMEOUT = 20
_MOST_JSON = 65536
_MOST_HTML = 262144
_MOST_TEXT = 2048
_MOST_REDIRECTS = 5
_JSON = re.compile(r"application/(?:[A-Za-z0-9!#$&^_.+-]+\+)?json")
_HTML = ("text/html", "application/xhtml+xml")
_REDIRECTS = (301, 302, 303, 307, 308)


class Absent(Exception):  # noqa: N818  not an error: discovery continues with the next URL
    """A URL has no document of the wanted kind: its status is 4xx or a redirect, or its media type differs.

    Attributes:
        status: the HTTP status.
        headers: header fields of the response, with lower-case names.
    """

    def __init__(self, log: FetchLog) -> None:
        super().__init__(log.status)
        self.status = log.status or 0
        self.headers = log.headers


def discovery_fetcher(settings: FetchSettings) -> Fetcher:
    """Return a client's fetcher; reuse it, because loading its trust anchors takes longer than a discovery.

    With ``allow_loopback``, it also fetches http URLs of loopback hosts.
    """
    return Fetcher(replace(settings, allow_http=settings.allow_http or settings.allow_loopback))


class Reading:
    """Fetches the documents of one discovery.

    Args:
        fetcher: makes the requests; from `discovery_fetcher`.
        settings: rules for the URLs to fetch.
        entered: the address that the user entered, for errors.
    """

    def __init__(self, fetcher: Fetcher, settings: FetchSettings, entered: str) -> None:
        self.settings = settings
        self.entered = entered
        self._fetcher = fetcher
        self._ends_at = time.monotonic() + _TIMEOUT

    def refuse(self, slug: str, hint: str, **more: Any) -> DiscoveryError:
        """Return an error about the entered address; the caller raises it."""
        return DiscoveryError(slug, self.entered, hint=hint, **more)

    def json(self, url: str) -> dict[str, Any]:
        """Return the JSON object at a URL without its null members; at most 64 KB, no redirects.

        Raises:
            Absent: the URL has no JSON document.
            FetchError: the URL cannot be fetched.
            DiscoveryError: the response is not a JSON object.
        """
        answer = self._get(url, "application/json", lambda media_type: _MOST_JSON if _JSON.fullmatch(media_type) else 0)
        try:
            return without_nulls(read_object(answer.json_body))
        except StrictJSONError as exc:
            raise self.refuse("not-json", f"{exc.rule}: {exc.message}") from exc

    def text(self, url: str) -> str:
        """Return a short plain text; follows at most 5 redirects."""
        _, answer = self._follow(url, "text/plain", lambda media_type: 0 if media_type in _HTML else _MOST_TEXT)
        return answer.body.decode("utf-8", "replace").strip()

    def page(self, url: str) -> tuple[tuple[str, ...], Response]:
        """Return every URL of the redirect chain and the page at its end: at most 5 redirects and 256 KB.

        A document with another media type counts as an empty page with ``Link`` headers.
        """
        accept = "text/html, application/xhtml+xml, */*;q=0.1"
        passed: list[str] = []
        try:
            return self._follow(url, accept, lambda media_type: _MOST_HTML if media_type in _HTML else 0, passed)
        except Absent as absent:
            if absent.status != 200 or "link" not in absent.headers:
                raise
            headers = absent.headers
            empty = {"media_type": "text/html", "charset": None, "body": b"<html></html>"}
            links = (headers["link"],)
            page = Response(status=200, headers=headers, link_headers=links, url=passed[-1], **empty)  # type: ignore[arg-type]  # the mapping holds values of several types
            return tuple(passed), page

    def _follow(
        self, url: str, accept: str, max_size_for: Callable[[str], int], passed: list[str] | None = None
    ) -> tuple[tuple[str, ...], Response]:
        """GET a URL; the guard checks each redirect like a new request."""
        passed = [] if passed is None else passed
        for _ in range(_MOST_REDIRECTS + 1):
            passed.append(url)
            try:
                return tuple(passed), self._get(url, accept, max_size_for)
            except Absent as absent:
                if absent.status not in _REDIRECTS:
                    raise
                url = self._next_url(url, absent.headers.get("location", ""))
        raise self.refuse("too-many-redirects", f"more than {_MOST_REDIRECTS} redirects")

    def _next_url(self, url: str, location: str) -> str:
        try:
            target = urldefrag(urljoin(url, location)).url
            downgrade = urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"
        except ValueError:
            target, downgrade = "", True
        if not location or downgrade:
            raise self.refuse("bad-redirect", "the redirect target is not an https URL")
        return target

    def _get(self, url: str, accept: str, max_size_for: Callable[[str], int]) -> Response:
        if not is_server_url(url, self.settings):
            raise self.refuse("not-https", "only https URLs of public hosts are fetched")
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError("deadline", self.entered, hint=f"discovery took more than {_TIMEOUT} seconds")
        log = FetchLog()
        try:
            deadline = min(self.settings.timeout, left)
            return self._fetcher.fetch(url, accept=accept, max_size_for=max_size_for, deadline=deadline, log=log)
        except FetchError as error:
            status = log.status or 0
            if error.slug in ("status", "redirect", "media-type") and not 500 <= status < 600:
                raise Absent(log) from error
            raise
