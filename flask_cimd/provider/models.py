"""Declarative models of a provider's data on the app's own Flask-SQLAlchemy ``db``.

The tables contain only SHA-256 digests of secrets. Client identifiers are ``Text``: a client identifier URL has up to
2048 characters. Times are Unix times in seconds as double precision numbers, on SQLite and on PostgreSQL.

A primary key or an index of these tables serves every query of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    false,
    inspect,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ._database import Database

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

#: Prefix of the name of every table of this package.
TABLE_PREFIX = "cimd_"
_INSTANT = Float(53)
_DIGEST = String(64)
_KEY = "flask_cimd.provider.models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The mapped classes of one ``db``; query them with ``db.session.scalars(select(models.Grant))``.

    Treat them as read-only: `SQLAlchemyStorage` changes the rows by conditional statements.
    """

    Grant: Any
    Code: Any
    Token: Any
    PushedRequest: Any
    WaitingRequest: Any
    RememberedConsent: Any
    ReplayKey: Any
    Registration: Any
    ResourceServer: Any


def provider_models(db: SQLAlchemy) -> Models:
    """Return the models of a ``db``; the first call adds their tables to ``db.metadata``.

    Call it next to the app's own models, so that ``db.create_all()`` and Flask-Migrate include the tables. The models
    have their own base class: columns and mix-ins of the app's base class do not apply to them.
    """
    found: Models | None = db.metadata.info.get(_KEY)
    if found is None:
        found = db.metadata.info[_KEY] = _define(db.metadata)
    return found


def missing_tables(db: SQLAlchemy) -> list[str]:
    """Return the names of the tables that the current app's database lacks; needs an app context.

    Raises:
        StorageError: the database does not answer.
    """
    provider_models(db)
    wanted = {name for name in db.metadata.tables if name.startswith(TABLE_PREFIX)}
    return sorted(wanted - set(Database(db).run(lambda connection: inspect(connection).get_table_names())))


def make_tables(db: SQLAlchemy, tables: list[Any]) -> None:
    """Create those of these tables that are missing; needs an app context.

    Raises:
        StorageError: the database does not answer or cannot be written.
    """
    Database(db).write(lambda connection: db.metadata.create_all(connection, tables=tables))


def schema_gaps(db: SQLAlchemy) -> list[str]:
    """Return what the current app's database lacks: tables by name, and columns as ``table.column``.

    Raises:
        StorageError: the database does not answer.
    """
    missing = missing_tables(db)
    names = [name for name in db.metadata.tables if name.startswith(TABLE_PREFIX) and name not in missing]

    def columns(connection: Connection) -> dict[str, set[str]]:
        found = inspect(connection).get_multi_columns(filter_names=names)
        return {table: {column["name"] for column in listed} for (_, table), listed in found.items()}

    kept = Database(db).run(columns)
    wanted = ((name, column) for name in names for column in db.metadata.tables[name].columns)
    return missing + sorted(f"{name}.{column.name}" for name, column in wanted if column.name not in kept.get(name, ()))


def _define(shared: MetaData) -> Models:
    class Base(DeclarativeBase):
        metadata = shared

    return Models(
        **_define_grants(Base),
        **_define_requests(Base),
        **_define_registrations(Base),
        ReplayKey=_define_keys(Base),
        RememberedConsent=_define_consents(Base),
    )


def _define_grants(base: Any) -> dict[str, Any]:
    class Grant(base):  # type: ignore[misc]  # every db has its own base
        """A person's approval."""

        __tablename__ = "cimd_grant"
        __table_args__ = (
            Index("ix_cimd_grant_subject_client", "subject", "client_id", "created_at"),
            Index("ix_cimd_grant_client", "client_id", "ends_at"),
            Index("ix_cimd_grant_ends_at", "ends_at"),
        )

        id: Mapped[str] = mapped_column(String(32), primary_key=True)
        issuer: Mapped[str] = mapped_column(Text)
        client_id: Mapped[str] = mapped_column(Text)
        client: Mapped[str | None] = mapped_column(Text)
        fingerprint: Mapped[str] = mapped_column(Text)
        subject: Mapped[str] = mapped_column(Text)
        scope: Mapped[str] = mapped_column(Text)
        resource: Mapped[str] = mapped_column(Text)
        redirect_uri: Mapped[str] = mapped_column(Text)
        access_seconds: Mapped[float] = mapped_column(_INSTANT)
        auth_method: Mapped[str] = mapped_column(Text)
        client_key: Mapped[str | None] = mapped_column(Text)
        dpop_jkt: Mapped[str | None] = mapped_column(Text)
        auth_time: Mapped[float | None] = mapped_column(_INSTANT)
        created_at: Mapped[float] = mapped_column(_INSTANT)
        #: End of the grant that the person chose.
        until: Mapped[float | None] = mapped_column(_INSTANT)
        #: Time of the last issue or use of tokens, to the hour; null until the code is redeemed.
        used_at: Mapped[float | None] = mapped_column(_INSTANT)
        #: Expiry of the last of its codes and tokens, or time of the revocation.
        ends_at: Mapped[float] = mapped_column(_INSTANT)
        revoked_at: Mapped[float | None] = mapped_column(_INSTANT)

    class Code(base):  # type: ignore[misc]  # every db has its own base
        """An authorization code; the row remains for a day after its expiry, to detect reuse."""

        __tablename__ = "cimd_code"
        __table_args__ = (Index("ix_cimd_code_grant", "grant_id"), Index("ix_cimd_code_expires_at", "expires_at"))

        digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
        grant_id: Mapped[str] = mapped_column(ForeignKey("cimd_grant.id", ondelete="CASCADE"))
        redirect_uri: Mapped[str] = mapped_column(Text)
        code_challenge: Mapped[str] = mapped_column(Text)
        expires_at: Mapped[float] = mapped_column(_INSTANT)
        spent_at: Mapped[float | None] = mapped_column(_INSTANT)

    class Token(base):  # type: ignore[misc]  # every db has its own base
        """An access or refresh token.

        ``parent`` is the refresh token whose rotation issued this token, ``repetition`` the number of that rotation
        from 0. ``rotations`` counts the exchanges of a refresh token; ``rotated_at`` is the time of the first. A
        rotated token is ``spent`` when no further repetition is accepted.
        """

        __tablename__ = "cimd_token"
        __table_args__ = (
            Index("ix_cimd_token_grant", "grant_id", "parent"),
            Index("ix_cimd_token_expires_at", "expires_at"),
        )

        digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
        grant_id: Mapped[str] = mapped_column(ForeignKey("cimd_grant.id", ondelete="CASCADE"))
        kind: Mapped[str] = mapped_column(String(8))
        scope: Mapped[str] = mapped_column(Text)
        resource: Mapped[str] = mapped_column(Text)
        created_at: Mapped[float] = mapped_column(_INSTANT)
        expires_at: Mapped[float] = mapped_column(_INSTANT)
        parent: Mapped[str | None] = mapped_column(_DIGEST)
        repetition: Mapped[int] = mapped_column(Integer, server_default="0")
        rotated_at: Mapped[float | None] = mapped_column(_INSTANT)
        rotations: Mapped[int] = mapped_column(Integer, server_default="0")
        spent: Mapped[bool] = mapped_column(Boolean, server_default=false())
        revoked: Mapped[bool] = mapped_column(Boolean, server_default=false())

    return {"Grant": Grant, "Code": Code, "Token": Token}


def _define_requests(base: Any) -> dict[str, Any]:
    class PushedRequest(base):  # type: ignore[misc]  # every db has its own base
        """An undecided pushed authorization request (RFC 9126)."""

        __tablename__ = "cimd_pushed_request"
        __table_args__ = (Index("ix_cimd_pushed_request_expires_at", "expires_at"),)

        digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
        issuer: Mapped[str] = mapped_column(Text, server_default="")
        request: Mapped[str] = mapped_column(Text)
        size: Mapped[int] = mapped_column(Integer)
        expires_at: Mapped[float] = mapped_column(_INSTANT)

    class WaitingRequest(base):  # type: ignore[misc]  # every db has its own base
        """A request that waits for a log-in or a decision in one browser; afterwards its response, for a minute."""

        __tablename__ = "cimd_waiting_request"
        __table_args__ = (
            Index("ix_cimd_waiting_request_browser", "browser", "created_at"),
            Index("ix_cimd_waiting_request_expires_at", "expires_at"),
        )

        digest: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
        issuer: Mapped[str] = mapped_column(Text, server_default="")
        browser: Mapped[str] = mapped_column(_DIGEST)
        subject: Mapped[str] = mapped_column(Text)
        content: Mapped[str] = mapped_column(Text)
        size: Mapped[int] = mapped_column(Integer)
        created_at: Mapped[float] = mapped_column(_INSTANT)
        expires_at: Mapped[float] = mapped_column(_INSTANT)
        decided_at: Mapped[float | None] = mapped_column(_INSTANT)
        #: Ciphertext; the provider does not store the key.
        answer: Mapped[bytes | None] = mapped_column(LargeBinary)
        code_digest: Mapped[str | None] = mapped_column(_DIGEST)

    return {"PushedRequest": PushedRequest, "WaitingRequest": WaitingRequest}


def _define_registrations(base: Any) -> dict[str, Any]:
    class Registration(base):  # type: ignore[misc]  # every db has its own base
        """A dynamically registered client (RFC 7591); ``used_at`` is null until a person approves it."""

        __tablename__ = "cimd_registration"
        __table_args__ = (
            Index("ix_cimd_registration_unused", "used_at", "created_at"),
            Index("ix_cimd_registration_network", "network", "used_at", "created_at"),
            Index("ix_cimd_registration_ends_at", "ends_at"),
        )

        client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
        issuer: Mapped[str] = mapped_column(Text)
        members: Mapped[str] = mapped_column(Text)
        network: Mapped[str] = mapped_column(String(64))
        created_at: Mapped[float] = mapped_column(_INSTANT)
        used_at: Mapped[float | None] = mapped_column(_INSTANT)
        ends_at: Mapped[float] = mapped_column(_INSTANT)

    class ResourceServer(base):  # type: ignore[misc]  # every db has its own base
        """A resource server that accepts the provider's tokens and may introspect them."""

        __tablename__ = "cimd_resource_server"

        id: Mapped[str] = mapped_column(String(64), primary_key=True)
        issuer: Mapped[str] = mapped_column(Text)
        name: Mapped[str] = mapped_column(Text)
        secret_digest: Mapped[str] = mapped_column(_DIGEST)
        resource: Mapped[str] = mapped_column(Text)
        created_at: Mapped[float] = mapped_column(_INSTANT)

    return {"Registration": Registration, "ResourceServer": ResourceServer}


def _define_consents(base: Any) -> Any:
    class RememberedConsent(base):  # type: ignore[misc]  # every db has its own base
        """A consent that the person asked the server to remember."""

        __tablename__ = "cimd_remembered_consent"
        __table_args__ = (
            Index("ix_cimd_remembered_consent_subject_client", "subject", "client_id"),
            Index("ix_cimd_remembered_consent_client", "client_id"),
            Index("ix_cimd_remembered_consent_ends_at", "ends_at"),
        )

        key: Mapped[str] = mapped_column(_DIGEST, primary_key=True)
        issuer: Mapped[str] = mapped_column(Text)
        subject: Mapped[str] = mapped_column(Text)
        client_id: Mapped[str] = mapped_column(Text)
        client: Mapped[str | None] = mapped_column(Text)
        fingerprint: Mapped[str] = mapped_column(Text)
        redirect_uri: Mapped[str] = mapped_column(Text)
        asked: Mapped[str] = mapped_column(Text)
        granted: Mapped[str] = mapped_column(Text)
        resource: Mapped[str] = mapped_column(Text)
        lifetime: Mapped[str] = mapped_column(String(16))
        created_at: Mapped[float] = mapped_column(_INSTANT)
        ends_at: Mapped[float] = mapped_column(_INSTANT)

    return RememberedConsent


def _define_keys(base: Any) -> Any:
    class ReplayKey(base):  # type: ignore[misc]  # every db has its own base
        """The key of a single-use value; the row remains until the value expires."""

        __tablename__ = "cimd_replay_key"
        __table_args__ = (Index("ix_cimd_replay_key_expires_at", "expires_at"),)

        key: Mapped[str] = mapped_column(String(128), primary_key=True)
        expires_at: Mapped[float] = mapped_column(_INSTANT)

    return ReplayKey
