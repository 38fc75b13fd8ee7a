"""Images: each is decoded, measured and re-encoded before it is stored, and served by this site only."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from io import SEEK_END
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, abort
from sqlalchemy import Connection, func, insert, select
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from flask_cimd.clients import SafeImage, reencode
from flask_cimd_site.models import db
from flask_cimd_site.services import services
from flask_cimd_site.site.tables import MediaRow

#: Bytes of one uploaded file, and of a request with files.
LARGEST_FILE = 10 * 1024 * 1024
LARGEST_REQUEST = 4 * LARGEST_FILE
MOST_FILES = 10
#: Pixels of a picture that is in memory whole, and of a PNG or a photo that is decoded in parts.
_MOST_PIXELS = 12_000_000
_MOST_STREAMED_PIXELS = 40_000_000
_LONGEST_EDGE = 2048
#: Bytes of all stored images together.
_MOST_STORED = 1024 * 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png|webp)")
_media: Any = MediaRow.__table__

blueprint = Blueprint("media", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image and the name that it is served under."""

    name: str
    image: SafeImage

    @property
    def url(self) -> str:
        """Its absolute URL."""
        return f"{prefix()}{self.name}"


@blueprint.get("/media/<name>")
def show(name: str) -> Response:
    """Serve an image; names are random, and their content never changes."""
    if not _NAME.fullmatch(name):
        abort(404)
    with db.engine.connect() as connection:
        row = connection.execute(select(_media).where(_media.c.name == name)).first()
    if row is None:
        abort(404)
    answer = Response(row.content, content_type=row.media_type)
    # Opened as a document, the image belongs to this origin, so it is sandboxed.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def read_upload(upload: FileStorage) -> StoredImage:
    """Return an uploaded file as an image that is safe to show; nothing is stored yet.

    Raises:
        ImageError: the format is unknown, the file is damaged, or the image has too many pixels.
        RequestEntityTooLarge: the file is too large.
    """
    file = upload.stream  # a temporary file if it is large: it is read when its turn comes
    if file.seek(0, SEEK_END) > LARGEST_FILE:
        raise RequestEntityTooLarge
    file.seek(0)
    image = reencode(
        cast("BinaryIO", file),
        max_pixels=_MOST_PIXELS,
        max_streamed_pixels=_MOST_STREAMED_PIXELS,
        max_edge=_LONGEST_EDGE,
    )
    return StoredImage(name=f"{secrets.token_hex(16)}.{image.extension}", image=image)


def add(connection: Connection, stored: StoredImage, now: datetime) -> None:
    """Store an image in the transaction of the caller.

    Raises:
        RequestEntityTooLarge: the images together would be too large.
    """
    held = connection.execute(select(func.coalesce(func.sum(func.length(_media.c.content)), 0))).scalar_one()
    if held + len(stored.image.content) > _MOST_STORED:
        raise RequestEntityTooLarge
    connection.execute(
        insert(_media).values(
            name=stored.name,
            media_type=stored.image.media_type,
            content=stored.image.content,
            width=stored.image.width,
            height=stored.image.height,
            created_at=now.timestamp(),
        )
    )


def is_own(url: str, images: str) -> bool:
    """Return whether a URL is that of an image of this site; ``images`` is the prefix of these URLs."""
    return url.startswith(images) and _NAME.fullmatch(url.removeprefix(images)) is not None


def prefix() -> str:
    """Return the prefix of the URLs of this site's images."""
    return f"{services().configuration.base_url}/media/"
