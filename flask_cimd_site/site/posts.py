"""Storage of posts: each has a permanent URL; deleted posts are kept, so that they can be undeleted."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import RequestEntityTooLarge, ServiceUnavailable

from flask_cimd_site.models import db
from flask_cimd_site.site import media
from flask_cimd_site.site.media import StoredImage
from flask_cimd_site.site.properties import Properties, PropertyError, Value, first_text
from flask_cimd_site.site.tables import PostRow

PAGE_SIZE = 20
_ATTEMPTS = 5
#: Characters of all posts together: bounds what apps can store.
_MOST_STORED = 256 * 1024 * 1024
#: Characters of a slug made from words; a suffix that makes it unique is added to that.
_LONGEST_SLUG = 60
#: Properties of a post whose content is gone: its address stays taken, and answers 410.
_NOTHING = "{}"
_SLUG = re.compile(r"[a-z0-9-]{1,80}")
_post: Any = PostRow.__table__
_NEWEST_FIRST = (_post.c.published_at.desc(), _post.c.id.desc())
_LIVES = _post.c.deleted_at.is_(None)
_CAN_COME_BACK = _post.c.deleted_at.is_not(None) & (_post.c.properties != _NOTHING)


def _pages(which: Any, *order: Any) -> Select[Any]:
    return select(_post).where(which).order_by(*order).offset(bindparam("start")).limit(bindparam("most"))


_EDITABLE = _pages(_LIVES, *_NEWEST_FIRST)
_PUBLISHED = _pages(_LIVES & _post.c.is_draft.is_(False), *_NEWEST_FIRST)
_DRAFTS = _pages(_LIVES & _post.c.is_draft.is_(True), *_NEWEST_FIRST)
_DELETED = _pages(_CAN_COME_BACK, _post.c.deleted_at.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post.

    Attributes:
        slug: last segment of its URL; lower-case ASCII letters, digits and hyphens.
        properties: without ``published`` and ``post-status``, which are fields.
        markdown: what the owner wrote, if the site made the content from it.
        version: number of changes.
    """

    slug: str
    properties: Properties
    is_draft: bool
    published_at: datetime
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    markdown: str | None = None
    version: int = 0


Edit = Callable[[Post], Post]


def add(
    properties: Properties,
    *,
    is_draft: bool,
    published_at: datetime,
    slug: str | None,
    images: Sequence[StoredImage],
    now: datetime,
    markdown: str | None = None,
) -> Post:
    """Store a new post and its uploaded images in one transaction, under the given slug or a variant that is free.

    Raises:
        RequestEntityTooLarge: the posts or the images together would be too large.
    """
    wish = make_slug(slug or first_text(properties, "name") or _opening(properties, markdown)) or secrets.token_hex(4)
    post = Post(slug=wish, properties=properties, is_draft=is_draft, published_at=published_at, markdown=markdown)
    for _ in range(_ATTEMPTS):
        try:
            with db.engine.begin() as connection:
                for image in images:
                    media.add(connection, image, now)
                values = _values(post)
                size = func.length(_post.c.properties) + func.coalesce(func.length(_post.c.markdown), 0)
                held = connection.execute(select(func.coalesce(func.sum(size), 0))).scalar_one()
                if held + len(values["properties"]) + len(markdown or "") > _MOST_STORED:
                    raise RequestEntityTooLarge
                connection.execute(insert(_post).values(slug=post.slug, **values))
        except IntegrityError:  # another post has this slug
            post = replace(post, slug=f"{wish}-{secrets.token_hex(3)}")
        else:
            return post
    raise ServiceUnavailable(retry_after=1)


def find(slug: str) -> Post | None:
    """Return a post, also if it is a draft or deleted; the slug may be any text."""
    if not _SLUG.fullmatch(slug):
        return None
    with db.engine.connect() as connection:
        row = connection.execute(select(_post).where(_post.c.slug == slug)).first()
    return None if row is None else _as_post(row)


def change(slug: str, edit: Edit, *, images: Sequence[StoredImage] = (), now: datetime | None = None) -> Post | None:
    """Replace a post by the result of ``edit``; ``None`` if there is no such post.

    If another request changes the post at the same time, ``edit`` is called again with the newer post. The images are
    stored in the same transaction, which needs ``now``.

    Raises:
        RequestEntityTooLarge: the images together would be too large.
    """
    for _ in range(_ATTEMPTS):
        post = find(slug)
        if post is None:
            return None
        edited = replace(edit(post), version=post.version + 1)
        if edited.markdown == post.markdown and edited.properties.get("content") != post.properties.get("content"):
            edited = replace(edited, markdown=None)  # an app wrote other content
        unchanged = (_post.c.slug == slug) & (_post.c.version == post.version)
        with db.engine.begin() as connection:
            if connection.execute(update(_post).where(unchanged).values(**_values(edited))).rowcount == 1:
                for image in images:
                    media.add(connection, image, now or edited.published_at)
                return edited
    raise ServiceUnavailable(retry_after=1)


def published(page: int = 1, size: int = PAGE_SIZE) -> tuple[list[Post], bool]:
    """Return one page of public posts, newest first, and whether there is an older page."""
    posts = _read(_PUBLISHED, (page - 1) * size, size + 1)
    return posts[:size], len(posts) > size


def editable(size: int = PAGE_SIZE) -> list[Post]:
    """Return the newest posts that are not deleted, drafts included."""
    return _read(_EDITABLE, 0, size)


def drafts(size: int = PAGE_SIZE) -> list[Post]:
    """Return drafts, newest first."""
    return _read(_DRAFTS, 0, size)


def deleted(size: int = PAGE_SIZE) -> list[Post]:
    """Return deleted posts that can be undeleted, the last deleted first."""
    return _read(_DELETED, 0, size)


def undeleted(post: Post) -> Post:
    """Return the post as it was before it was deleted.

    Raises:
        PropertyError: it was deleted too long ago; see `flask_cimd_site.site.upkeep`.
    """
    if not post.properties:
        raise PropertyError("The post was deleted too long ago; its content is gone.")
    return replace(post, deleted_at=None)


def last_change() -> datetime | None:
    """Return the time of the last change to public posts, including deletions."""
    columns = (func.max(_post.c.published_at), func.max(_post.c.updated_at), func.max(_post.c.deleted_at))
    with db.engine.connect() as connection:
        instants = connection.execute(select(*columns).where(_post.c.is_draft.is_(False))).one()
    known = [seconds for seconds in instants if seconds is not None]
    return _instant(max(known)) if known else None


def make_slug(text: str) -> str:
    """Return the text as a slug of ASCII letters, digits and hyphens, which may be empty."""
    plain = unicodedata.normalize("NFKD", text[: 8 * _LONGEST_SLUG]).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", ""))
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:_LONGEST_SLUG]
        if len(longer) > _LONGEST_SLUG:
            break
        slug = longer
    return slug


def _opening(properties: Properties, markdown: str | None) -> str:
    """Return the first words of the content; HTML is not parsed."""
    return " ".join((markdown or first_text(properties, "content")).split()[:6])


def _read(query: Select[Any], start: int, most: int) -> list[Post]:
    with db.engine.connect() as connection:
        return [_as_post(row) for row in connection.execute(query, {"start": start, "most": most})]


def _values(post: Post) -> dict[str, Any]:
    return {
        "properties": json.dumps(post.properties, ensure_ascii=False),
        "is_draft": post.is_draft,
        "published_at": post.published_at.timestamp(),
        "updated_at": post.updated_at.timestamp() if post.updated_at else None,
        "deleted_at": post.deleted_at.timestamp() if post.deleted_at else None,
        "markdown": post.markdown,
        "version": post.version,
    }


def _as_post(row: Any) -> Post:
    properties: dict[str, list[Value]] = json.loads(row.properties)
    return Post(
        slug=row.slug,
        properties=properties,
        is_draft=row.is_draft,
        published_at=_instant(row.published_at),
        updated_at=_instant(row.updated_at) if row.updated_at is not None else None,
        deleted_at=_instant(row.deleted_at) if row.deleted_at is not None else None,
        markdown=row.markdown,
        version=row.version,
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
