"""Tables of the account. Of all that lets somebody in, only digests, hashes and public keys are kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd_site.models import Instant, Model

#: Length of a SHA-256 digest in hexadecimal digits.
_DIGEST = 64


class AccountRow(Model):
    """The account of the owner; at most one row, which a site that nobody has set up yet does not have."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    #: Names the account to authenticators; random, so that it says nothing about the owner.
    user_handle: Mapped[bytes] = mapped_column(LargeBinary)
    password_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Instant)
    password_set_at: Mapped[float | None] = mapped_column(Instant)
    #: IANA name; without one, that of the configuration.
    zone: Mapped[str | None] = mapped_column(String(64))


class SessionRow(Model):
    """A session of the owner in one browser."""

    __tablename__ = "owner_session"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(String(_DIGEST), unique=True)
    created_at: Mapped[float] = mapped_column(Instant, index=True)
    #: When the owner last proved, in this session, to be there.
    proved_at: Mapped[float] = mapped_column(Instant)
    seen_at: Mapped[float] = mapped_column(Instant)
    method: Mapped[str] = mapped_column(String(16))
    browser: Mapped[str] = mapped_column(String(64))
    network: Mapped[str] = mapped_column(String(64))


class PasskeyRow(Model):
    """A passkey of the owner."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    transports: Mapped[str] = mapped_column(Text)
    is_synced: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[float] = mapped_column(Instant)
    used_at: Mapped[float | None] = mapped_column(Instant)


class ChallengeRow(Model):
    """A challenge that a passkey has answered; kept until it would have expired."""

    __tablename__ = "used_challenge"

    digest: Mapped[str] = mapped_column(String(_DIGEST), primary_key=True)
    expires_at: Mapped[float] = mapped_column(Instant, index=True)


class SecretRow(Model):
    """A secret that is good once: a recovery code, a recovery link, or the secret of the first run."""

    __tablename__ = "owner_secret"

    digest: Mapped[str] = mapped_column(String(_DIGEST), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    created_at: Mapped[float] = mapped_column(Instant)
    expires_at: Mapped[float | None] = mapped_column(Instant)


class KnownBrowserRow(Model):
    """A browser in which the owner has logged in."""

    __tablename__ = "known_browser"

    digest: Mapped[str] = mapped_column(String(_DIGEST), primary_key=True)
    seen_at: Mapped[float] = mapped_column(Instant, index=True)
