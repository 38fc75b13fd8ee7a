"""The README is short and true; the quick start for an existing Authlib server runs as the documentation shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask
from flask.testing import FlaskClient

from tests.support.browser import SignIn
from tests.support.demo import ROOT
from tests.support.origin import TLSOrigin, publish_document
from tests.support.quickstart import README, code_blocks, environment, page, quick_start


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, ca_bundle: Any) -> Any:
    """Return a function that runs the quick start and returns its app."""

    def started(**more: str) -> Flask:
        for name, value in environment(ca_bundle, FLASK_SECRET_KEY="key", **more).items():
            monkeypatch.setenv(name, value)
        namespace: dict[str, Any] = {"__name__": "quickstart"}
        exec(compile(quick_start(), "existing-authlib.md", "exec"), namespace)
        app: Flask = namespace["app"]
        return app

    return started


def logged_in(app: Flask) -> FlaskClient:
    """Return a browser in which the quick start's log-in has happened."""
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept["user"] = "ada"
    return browser


def test_the_quick_start_has_twenty_lines() -> None:
    lines = [line for line in quick_start().splitlines() if line.strip()]
    assert len(lines) <= 20


def test_the_quick_start_takes_a_client_by_its_url(start: Any, origin: TLSOrigin) -> None:
    app = start()
    client_id = publish_document(origin, client_name="<Guestbook>")
    asked = SignIn.begin(client_id, origin.url("/cb"), scope=None).parameters
    page = logged_in(app).get("/authorize", query_string=asked)
    assert page.status_code == 200, page.text
    assert f"<h1>localhost:{origin.port}</h1>" in page.text
    assert "&lt;Guestbook&gt;" in page.text


def test_the_quick_start_refuses_what_cannot_be_trusted_on_a_page(start: Any, origin: TLSOrigin) -> None:
    origin.serve("/broken.json", b"{}", headers={"Content-Type": "application/json"})
    for client_id in (origin.url("/broken.json"), origin.url("/missing"), "https://user@app.example/c"):
        asked = SignIn.begin(client_id, origin.url("/cb")).parameters
        answer = logged_in(start()).get("/authorize", query_string=asked)
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert answer.mimetype == "text/html"


@pytest.mark.parametrize("is_stranger", [True, False], ids=["stranger", "logged in"])
@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"code_challenge": None}, "outdated-request"),
        ({"code_challenge": None, "code_challenge_method": None}, "outdated-request"),
        ({"code_challenge_method": "plain"}, "outdated-request"),
        ({"code_challenge_method": None}, "outdated-request"),
        ({"response_type": "token"}, "outdated-request"),
        ({"response_type": 'code"'}, "malformed-parameter"),
        ({"redirect_uri": 'https://app.example/"'}, "malformed-parameter"),
        ({"scope": "\u00e9"}, "malformed-parameter"),
        ({"redirect_uri": None}, "missing-redirect-uri"),
        ({"client_id": None}, "missing-client-id"),
        ({"client_id": "unknown"}, "bad-scheme"),
    ],
)
def test_the_quick_start_answers_a_bad_request_with_a_page_and_fetches_nothing(
    start: Any, origin: TLSOrigin, changes: dict[str, str | None], slug: str, is_stranger: bool
) -> None:
    app, client_id = start(), publish_document(origin)
    asked = SignIn.begin(**{"client_id": client_id, "redirect_uri": origin.url("/cb"), **changes}).parameters  # type: ignore[arg-type]  # the mapping holds values of several types
    browser = app.test_client() if is_stranger else logged_in(app)
    answer = browser.get("/authorize", query_string=asked)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert f"<code>{slug}</code>" in answer.text
    assert origin.requests == []


def test_the_quick_start_needs_parameters_and_a_log_in_before_it_fetches(start: Any, origin: TLSOrigin) -> None:
    browser = start().test_client()
    asked = SignIn.begin(publish_document(origin), origin.url("/cb")).parameters
    assert browser.get("/authorize").status_code == 400
    assert "repeated-parameter" in browser.get("/authorize", query_string=[*asked.items(), ("state", "again")]).text
    assert browser.get("/authorize", query_string=asked).status_code == 401
    assert origin.requests == []


def test_the_quick_start_shows_authlibs_own_refusals_as_pages(start: Any, origin: TLSOrigin) -> None:
    client_id = publish_document(origin, path="/refresh.json", grant_types=["refresh_token"], response_types=[])
    for redirect_uri in (origin.url("/elsewhere"), origin.url("/cb")):
        asked = SignIn.begin(client_id, redirect_uri).parameters
        answer = logged_in(start()).get("/authorize", query_string=asked)
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
        assert "<code>request-refused</code>" in answer.text
        assert redirect_uri not in answer.text


def test_the_rule_of_the_quick_start_is_asked(start: Any, ca: trustme.CA) -> None:
    with TLSOrigin(ca, "casino.example.com") as casino:
        app = start(FLASK_CIMD_DEVELOPMENT_HOSTS=f'{{"casino.example.com": "127.0.0.1:{casino.port}"}}')
        client_id = "https://casino.example.com/client.json"
        publish_document(casino, client_id=client_id, redirect_uris=["https://casino.example.com/cb"])
        asked = SignIn.begin(client_id, "https://casino.example.com/cb").parameters
        answer = logged_in(app).get("/authorize", query_string=asked)
        assert answer.status_code == 400
        assert "does not accept" in answer.text
        assert len(casino.requests) == 1


def test_the_resolver_works_beyond_flask_as_shown(
    monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, ca_bundle: Path
) -> None:
    (program,) = code_blocks(page("howto/beyond-flask"))
    with TLSOrigin(ca, "app.example") as origin:
        publish_document(origin, client_id="https://app.example/client.json", redirect_uris=["https://app.example/cb"])
        monkeypatch.setenv("CIMD_ALLOW_LOOPBACK", "true")
        monkeypatch.setenv("CIMD_CA_BUNDLE", str(ca_bundle))
        monkeypatch.setenv("CIMD_DEVELOPMENT_HOSTS", f"app.example=127.0.0.1:{origin.port}")
        namespace: dict[str, Any] = {}
        exec(compile(program, "beyond-flask.md", "exec"), namespace)
    assert namespace["client"].client_name == "App"


def test_the_readme_has_at_most_700_words() -> None:
    assert len(README.split()) <= 700


def test_the_provider_of_the_readme_is_the_example_that_other_tests_run() -> None:
    (program,) = code_blocks(README)
    example = (ROOT / "examples/minimal.py").read_text(encoding="utf-8")
    assert program == example.partition("\n\n")[2]
    assert len(program.splitlines()) <= 42
    assert len([line for line in program.splitlines() if line.strip()]) <= 32


def test_the_picture_is_there() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes()[8:12] == b"WEBP"


def test_every_link_into_the_repository_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
