"""Authlib's own models beside client identifier URLs: long enough with our mix-ins, and a warning without."""

from __future__ import annotations

import pytest
from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin, OAuth2TokenMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from flask_cimd.provider.authlib_models import URLClientCodeMixin, URLClientTokenMixin, warn_of_short_columns
from tests.support.databases import private_schema
from tests.support.stores import opened_database

LONG = "https://app.example/" + "x" * 2028


def test_a_url_of_2048_characters_fits_into_codes_and_tokens(postgres_url: str) -> None:
    with opened_database(private_schema(postgres_url)) as db:

        class Code(db.Model, URLClientCodeMixin):  # type: ignore[name-defined, misc]
            id: Mapped[int] = mapped_column(primary_key=True)

        class Token(db.Model, URLClientTokenMixin):  # type: ignore[name-defined, misc]
            id: Mapped[int] = mapped_column(primary_key=True)

        db.create_all()
        db.session.add_all([Code(code="c", client_id=LONG), Token(access_token="t", client_id=LONG)])
        db.session.commit()
        assert [db.session.query(model).one().client_id for model in (Code, Token)] == [LONG, LONG]
        assert isinstance(Token.__table__.c.client_id.type, Text)
        assert warn_of_short_columns(db) == []


def test_a_column_that_is_too_short_is_named(caplog: pytest.LogCaptureFixture) -> None:
    db = SQLAlchemy()

    class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    class Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined, misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    assert warn_of_short_columns(db) == ["token.client_id"]
    assert "token.client_id holds 48 characters" in caplog.text
