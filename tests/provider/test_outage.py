"""While the database is away, a provider says so with status 503; afterwards the same request succeeds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask
from flask.testing import FlaskClient
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.provider import Provider
from flask_cimd.testing import ClientOrigin, DocumentClient
from tests.support.clock import Clock
from tests.support.proves import proves

VERIFIER = "v" * 43
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@dataclass
class Site:
    """A provider on a SQLite file that can be taken away."""

    app: Flask
    db: SQLAlchemy
    client: DocumentClient
    file: Path
    is_away: bool = False
    browser: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.browser = self.app.test_client()

    def connect(self) -> sqlite3.Connection:
        path = self.file.with_name("away") if self.is_away else self.file
        return sqlite3.connect(f"file:{path}?mode={'rw' if self.is_away else 'rwc'}", uri=True, check_same_thread=False)

    def leave(self) -> None:
        """Take the database away."""
        self._switch(is_away=True)

    def come_back(self) -> None:
        """Bring it back."""
        self._switch(is_away=False)

    def _switch(self, *, is_away: bool) -> None:
        self.is_away = is_away
        with self.app.app_context():
            self.db.engine.dispose()

    def ask(self) -> Any:
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "state": "s",
            "scope": "profile",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        return self.browser.get("/authorize", query_string=query, headers=BROWSER)

    def press(self, page: Any) -> Any:
        found = re.search(r'name="transaction" value="([^"]+)"', page.text)
        assert found is not None
        data = {"transaction": found[1], "decision": "approve", "scope": "profile"}
        return self.browser.post("/consent", data=data, headers=BROWSER)

    def code(self) -> str:
        answer = self.press(self.ask())
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]

    def redeem(self, code: str) -> Any:
        return self._token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=self.client.redirect_uri,
            code_verifier=VERIFIER,
        )

    def refresh(self, token: str) -> Any:
        return self._token(grant_type="refresh_token", refresh_token=token)

    def _token(self, **data: str) -> Any:
        return self.app.test_client().post("/token", data={"client_id": self.client.client_id, **data})


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    app, db, cimd = Flask("app"), SQLAlchemy(), CIMD(clock=clock)
    provider = Provider(scopes={"profile": "See your name"}, clock=clock)
    provider.subject(lambda: "https://ada.example/")
    provider.login(lambda target, again: ("", 401))
    with ClientOrigin(tmp_path) as origin:
        app.config.update(
            origin.config,
            SECRET_KEY="key",
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/site.db",
            SQLALCHEMY_ENGINE_OPTIONS={"creator": lambda: site.connect()},
        )
        client = origin.publish(grant_types=["authorization_code", "refresh_token"])
        site = Site(app, db, client, tmp_path / "site.db")
        db.init_app(app)
        cimd.init_app(app, db=db)
        provider.init_app(app, cimd=cimd, db=db, issuer="http://127.0.0.1:5000")
        with app.app_context():
            db.create_all()
        yield site
        with app.app_context():
            db.engine.dispose()


def is_unavailable(answer: Any) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert "Error" not in answer.text  # no exception of a driver


def test_a_code_that_was_not_spent_is_redeemed_afterwards(site: Site) -> None:
    code = site.code()
    site.leave()
    refused = site.redeem(code)
    is_unavailable(refused)
    assert refused.get_json()["error"] == "temporarily_unavailable"
    site.come_back()
    assert site.redeem(code).status_code == 200


def test_a_refresh_token_lives_on(site: Site) -> None:
    tokens = site.redeem(site.code()).get_json()
    site.leave()
    refused = site.refresh(tokens["refresh_token"])
    is_unavailable(refused)
    assert refused.get_json()["error"] == "temporarily_unavailable"
    site.come_back()
    assert site.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/userinfo"), ("POST", "/introspect")])
def test_no_living_token_is_called_dead(site: Site, method: str, path: str) -> None:
    token = site.redeem(site.code()).get_json()["access_token"]
    request: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}}
    if method == "POST":
        request["data"] = {"token": token}
    site.leave()
    answer = site.app.test_client().open(path, method=method, **request)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5")
    site.come_back()
    assert site.app.test_client().open(path, method=method, **request).status_code == 200


@proves("O-112")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_that_cannot_be_revoked_now_lives_on_and_is_revoked_later(site: Site, kind: str) -> None:
    tokens, browser = site.redeem(site.code()).get_json(), site.app.test_client()
    form = {"token": tokens[kind], "token_type_hint": kind, "client_id": site.client.client_id}
    authorized = {"Authorization": f"Bearer {tokens['access_token']}"}
    site.leave()
    refused = browser.post("/revoke", data=form)
    is_unavailable(refused)
    assert refused.get_json()["error"] == "temporarily_unavailable"
    site.come_back()
    assert browser.get("/userinfo", headers=authorized).status_code == 200
    assert browser.post("/revoke", data=form).status_code == 200
    assert browser.get("/userinfo", headers=authorized).status_code == 401


def test_a_pushed_request_is_refused_for_now(site: Site) -> None:
    data = {
        "response_type": "code",
        "client_id": site.client.client_id,
        "redirect_uri": site.client.redirect_uri,
        "state": "s",
        "scope": "profile",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    site.leave()
    refused = site.app.test_client().post("/par", data=data)
    is_unavailable(refused)
    assert refused.get_json()["error"] == "temporarily_unavailable"
    site.come_back()
    assert site.app.test_client().post("/par", data=data).status_code == 201


def test_a_person_sees_a_page(site: Site) -> None:
    site.leave()
    page = site.ask()
    is_unavailable(page)
    assert page.mimetype == "text/html"
    site.come_back()
    assert site.ask().status_code == 200


def test_an_approval_is_not_spent_before_it_is_carried_out(site: Site) -> None:
    page = site.ask()
    site.leave()
    is_unavailable(site.press(page))
    site.come_back()
    again = site.press(page)
    assert again.status_code == 303
    assert "code=" in again.headers["Location"]
