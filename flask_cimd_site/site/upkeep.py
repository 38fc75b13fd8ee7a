"""The end of deleted posts: their content and photos go after 30 days, while their addresses stay taken."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from flask_cimd_site.models import db
from flask_cimd_site.site.tables import MediaRow, PostRow, ProfileRow

#: Time for which a deleted post can be undeleted.
KEPT = timedelta(days=30)
#: Posts that one sweep empties at most: each photo is looked for in all other posts.
_MOST_POSTS = 20
_IMAGE = re.compile(r"/media/([0-9a-f]{32}\.(?:jpg|png|webp))")
_post: Any = PostRow.__table__
_media: Any = MediaRow.__table__
_profile: Any = ProfileRow.__table__


def sweep(now: datetime, limit: int) -> int:
    """Empty at most ``limit`` posts that were deleted too long ago, and return their number."""
    is_over = (_post.c.deleted_at < (now - KEPT).timestamp()) & (_post.c.properties != "{}")
    with db.engine.begin() as connection:
        rows = connection.execute(select(_post).where(is_over).order_by(_post.c.id).limit(min(limit, _MOST_POSTS)))
        found = rows.all()
        emptied = update(_post).where(_post.c.id.in_([row.id for row in found]))
        connection.execute(emptied.values(properties=json.dumps({}), markdown=None, version=_post.c.version + 1))
        for name in {name for row in found for name in _IMAGE.findall(row.properties)}:
            _drop(connection, name)
    return len(found)


def _drop(connection: Connection, name: str) -> None:
    """Delete an image that no other post and no profile shows."""
    in_post = select(_post.c.id).where(_post.c.properties.contains(name)).limit(1)
    in_profile = select(func.count()).select_from(_profile).where(_profile.c.photo == name)
    if connection.execute(in_post).first() is None and not connection.execute(in_profile).scalar_one():
        connection.execute(delete(_media).where(_media.c.name == name))
