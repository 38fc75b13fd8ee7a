"""A client's logo as a small PNG: a guarded fetch, bounded decoding, re-encoding.

The client's original bytes never reach a browser. This server serves its own PNG from its own origin, so that a consent
page sends no request to the client's host (CIMD §9.8, §10.2). SVG is refused, because it can contain scripts. A failure
means no logo, never an error.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from datetime import datetime, timedelta

from flask import Flask, Response, abort

from ..core.metadata import ClientMetadata
from ..errors import CIMDError, ConfigurationError
from ..settings import Settings
from ..stores import Fetched
from .linked import LinkedFetcher
from .parts import ClientParts

logger = logging.getLogger(__name__)

#: Maximum width and height of a served logo, in pixels.
EDGE = 128
#: Maximum size of a decoded picture, in pixels (CIMD §9.8 sets no bound): for a picture that is decoded in memory, and
#: for a PNG or JPEG that is decoded in parts.
MAX_PIXELS = 2048 * 2048
MAX_STREAMED_PIXELS = 4096 * 4096
#: Maximum time that a consent page waits for a logo, in seconds.
TIMEOUT = 2.0
#: Maximum number of logos in this process's memory if the store stores none.
_IN_MEMORY = 200
#: Minimum time between a failed fetch and the next, so that an unreachable host delays only one page.
_FAILURE_LIFETIME = timedelta(minutes=5)
_KEY = re.compile("[0-9a-f]{64}")
_ACCEPT = "image/png, image/webp, image/avif, image/jpeg, image/gif, image/x-icon;q=0.8, */*;q=0.1"
#: Media types that are refused without decoding; for all others, the bytes determine the format.
_NO_PICTURES = frozenset({"text/html", "application/xhtml+xml", "application/json", "image/svg+xml"})


class Logos:
    """Fetches, re-encodes and stores the logos of one app's clients.

    Args:
        parts: the linked fetcher, coalescing, cache, cache bounds and clock of the app.
        secret: HMAC key of the public names of logos, so that nobody can test which clients were seen here.

    Raises:
        ConfigurationError: Pillow is not installed.
    """

    def __init__(self, parts: ClientParts, *, secret: bytes) -> None:
        try:
            import PIL.Image  # noqa: F401
        except ImportError as exc:
            raise ConfigurationError("CIMD_LOGOS needs Pillow: pip install 'flask-cimd[logo]'") from exc
        self._linked = parts.linked
        self._coalescing = parts.coalescing
        self._cache = parts.cache
        self._clock = parts.clock
        self._default_lifetime = parts.settings.bounds.default
        self._settings = parts.settings
        self._store = parts.cache.fetched(_IN_MEMORY)
        self._secret = secret

    def kept(self, metadata: ClientMetadata) -> str | None:
        """Return the public name of the client's logo if it is stored, else ``None``; makes no fetch."""
        if metadata.logo_uri is None:
            return None
        key = self._key(metadata.client_id, metadata.logo_uri)
        return key if self.read(key) is not None else None

    def prepare(self, metadata: ClientMetadata) -> str | None:
        """Return the public name of the client's logo or ``None``; fetches it at most once in the document's lifetime.

        Takes up to `TIMEOUT` seconds: call it only while rendering a page.
        """
        if metadata.logo_uri is None:
            return None
        key = self._key(metadata.client_id, metadata.logo_uri)
        kept = self._store.get(_store_key(key))
        if kept is None or kept.expires_at <= self._clock():
            uri = metadata.logo_uri
            try:
                kept = self._coalescing.run(f"logo {key}", lambda: self._renew(key, uri, metadata))
            except CIMDError:
                return None
        return key if kept.content is not None else None

    def read(self, key: str) -> bytes | None:
        """Return the PNG with a public name, or ``None``; makes no fetch."""
        kept = self._store.get(_store_key(key))
        return kept.content if kept is not None and kept.expires_at > self._clock() else None

    def _key(self, client_id: str, logo_uri: str) -> str:
        return hmac.new(self._secret, f"{client_id}\n{logo_uri}".encode(), hashlib.sha256).hexdigest()

    def _renew(self, key: str, uri: str, metadata: ClientMetadata) -> Fetched:
        now = self._clock()
        png = self._fetch(uri, metadata)
        ends = self._document_expiry(metadata) or now + self._default_lifetime
        logo = Fetched(png, max(ends, now + timedelta(minutes=1)) if png else now + _FAILURE_LIFETIME)
        self._store.put(_store_key(key), logo, now)
        return logo

    def _document_expiry(self, metadata: ClientMetadata) -> datetime | None:
        entry = self._cache.get(metadata.identifier)
        return entry.expires_at if entry is not None else None

    def _fetch(self, uri: str, metadata: ClientMetadata) -> bytes | None:
        try:
            return fetch_logo(self._linked, uri, metadata.client_id, self._settings)
        except (CIMDError, NotAPicture) as error:
            logger.info("no logo for a client of %s: %s", metadata.identifier.display_host, error)
            return None


def _store_key(key: str) -> str:
    """Return the store's key for a public name, with a prefix: a requested name must not reach other entries."""
    return hashlib.sha256(f"logo {key}".encode()).hexdigest()


class NotAPicture(Exception):  # noqa: N818  an outcome, not a fault
    """The bytes are not a picture that this server shows."""


def longest_wait(settings: Settings) -> float:
    """Return the maximum time that a page waits for a logo, in seconds: `TIMEOUT` or the shorter fetch timeout."""
    return min(TIMEOUT, settings.fetch_timeout)


def fetch_logo(linked: LinkedFetcher, uri: str, client_id: str, settings: Settings) -> bytes:
    """Return the logo at a URL as a small PNG.

    Raises:
        CIMDError: the logo cannot be fetched.
        NotAPicture: the logo cannot be decoded.
    """
    response = linked.fetch(
        uri,
        client_id=client_id,
        accept=_ACCEPT,
        max_size_for=lambda media_type: 0 if media_type in _NO_PICTURES else settings.max_logo_size,
        deadline=longest_wait(settings),
    )
    return draw(response.body)


def draw(original: bytes) -> bytes:
    """Return the picture as a PNG of at most `EDGE` × `EDGE` pixels: one frame, no metadata, no trailing bytes.

    Raises:
        NotAPicture: the picture is not a PNG, JPEG, GIF, WebP, ICO or AVIF, has too many pixels, or is damaged.
    """
    from .images import ImageError, reencode

    try:
        image = reencode(
            original, max_pixels=MAX_PIXELS, max_edge=EDGE, written_as="PNG", max_streamed_pixels=MAX_STREAMED_PIXELS
        )
    except ImageError as exc:
        raise NotAPicture(exc.args[0]) from exc
    return image.content


def serve_logos(app: Flask, parts: ClientParts) -> Logos:
    """Create the logos of an app and add the route that serves them."""
    # Without a secret key, the public names are valid only in this process, like its memory store.
    logos = Logos(parts, secret=str(app.secret_key or secrets.token_hex()).encode())
    app.add_url_rule("/cimd/logo/<key>.png", "flask_cimd.clients.logo", lambda key: logo_response(logos, key))
    return logos


def logo_response(logos: Logos, key: str) -> Response:
    """Serve a logo or answer 404; the headers make browsers treat it only as a picture (CIMD §9.8)."""
    png = logos.read(key) if _KEY.fullmatch(key) else None
    if png is None:
        abort(404)
    response = Response(png, mimetype="image/png")
    response.headers["Cache-Control"] = "private, max-age=300"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
