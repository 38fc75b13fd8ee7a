"""The icon that phones put on their home screen: the owner's photo, or the icon of the site."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from flask import Blueprint, Response, current_app
from PIL import Image, ImageOps
from sqlalchemy import select

from flask_cimd_site.models import db
from flask_cimd_site.services import services
from flask_cimd_site.site.tables import MediaRow

blueprint = Blueprint("icon", __name__)

_EDGE = 180
_KEPT = "public, max-age=3600"


@blueprint.get("/apple-touch-icon.png")
def show() -> Response:
    """Serve a square PNG of 180 pixels."""
    photo = services().identity.owner().photo
    made = _of_photo(photo) if photo else None
    answer = Response(made, content_type="image/png") if made else current_app.send_static_file("touch-icon.png")
    answer.headers["Cache-Control"] = _KEPT
    return answer


@lru_cache(maxsize=4)
def _of_photo(name: str) -> bytes | None:
    """Return the photo, cut; names are random, and their content never changes."""
    with db.engine.connect() as connection:
        content = connection.execute(select(MediaRow.content).where(MediaRow.name == name)).scalar()
    if content is None:
        return None
    made = BytesIO()
    # This site encoded the image itself, at most 2048 pixels wide.
    with Image.open(BytesIO(content)) as image:
        ImageOps.fit(image.convert("RGB"), (_EDGE, _EDGE)).save(made, "PNG")
    return made.getvalue()
