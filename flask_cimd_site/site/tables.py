"""Tables of what the site publishes: posts, images and the profile."""

from __future__ import annotations

from sqlalchemy import Boolean, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd_site.models import Instant, Model


class PostRow(Model):
    """One post, with its microformats2 properties as JSON."""

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    properties: Mapped[str] = mapped_column(Text)
    is_draft: Mapped[bool] = mapped_column(Boolean)
    published_at: Mapped[float] = mapped_column(Instant, index=True)
    updated_at: Mapped[float | None] = mapped_column(Instant)
    deleted_at: Mapped[float | None] = mapped_column(Instant)
    #: What the owner wrote, if the site made the content from it.
    markdown: Mapped[str | None] = mapped_column(Text)
    #: Number of changes: a change applies only to the version that it was made from.
    version: Mapped[int] = mapped_column(Integer)


class ProfileRow(Model):
    """The profile of the owner; at most one row."""

    __tablename__ = "profile"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    photo: Mapped[str | None] = mapped_column(String(48))
    links: Mapped[str] = mapped_column(Text)
    urls: Mapped[str] = mapped_column(Text)


class MediaRow(Model):
    """An image that this site encoded; it is in the database, so that all workers serve it."""

    __tablename__ = "media"

    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(32))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[float] = mapped_column(Instant)
