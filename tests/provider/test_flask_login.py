"""A provider without hooks of its own: Flask-Login says who is there, and its log-in leads back."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, Response, redirect, request, session
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_user

from flask_cimd import CIMD, ConfigurationError
from flask_cimd.oauth import MemoryStorage
from flask_cimd.provider import Provider
from flask_cimd.provider.login import AUTH_TIME
from flask_cimd.testing import ClientOrigin, sign_in

from .steps import ISSUER, ask


def make(
    client_origin: ClientOrigin,
    *,
    manager_view: str | None = "log_in",
    login_view: str | None = None,
    subject: str | None = None,
) -> Flask:
    """Build an app whose log-in view sends people on who are logged in already."""
    app, cimd, logins = Flask("app"), CIMD(), LoginManager()
    app.config.update(SECRET_KEY="key", PROPAGATE_EXCEPTIONS=True, **client_origin.config)
    cimd.init_app(app)
    logins.init_app(app)
    logins.login_view = manager_view
    logins.user_loader(_named)

    @app.route("/log-in", methods=["GET", "POST"])
    def log_in() -> Response:
        if request.method == "POST":
            login_user(_named(request.form["user"]))
        if current_user.is_authenticated:
            return redirect(request.args.get("next", "/"))  # type: ignore[return-value]  # Werkzeug's type of Flask's Response
        return Response("form")

    provider = Provider(scopes={"profile": "See your name"}, login_view=login_view)
    if subject is not None:
        provider.subject(lambda: subject or None)
    provider.init_app(app, cimd=cimd, storage=MemoryStorage(), issuer=ISSUER)
    return app


def log_in(browser: FlaskClient, user: str = "ada") -> None:
    assert browser.post("/log-in", data={"user": user}).status_code == 302


def target_of(response: Any) -> str:
    assert response.status_code == 303, response.text
    found: str = parse_qs(urlsplit(response.headers["Location"]).query)["next"][0]
    return found


def test_the_user_of_flask_login_is_the_subject(client_origin: ClientOrigin) -> None:
    app = make(client_origin)
    tokens = sign_in(app, client_origin.publish(), log_in=log_in).tokens
    told = app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert told.json == {"sub": "ada"}


def test_who_is_not_logged_in_logs_in_and_comes_back(client_origin: ClientOrigin) -> None:
    app = make(client_origin)
    browser = app.test_client()
    sent = ask(browser, client_origin.publish())
    assert sent.headers["Location"].startswith("/log-in?next=%2Fauthorize%2F")
    log_in(browser)
    resumed = browser.get(target_of(sent))
    assert browser.get(resumed.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("view", "begin"),
    [
        ("log_in", "/log-in?next=%2F"),
        ("/in?a=b", "/in?a=b&next=%2F"),
        ("https://id.example/", "https://id.example/?next="),
    ],
)
def test_the_provider_may_name_the_log_in(client_origin: ClientOrigin, view: str, begin: str) -> None:
    app = make(client_origin, manager_view=None, login_view=view)
    sent = ask(app.test_client(), client_origin.publish())
    assert sent.headers["Location"].startswith(begin)


def test_a_provider_without_any_log_in_says_what_is_missing(client_origin: ClientOrigin) -> None:
    app = make(client_origin, manager_view=None)
    with pytest.raises(ConfigurationError, match="name the log-in"):
        ask(app.test_client(), client_origin.publish())


def test_a_provider_without_flask_login_says_in_the_log_what_is_missing(
    client_origin: ClientOrigin, caplog: pytest.LogCaptureFixture
) -> None:
    app = make(client_origin, login_view="/log-in")
    del app.login_manager  # type: ignore[attr-defined]  # Flask-Login adds it
    refused = ask(app.test_client(), client_origin.publish())
    assert (refused.status_code, "@provider" in refused.text) == (503, False)
    assert "register @provider.subject" in caplog.text


def test_a_demand_for_a_new_log_in_logs_the_person_out_and_is_met_by_the_next(client_origin: ClientOrigin) -> None:
    app = make(client_origin)
    client, browser = client_origin.publish(), app.test_client()
    log_in(browser)
    sent = ask(browser, client, prompt="login")
    assert browser.get(sent.headers["Location"]).text == "form"
    log_in(browser)
    resumed = browser.get(target_of(sent))
    assert browser.get(resumed.headers["Location"]).status_code == 200


def test_a_log_in_view_without_flask_login_gets_the_demand_too(client_origin: ClientOrigin) -> None:
    app = make(client_origin, login_view="/log-in", subject="ada")
    del app.login_manager  # type: ignore[attr-defined]  # Flask-Login adds it
    sent = ask(app.test_client(), client_origin.publish(), prompt="login")
    assert sent.headers["Location"].startswith("/log-in?next=%2Fauthorize%2F")


def test_a_person_whom_the_provider_does_not_know_stays_logged_in_at_the_app(client_origin: ClientOrigin) -> None:
    app = make(client_origin, subject="")
    browser = app.test_client()
    log_in(browser)
    assert ask(browser, client_origin.publish()).status_code == 303
    assert browser.get("/log-in").status_code == 302


def test_an_ordinary_request_logs_nobody_out(client_origin: ClientOrigin) -> None:
    app = make(client_origin)
    browser = app.test_client()
    log_in(browser)
    assert ask(browser, client_origin.publish()).status_code == 200
    assert ask(browser, client_origin.publish()).status_code == 200


def test_a_session_without_an_instant_is_not_fresh(client_origin: ClientOrigin) -> None:
    app = make(client_origin)
    client, browser = client_origin.publish(), app.test_client()
    log_in(browser)
    assert ask(browser, client, max_age="100000000").status_code == 200
    with browser.session_transaction() as kept:
        kept[AUTH_TIME] = "soon"
    assert ask(browser, client, max_age="100000000").status_code == 303


def test_a_log_in_at_another_app_is_not_noted_here(client_origin: ClientOrigin) -> None:
    make(client_origin)
    other, logins = Flask("other"), LoginManager()
    other.secret_key = "key"
    logins.init_app(other)

    @other.post("/log-in")
    def enter() -> str:
        login_user(_named("ada"))
        return ",".join(session)

    assert AUTH_TIME not in other.test_client().post("/log-in").text


def _named(name: str) -> UserMixin:
    user = UserMixin()
    user.id = name
    return user
