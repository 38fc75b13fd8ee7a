"""Rows that another version of this package wrote: pages and endpoints go on, and what cannot be read can be ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from flask_cimd.provider import provider_models
from flask_cimd.testing import ClientOrigin, sign_in

from .steps import Made, answer, ask, become, decide, logged_in, parameters, redeem, transaction


@pytest.fixture
def app(make: Callable[..., Made]) -> Flask:
    return make()[0]


def rewrite(app: Flask, model: str, column: str, value: str) -> None:
    """Put a text of another version into a column of every row."""
    db = app.extensions["sqlalchemy"]
    with app.app_context():
        table = getattr(provider_models(db), model).__table__
        db.session.execute(update(table).values({column: value}))
        db.session.commit()


def of_another_version() -> str:
    return json.dumps({"version": 999, "client": ["unknown"]})


def field(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def revoke(browser: Any, page: str, **values: str) -> Any:
    return browser.post("/apps/revoke", data={"token": field(page, "token"), **values})


def test_connected_apps_show_the_app_by_its_identifier_and_end_it(app: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish(client_name="Quill")
    browser = sign_in(app, client, log_in=become("ada")).browser
    rewrite(app, "Grant", "client", of_another_version())
    page = browser.get("/apps")
    assert page.status_code == 200
    assert client.client_id in page.text
    assert "Quill" not in page.text
    assert "See your name" in page.text
    assert revoke(browser, page.text, client=client.client_id).status_code == 303
    assert client.client_id not in browser.get("/apps").text


def test_an_identifier_that_this_version_refuses_is_shown_as_well(app: Flask, client_origin: ClientOrigin) -> None:
    browser = sign_in(app, client_origin.publish(), log_in=become("ada")).browser
    rewrite(app, "Grant", "client_id", "gopher://old.example/app")
    page = browser.get("/apps")
    assert (page.status_code, "gopher://old.example/app" in page.text) == (200, True)
    assert revoke(browser, page.text, grant=field(page.text, "grant")).status_code == 303
    assert "gopher" not in browser.get("/apps").text


def test_a_refresh_says_that_the_person_must_be_asked_again(app: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    tokens = sign_in(app, client, log_in=become("ada")).tokens
    rewrite(app, "Grant", "client", of_another_version())
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    refused = app.test_client().post("/token", data=form)
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")
    assert refused.json["error_description"].endswith("Ask the person for authorization again.")


def test_a_code_says_that_the_person_must_be_asked_again(app: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    browser = logged_in(app)
    code = answer(decide(browser, transaction(ask(browser, client))))["code"]
    rewrite(app, "Grant", "client", of_another_version())
    refused = redeem(app, client, code)
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")
    assert refused.json["error_description"].endswith("Ask the person for authorization again.")


def test_an_access_token_is_refused_and_its_revocation_is_answered(app: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    token = sign_in(app, client, log_in=become("ada")).tokens["access_token"]
    rewrite(app, "Grant", "client", of_another_version())
    browser = app.test_client()
    assert browser.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert browser.post("/revoke", data={"token": token, "client_id": client.client_id}).status_code == 200


def test_consent_says_that_the_earlier_description_cannot_be_compared(app: Flask, client_origin: ClientOrigin) -> None:
    client = client_origin.publish()
    browser = sign_in(app, client, log_in=become("ada")).browser
    rewrite(app, "Grant", "client", of_another_version())
    page = ask(browser, client)
    assert page.status_code == 200
    assert 'data-acquaintance="met"' in page.text
    assert page.text.count("data-change=") == page.text.count('data-change="unreadable-approval"') == 1
    assert answer(decide(browser, transaction(page)))["code"]


@pytest.mark.parametrize("content", ["{}", "[]", "not JSON", '{"client": null, "resource": []}'])
def test_an_open_consent_page_says_to_start_again(app: Flask, client_origin: ClientOrigin, content: str) -> None:
    browser = logged_in(app)
    handle = transaction(ask(browser, client_origin.publish()))
    rewrite(app, "WaitingRequest", "content", content)
    ended = decide(browser, handle)
    assert (ended.status_code, "request-ended" in ended.text) == (400, True)


@pytest.mark.parametrize("content", ["{}", "[]"])
def test_a_pushed_request_counts_as_unknown(app: Flask, client_origin: ClientOrigin, content: str) -> None:
    client, browser = client_origin.publish(), logged_in(app)
    request_uri = browser.post("/par", data=parameters(client)).json["request_uri"]
    rewrite(app, "PushedRequest", "request", content)
    query = {"client_id": client.client_id, "request_uri": request_uri}
    ended = browser.get("/authorize", query_string=query)
    assert (ended.status_code, "unknown-request-uri" in ended.text) == (400, True)
