"""Authlib's own models beside client identifier URLs: long enough with our mix-ins, and a warning without."""

from __future__ import annotations

import pytest
from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin, OAuth2TokenMixin
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd import CIMD
from flask_cimd.provider import URLClientCodeMixin, URLClientTokenMixin, warn_of_short_columns
from tests.support.databases import private_schema
from tests.support.stores import opened_database

LONG = "https://app.example/" + "x" * 2028


def test_a_url_of_2048_characters_fits_into_codes_and_tokens(postgres_url: str) -> None:
    with opened_database(private_schema(postgres_url)) as db:

        class Code(db.Model, URLClientCodeMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
            id: Mapped[int] = mapped_column(primary_key=True)

        class Token(db.Model, URLClientTokenMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
            id: Mapped[int] = mapped_column(primary_key=True)

        db.create_all()
        db.session.add_all([Code(code="c", client_id=LONG), Token(access_token="t", client_id=LONG)])
        db.session.commit()
        assert [db.session.query(model).one().client_id for model in (Code, Token)] == [LONG, LONG]
        assert isinstance(Token.__table__.c.client_id.type, Text)
        assert warn_of_short_columns(db) == []


def test_a_column_that_is_too_short_is_named(caplog: pytest.LogCaptureFixture) -> None:
    db = SQLAlchemy()

    class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id: Mapped[int] = mapped_column(primary_key=True)

    class Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id: Mapped[int] = mapped_column(primary_key=True)

    assert warn_of_short_columns(db) == ["token.client_id"]
    assert "token.client_id holds 48 characters" in caplog.text


def test_the_extension_warns_at_the_first_request_when_all_models_are_defined(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, db = Flask("app"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = private_schema(postgres_url)
    db.init_app(app)
    CIMD(app, db=db)

    class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id: Mapped[int] = mapped_column(primary_key=True)

    with app.app_context():
        db.create_all()
        db.session.add(Token(access_token="t", client_id="https://app.example/" + "x" * 29))
        with pytest.raises(DataError):  # what the warning is about: 49 characters
            db.session.commit()
        db.session.rollback()
        db.drop_all()
        db.engine.dispose()
    assert caplog.text == ""
    for _ in range(2):
        app.test_client().get("/")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "token.client_id holds 48 characters; a client URL has up to 2048"
    ]


def test_an_app_whose_columns_are_long_enough_is_not_warned(caplog: pytest.LogCaptureFixture) -> None:
    app, db = Flask("app"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    CIMD(app, db=db)

    class Token(db.Model, URLClientTokenMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id: Mapped[int] = mapped_column(primary_key=True)

    app.test_client().get("/")
    assert caplog.text == ""
