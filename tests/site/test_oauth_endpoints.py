"""The site's own part of the endpoints: lifetimes that the owner chooses, errors in JSON, bounds, tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from flask_cimd_site.models import db, provider
from tests.support.atproto import App
from tests.support.browser import Browser, SignIn, Site, publish_client
from tests.support.demo import RunningDemo
from tests.support.proves import proves
from tests.support.wsgi import WSGIAdapter

ENDPOINTS = ["/token", "/revoke"]


@proves("M-62")
def test_a_client_that_does_not_list_the_grant_gets_no_refresh_token(origin: Any, site: Site) -> None:
    # There the owner chooses how long access lasts, 30 days if nothing else is chosen.
    owner, client_id = site.owner(), publish_client(origin, grant_types=["authorization_code"])
    tokens = owner.tokens(client_id)
    assert "refresh_token" not in tokens
    assert tokens["expires_in"] == 30 * 86400
    sign_in = SignIn.begin(client_id, scope="profile")
    code = owner.approve(owner.authorize(sign_in), lifetime="hour")["code"]
    assert owner.redeem(sign_in, code).json()["expires_in"] == 3600


@proves("O-18")
def test_an_invented_lifetime_is_the_preset_one(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin, grant_types=["authorization_code"])
    sign_in = SignIn.begin(client_id, scope="profile")
    code = owner.approve(owner.authorize(sign_in), lifetime="century")["code"]
    assert owner.redeem(sign_in, code).json()["expires_in"] == 30 * 86400


@proves("O-50")
@pytest.mark.parametrize("path", ENDPOINTS)
def test_only_post_is_answered(site: Site, path: str) -> None:
    answer = site.browser().get(path)
    assert answer.status_code == 405
    assert answer.json() == {"error": "invalid_request"}


def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    answer = site.browser().post("/token", {"code": "x" * 70_000})
    assert answer.status_code == 413


@proves("AT-33", "AT-92")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_posts_are_taken(site: Site, method: str) -> None:
    answer = site.browser().request(method, "/par")

    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")


@proves("AT-92", "O-90")
def test_a_body_that_is_too_large_is_answered_in_json(site: Site) -> None:
    answer = site.browser().post("/par", {"state": "x" * 70000})

    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")


def test_what_was_used_once_is_forgotten_when_it_is_void(any_site: Site) -> None:
    storage, now = any_site.app.extensions["flask_cimd_site"].storage, any_site.clock()
    with any_site.app.app_context():
        for number in range(3):
            assert storage.use_once(f"assertion:{number}", now + timedelta(seconds=60), now)
        assert storage.use_once("assertion:later", now + timedelta(seconds=180), now + timedelta(seconds=120))
        storage.sweep(now + timedelta(seconds=120))
        kept = {row.key for row in db.session.query(provider.ReplayKey) if row.key.startswith("assertion:")}
        assert kept == {"assertion:later"}


@proves("L-16", "A-11")
def test_a_long_client_id_fits_every_column(origin: Any, postgres_site: Site, postgres_url: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Client(Base, OAuth2ClientMixin):  # type: ignore[misc]  # Authlib is untyped
        __tablename__ = "plain_client"
        id: Mapped[int] = mapped_column(primary_key=True)

    engine = sqlalchemy.create_engine(postgres_url)
    Base.metadata.create_all(engine)
    long = "/" + "a" * 2000
    with Session(engine) as session:
        session.add(Client(client_id="https://app.example" + long))
        with pytest.raises(sqlalchemy.exc.DataError, match="too long"):
            session.flush()
    engine.dispose()
    assert postgres_site.owner().tokens(publish_client(origin, long))["access_token"]


@pytest.mark.slow
def test_a_running_demo_signs_its_owner_in(origin: Any, running_site: RunningDemo) -> None:
    owner = running_site.owner()
    assert owner.tokens(publish_client(origin))["me"] == running_site.base_url + "/"
    denied = owner.deny(owner.authorize(SignIn.begin(publish_client(origin))))
    assert denied["error"] == "access_denied"
    assert running_site.process.poll() is None


@proves("O-14", "A-11")
def test_codes_and_tokens_are_kept_as_digests_alone(origin: Any, any_site: Site) -> None:
    owner, client_id = any_site.owner(), publish_client(origin)
    sign_in, code = owner.code(client_id)
    tokens = owner.redeem(sign_in, code).json()
    secrets = [code, tokens["access_token"], tokens["refresh_token"]]
    with any_site.app.app_context():
        kept = [str(vars(row)) for model in (provider.Code, provider.Token) for row in db.session.query(model)]
    assert len(kept) == 3
    assert not any(secret in text for secret in secrets for text in kept)


@proves("O-123", "A-17")
def test_the_scheme_comes_from_the_configuration(origin: Any, make_site: Any) -> None:
    # Behind a TLS proxy the request itself came by http.
    site = make_site(DEMO_BASE_URL="https://me.example")
    inside = Browser("http://me.example", WSGIAdapter(site.app))
    sign_in, code = site.owner().code(publish_client(origin))
    assert inside.redeem(sign_in, code).status_code == 200


@proves("AT-60")
@pytest.mark.parametrize("path", ["/par", "/token", "/revoke"])
def test_scripts_of_any_origin_read_the_nonce(site: Site, path: str) -> None:
    app = App(site)
    form = {"token": "x", "grant_type": "refresh_token", "refresh_token": "x", **app.begin().parameters}
    answer = app.send("POST", path, form, nonce=None)
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "DPoP-Nonce" in answer.headers["Access-Control-Expose-Headers"]


def test_only_post_introspects_and_nobody_stores_the_refusal(site: Site) -> None:
    answer = site.browser().get("/introspect")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (405, "no-store")
