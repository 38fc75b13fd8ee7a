"""What the site keeps: open requests, grants, codes and tokens. Secrets are stored as SHA-256 alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Engine, Float, ForeignKey, String, Table, Text, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables."""

    if TYPE_CHECKING:
        __table__: ClassVar[Table]


db = SQLAlchemy(model_class=Base)
# Flask-SQLAlchemy makes the base of its models at run time, where type checkers do not see it.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

#: Instants are seconds since 1970: the same on every database.
Instant = Float(53)


class OpenRequest(Model):
    """An authorization request that waits: for a decision in one session, or (without a session) for its browser."""

    __tablename__ = "open_request"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    session: Mapped[str] = mapped_column(String(64))
    request: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[float] = mapped_column(Instant, index=True)


class GrantRow(Model):
    """What the owner approved, with the client as it was then."""

    __tablename__ = "grant"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(Text)
    client: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    resource: Mapped[str] = mapped_column(Text)
    redirect_uri: Mapped[str] = mapped_column(Text)
    access_seconds: Mapped[float] = mapped_column(Instant)
    auth_method: Mapped[str] = mapped_column(String(32))
    dpop_jkt: Mapped[str | None] = mapped_column(String(64))
    client_key: Mapped[str | None] = mapped_column(Text)
    auth_time: Mapped[float | None] = mapped_column(Instant)
    created_at: Mapped[float] = mapped_column(Instant, index=True)
    used_at: Mapped[float | None] = mapped_column(Instant)
    revoked_at: Mapped[float | None] = mapped_column(Instant)


class CodeRow(Model):
    """An authorization code; kept after use until its grant is forgotten, so that reuse is noticed."""

    __tablename__ = "code"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grant.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[float] = mapped_column(Instant, index=True)
    spent_at: Mapped[float | None] = mapped_column(Instant)


class TokenRow(Model):
    """An access or refresh token."""

    __tablename__ = "token"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("grant.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    scope: Mapped[str] = mapped_column(Text)
    resource: Mapped[str] = mapped_column(Text, server_default="[]")
    created_at: Mapped[float] = mapped_column(Instant)
    expires_at: Mapped[float] = mapped_column(Instant, index=True)
    spent: Mapped[bool] = mapped_column(Boolean)
    revoked: Mapped[bool] = mapped_column(Boolean)


class RegistrationRow(Model):
    """An app that registered itself; ``used_at`` is when the owner approved it last, or it renewed its access."""

    __tablename__ = "registration"

    client_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    members: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Instant)
    used_at: Mapped[float | None] = mapped_column(Instant)


class ResourceServerRow(Model):
    """Somebody else's server that takes the site's tokens and may ask about them."""

    __tablename__ = "resource_server"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    secret_digest: Mapped[str] = mapped_column(String(64))
    resource: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Instant)


class UsedOnce(Model):
    """The name of something that must not be seen twice, such as a client assertion, until it is void anyway."""

    __tablename__ = "used_once"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[float] = mapped_column(Instant, index=True)


def set_up_sqlite(engine: Engine) -> None:
    """Let readers and one writer work side by side, and enforce foreign keys; other databases do so by themselves."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
