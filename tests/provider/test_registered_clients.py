"""Clients that the app registered itself, without metadata, at a `Provider`."""

from __future__ import annotations

from flask import Flask, session
from flask.testing import FlaskClient

from flask_cimd import CIMD
from flask_cimd.oauth import MemoryStorage
from flask_cimd.provider import Provider
from tests.support.own_client import REDIRECT, OwnClient

from .steps import CHALLENGE, ISSUER, answer, decide, transaction


def own_app(clients: dict[str, OwnClient]) -> FlaskClient:
    """Return the browser of somebody who is logged in at an app with these clients."""
    app, cimd, provider = Flask("own"), CIMD(), Provider(scopes={"profile": "See your name"})
    app.config.update(SECRET_KEY="key", CIMD_ALLOW_LOOPBACK=True)
    cimd.init_app(app, registered=clients.get)
    provider.subject(lambda: session.get("user"))
    provider.login(lambda target, again: ("log in", 401))
    provider.init_app(app, cimd=cimd, storage=MemoryStorage(), issuer=ISSUER)
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept["user"] = "ada"
    return browser


def consent_page(browser: FlaskClient) -> str:
    query = {
        "response_type": "code",
        "client_id": "wiki",
        "redirect_uri": REDIRECT,
        "scope": "profile",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return transaction(browser.get("/authorize", query_string=query))


def test_a_registered_client_gets_a_code() -> None:
    browser = own_app({"wiki": OwnClient("wiki")})
    assert answer(decide(browser, consent_page(browser)))["code"]


def test_a_registered_client_that_is_gone_before_the_decision_is_unknown() -> None:
    clients = {"wiki": OwnClient("wiki")}
    browser = own_app(clients)
    handle = consent_page(browser)
    clients.clear()
    gone = decide(browser, handle)
    assert (gone.status_code, "<code>unknown-client</code>" in gone.text) == (400, True)
