"""Steps of a person's browser at an app with a `Provider`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from flask.testing import FlaskClient

from flask_cimd.provider import Provider
from flask_cimd.testing import DocumentClient

ISSUER = "http://127.0.0.1:5000"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
Made = tuple[Flask, Provider]


def become(user: str) -> Callable[[FlaskClient], Any]:
    return lambda browser: browser.post("/become", data={"user": user})


def parameters(client: DocumentClient, **changes: str) -> dict[str, str]:
    usual = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": "s",
        "scope": "profile",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {**usual, **changes}


def ask(browser: FlaskClient, client: DocumentClient, **changes: str) -> Any:
    return browser.get("/authorize", query_string=parameters(client, **changes))


def transaction(page: Any) -> str:
    found = re.search(r'name="transaction" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def decide(browser: FlaskClient, handle: str, decision: str = "approve", scope: str = "profile") -> Any:
    return browser.post("/consent", data={"transaction": handle, "decision": decision, "scope": scope})


def answer(response: Any) -> dict[str, str]:
    assert response.status_code == 303, response.text
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def logged_in(app: Flask, user: str = "ada") -> FlaskClient:
    browser = app.test_client()
    become(user)(browser)
    return browser


def redeem(app: Flask, client: DocumentClient, code: str, path: str = "/token") -> Any:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    return app.test_client().post(path, data=form)
