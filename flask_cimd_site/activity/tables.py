"""Tables of the activity log."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd_site.models import Instant, Model


class ActivityRow(Model):
    """One event; rows are only added, and deleted when they are too old."""

    __tablename__ = "activity"
    # SQLite would otherwise give the number of a deleted row to a new one.
    __table_args__ = (
        # The page reads the newest rows of all kinds, of one kind or of one host: each in the order of an index.
        Index("ix_activity_at", "at", "id"),
        Index("ix_activity_kind", "kind", "at", "id"),
        Index("ix_activity_host", "host", "at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[float] = mapped_column(Instant)
    kind: Mapped[str] = mapped_column(String(32))
    #: Identifier of the app that the event is about.
    app: Mapped[str | None] = mapped_column(Text)
    #: Its host; of an app without a URL, the beginning of its identifier. Empty if the event is about no app.
    host: Mapped[str] = mapped_column(String(255))
    detail: Mapped[str] = mapped_column(Text)
    #: Name of the browser and its system, without versions; empty for events of the command line.
    browser: Mapped[str] = mapped_column(String(80))
    #: Network of the sender: an IPv4 /24 or an IPv6 /48.
    network: Mapped[str] = mapped_column(String(64))


class NoticeRow(Model):
    """An event that the owner has not read yet."""

    __tablename__ = "activity_notice"

    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True)


class FeedRow(Model):
    """The random value behind the address of the feed; at most one row."""

    __tablename__ = "activity_feed"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    nonce: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[float] = mapped_column(Instant)
