"""Images: every one is decoded, measured and written anew before it is kept, and served from here alone."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from sqlalchemy import Connection, func, insert, select
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from demo.models import db
from demo.services import services
from demo.site.tables import MediaRow
from flask_cimd.clients.images import SafeImage, reencode

#: Of one uploaded file, and of a request that brings files.
LARGEST_FILE = 10 * 1024 * 1024
LARGEST_REQUEST = 4 * LARGEST_FILE
MOST_FILES = 10
_MOST_PIXELS = 40_000_000
_LONGEST_EDGE = 2048
#: An app that is let in can fill this much of the database and no more.
_MOST_STORED = 1024 * 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png|webp)")
_media: Any = MediaRow.__table__

blueprint = Blueprint("media", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image and the name that it is, or will be, served under."""

    name: str
    image: SafeImage

    @property
    def url(self) -> str:
        """Its absolute address."""
        return f"{prefix()}{self.name}"


@blueprint.get("/media/<name>")
def show(name: str) -> Response:
    """Serve an image; its name is random and its bytes never change."""
    if not _NAME.fullmatch(name):
        abort(404)
    with db.engine.connect() as connection:
        row = connection.execute(select(_media).where(_media.c.name == name)).first()
    if row is None:
        abort(404)
    answer = Response(row.content, content_type=row.media_type)
    # Opened by itself the image is a document of this origin, so it may do nothing at all.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def read_upload(upload: FileStorage) -> StoredImage:
    """Return an uploaded file as an image that is safe to show; nothing is stored yet.

    Raises:
        ImageError: it is no image of a known format, damaged, or has too many pixels.
        RequestEntityTooLarge: the file is too long.
    """
    data = upload.stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise RequestEntityTooLarge
    image = reencode(data, max_pixels=_MOST_PIXELS, max_edge=_LONGEST_EDGE)
    return StoredImage(name=f"{secrets.token_hex(16)}.{image.extension}", image=image)


def add(connection: Connection, stored: StoredImage, now: datetime) -> None:
    """Keep an image, as part of the caller's transaction.

    Raises:
        RequestEntityTooLarge: the site is full.
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
    """Say whether a URL is that of an image of this site, whose addresses begin with ``images``."""
    return url.startswith(images) and _NAME.fullmatch(url.removeprefix(images)) is not None


def prefix() -> str:
    """Return what the addresses of this site's images begin with."""
    return f"{services().configuration.base_url}/media/"
