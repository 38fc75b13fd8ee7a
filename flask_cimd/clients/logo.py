"""A client's logo as a small picture of our own making: fetched under guard, decoded within bounds, drawn anew.

The bytes that a stranger published never reach a browser. What is served is a PNG that this process encoded, from our
own origin, so that looking at a consent page tells nobody anything (CIMD §8.8, §9.2). SVG is never taken: it is a
program. Whatever goes wrong means no logo, never an error.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from datetime import timedelta

from flask import Response, abort

from ..core.metadata import ClientMetadata
from ..errors import CIMDError, ConfigurationError
from ..stores import Fetched, FetchedStore
from .linked import fetch_linked
from .resolver import Resolver

logger = logging.getLogger(__name__)

#: Width and height of what is served, in pixels.
EDGE = 128
#: More pixels than this are not decoded (CIMD §8.8 leaves the bound to us); a decoded pixel takes four bytes.
MOST_PIXELS = 2048 * 2048
#: Seconds that a consent page waits for a logo.
PATIENCE = 2.0
#: How long a failure is remembered, so that a dead host slows one page down and not every one.
_FAILURE_LIFETIME = timedelta(minutes=5)
_KEY = re.compile("[0-9a-f]{64}")
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}


class Logos:
    """Fetches, draws and keeps the logos of one app's clients.

    Args:
        resolver: lends its guarded fetcher, its clock and its bound on simultaneous fetches.
        store: where pictures are kept.
        secret: keys the names under which they are served, so that nobody can ask which clients were seen here.
        max_size: bytes of the original.

    Raises:
        ConfigurationError: Pillow is not installed.
    """

    def __init__(self, resolver: Resolver, store: FetchedStore, *, secret: bytes, max_size: int) -> None:
        try:
            import PIL.Image  # noqa: F401
        except ImportError as exc:
            raise ConfigurationError("CIMD_LOGOS needs Pillow: pip install 'flask-cimd[logo]'") from exc
        self._resolver = resolver
        self._store = store
        self._secret = secret
        self._max_size = max_size

    def prepare(self, metadata: ClientMetadata) -> str | None:
        """Return the key of the client's logo, fetching it at most once in the document's lifetime.

        Call it only where a person is about to look: it may take `PATIENCE` seconds.
        """
        if metadata.logo_uri is None:
            return None
        key = self._key(metadata.client_id, metadata.logo_uri)
        kept = self._store.get(_place(key))
        if kept is None or kept.expires_at <= self._resolver.clock():
            uri = metadata.logo_uri
            try:
                kept = self._resolver.flights.run(f"logo {key}", lambda: self._renew(key, uri, metadata))
            except CIMDError:
                return None
        return key if kept.content is not None else None

    def read(self, key: str) -> bytes | None:
        """Return the PNG under a key; nothing is ever fetched here."""
        kept = self._store.get(_place(key))
        return kept.content if kept is not None and kept.expires_at > self._resolver.clock() else None

    def _key(self, client_id: str, logo_uri: str) -> str:
        return hmac.new(self._secret, f"{client_id}\n{logo_uri}".encode(), hashlib.sha256).hexdigest()

    def _renew(self, key: str, uri: str, metadata: ClientMetadata) -> Fetched:
        now = self._resolver.clock()
        png = self._fetch(uri, metadata)
        ends = self._resolver.expiry_of(metadata) or now + self._resolver.settings.bounds.default
        logo = Fetched(png, max(ends, now + timedelta(minutes=1)) if png else now + _FAILURE_LIFETIME)
        self._store.put(_place(key), logo, now)
        return logo

    def _fetch(self, uri: str, metadata: ClientMetadata) -> bytes | None:
        try:
            answer = fetch_linked(
                self._resolver,
                metadata,
                uri,
                accept=", ".join(_FORMATS),
                max_size_for=lambda media_type: self._max_size if media_type in _FORMATS else 0,
                deadline=min(PATIENCE, self._resolver.settings.fetch.timeout),
            )
            return draw(answer.body)
        except (CIMDError, NotAPicture) as error:
            logger.info("no logo for a client of %s: %s", metadata.identifier.display_host, error)
            return None


def _place(key: str) -> str:
    """Return where the logo with this public name is kept: anybody can ask for any name, and key sets lie there too."""
    return hashlib.sha256(f"logo {key}".encode()).hexdigest()


class NotAPicture(Exception):  # noqa: N818  an outcome, not a fault
    """The bytes are no picture that may be shown."""


def draw(original: bytes) -> bytes:
    """Return the picture as a PNG of at most `EDGE` × `EDGE` pixels: one frame, no metadata, nothing behind its end.

    Raises:
        NotAPicture: not PNG, JPEG, GIF or WebP, too many pixels, or damaged.
    """
    from .images import ImageError, reencode

    try:
        return reencode(original, max_pixels=MOST_PIXELS, max_edge=EDGE, written_as="PNG").content
    except ImageError as exc:
        raise NotAPicture(str(exc)) from exc


def logo_response(logos: Logos, key: str) -> Response:
    """Serve a drawn logo, or answer 404; the headers let it be nothing but a picture (CIMD §8.8)."""
    png = logos.read(key) if _KEY.fullmatch(key) else None
    if png is None:
        abort(404)
    answer = Response(png, mimetype="image/png")
    answer.headers["Cache-Control"] = "private, max-age=300"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
