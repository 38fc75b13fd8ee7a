"""Storage of the profile that the owner saved; before that, the environment provides it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from flask_cimd_site.identity import Owner
from flask_cimd_site.models import db
from flask_cimd_site.site import media
from flask_cimd_site.site.media import StoredImage
from flask_cimd_site.site.tables import ProfileRow

_profile: Any = ProfileRow.__table__
_ONLY = 1


def load() -> Owner | None:
    """Return the saved profile, or ``None`` if none was saved."""
    with db.engine.connect() as connection:
        row = connection.execute(select(_profile).where(_profile.c.id == _ONLY)).first()
    if row is None:
        return None
    return Owner(
        name=row.name,
        note=row.note,
        photo=row.photo,
        links=tuple(json.loads(row.links)),
        urls=tuple(json.loads(row.urls)),
    )


def save(owner: Owner, image: StoredImage | None, now: datetime) -> None:
    """Save the profile and its new photo, if any, in one transaction."""
    with db.engine.begin() as connection:
        if image is not None:
            media.add(connection, image, now)
        connection.execute(delete(_profile).where(_profile.c.id == _ONLY))
        connection.execute(
            insert(_profile).values(
                id=_ONLY,
                name=owner.name,
                note=owner.note,
                photo=image.name if image else owner.photo,
                links=json.dumps(owner.links),
                urls=json.dumps(owner.urls),
            )
        )
