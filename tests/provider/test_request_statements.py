"""What each request of a sign-in costs at the database, from HTTP to the last commit: numbers that are written down.

`test_statements.py` counts what the storage sends; here are the stored client and everything around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask.testing import FlaskClient

from examples import minimal
from flask_cimd.testing import ClientOrigin
from tests.support.statements import recorded

#: Statements, explicit transactions, commits. Nothing that is read opens a transaction, and what must happen together
#: is committed once.
EXPECTED = {
    # The stored client; last approval; same redirect URI; in a transaction: the waiting request, its browser's bound.
    "GET authorize": (5, 1, 1),
    # The waiting request; in a transaction: decide it, add the grant, add the code.
    "POST consent": (4, 1, 1),
    # The code with its grant; in a transaction: spend it, settle the grant, add both tokens.
    "POST token": (4, 1, 1),
    # The token with its grant; in a transaction: end the parent's grace, rotate, renew the grant, add both tokens.
    "refresh": (5, 1, 1),
    # The token with its grant.
    "resource": (1, 0, 0),
    "introspection by the holder": (1, 0, 0),
}


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[ClientOrigin]:
    with ClientOrigin(tmp_path) as running:
        yield running


def test_the_statements_of_each_request_of_a_sign_in(origin: ClientOrigin, tmp_path: Path) -> None:
    app = minimal.create_app(**origin.config, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/minimal.db")
    browser, client_id = app.test_client(), origin.publish().client_id
    browser.post("/login?next=/authorize/x", data={"password": "secret"})
    with app.app_context():
        engine = minimal.db.engine
    counted: dict[str, tuple[int, int, int]] = {}

    def count(name: str, request: Callable[[], Any]) -> Any:
        with recorded(engine) as sent:
            answer = request()
        counted[name] = sent.counts
        assert answer.status_code == (303 if name == "POST consent" else 200), answer.text
        return answer

    for _ in range(2):  # the first one fetches the document, sweeps, and reads the operator's rules
        sign_in(browser, client_id, count)
    print(*counted.items(), sep="\n")
    assert counted == EXPECTED
    engine.dispose()


def sign_in(browser: FlaskClient, client_id: str, count: Callable[[str, Callable[[], Any]], Any]) -> None:
    verifier = generate_token(64)
    shared = {"client_id": client_id, "redirect_uri": "http://127.0.0.1:7777/callback"}
    challenge = {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    query = {**shared, **challenge, "response_type": "code", "scope": "profile", "state": "s"}
    page = count("GET authorize", lambda: browser.get("/authorize", query_string=query))
    fields = dict(re.findall(r'<input type="hidden" name="(.+?)" value="(.+?)"', page.text))
    form = {**fields, "decision": "approve", "scope": "profile"}
    decided = count("POST consent", lambda: browser.post("/consent", data=form))
    code = re.findall("code=([^&]+)", decided.headers["Location"])[0]
    tokens = {}

    def ask(name: str, **form: str) -> None:
        tokens.update(count(name, lambda: browser.post("/token", data={"client_id": client_id, **form})).get_json())

    redirect_uri = shared["redirect_uri"]
    ask("POST token", grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier)
    ask("refresh", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    count("resource", lambda: browser.get("/userinfo", headers=bearer))
    token = {"token": tokens["access_token"]}
    count("introspection by the holder", lambda: browser.post("/introspect", data=token, headers=bearer))
