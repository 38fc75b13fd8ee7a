"""The README is true: its program runs, its tables are those of the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask
from flask.testing import FlaskClient

from flask_cimd import Profile, errors
from flask_cimd.core import identifier
from flask_cimd.core.legacy import LegacyRules
from flask_cimd.oauth import AuthorizationServer
from flask_cimd.settings import settings_table
from tests.support.browser import SignIn
from tests.support.demo import ROOT
from tests.support.origin import TLSOrigin, publish_document
from tests.support.quickstart import README, code_blocks, environment, quick_start, rows, section


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, ca_bundle: Any) -> Any:
    """Return a function that runs the quick start and returns its app."""

    def started(**more: str) -> Flask:
        for name, value in environment(ca_bundle, FLASK_SECRET_KEY="key", **more).items():
            monkeypatch.setenv(name, value)
        namespace: dict[str, Any] = {"__name__": "quickstart"}
        exec(compile(quick_start(), "README.md", "exec"), namespace)
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
    (program,) = code_blocks(section("Beyond Flask", "###"))
    with TLSOrigin(ca, "app.example") as origin:
        publish_document(origin, client_id="https://app.example/client.json", redirect_uris=["https://app.example/cb"])
        monkeypatch.setenv("CIMD_ALLOW_LOOPBACK", "true")
        monkeypatch.setenv("CIMD_CA_BUNDLE", str(ca_bundle))
        monkeypatch.setenv("CIMD_DEVELOPMENT_HOSTS", f"app.example=127.0.0.1:{origin.port}")
        namespace: dict[str, Any] = {}
        exec(compile(program, "README.md", "exec"), namespace)
    assert namespace["client"].client_name == "App"


def test_every_method_that_the_readme_names_exists() -> None:
    examples = "\n".join(code_blocks(section("The drop-in server", "###")))
    used = {
        node.attr
        for node in ast.walk(ast.parse(examples))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "server"
    }
    assert {"read_authorization_request", "approve", "create_token_response"} <= used
    assert [name for name in sorted(used) if not hasattr(AuthorizationServer, name)] == []


def test_the_settings_table_is_the_settings() -> None:
    assert settings_table() in README


def test_the_table_of_profile_fields_is_the_profile() -> None:
    table = {row[0].strip("`"): ast.literal_eval(row[1].strip("`")) for row in rows(section("Profiles", "###"))}
    assert table == {field.name: field.default for field in fields(Profile)}


def test_the_table_of_older_requests_is_the_rules() -> None:
    versions = (False, "2024", "2022", "2019")
    kept = [LegacyRules.of_version(version) for version in versions]
    expected = [
        [bool(version) for version in versions],
        [rules.redeem for rules in kept],
        [rules.token_verification and rules.revoke and rules.endpoint_rels for rules in kept],
        [not rules.require_pkce for rules in kept],
        [rules.response_type for rules in kept],
        [rules.me for rules in kept],
    ]
    table = rows(section("Clients of IndieAuth's earlier versions", "###"))
    assert [[cell == "yes" for cell in row[1:]] for row in table] == expected


def test_the_environment_table_is_what_the_demo_reads() -> None:
    table = {name for row in rows(section("The personal site")) for name in re.findall(r"DEMO_[A-Z_]+", row[0])}
    sources = [*(ROOT / "demo").rglob("*.py"), ROOT / "gunicorn.conf.py"]
    read = {name for path in sources for name in re.findall(r'"(DEMO_[A-Z_]+)"', path.read_text())}
    read -= {"DEMO_SAMPLES"}  # the running sample apps, in the app's own configuration
    assert table == read


def _documented() -> dict[str, set[str]]:
    """Return the slugs that each error class lists."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CIMDError)]
    return {kind.__name__: set(kind.slugs) for kind in kinds if kind.slugs}


def _raised() -> dict[str, set[str]]:
    """Return the slugs in the code by class."""
    classes = _documented()
    found: dict[str, set[str]] = defaultdict(set)
    found["DocumentError"].add("invalid-document")
    found["IdentifierError"] |= set(identifier._HOST_HINTS)
    for path in (ROOT / "flask_cimd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", "")
                name = "IdentifierError" if name == "_refuse" and path.name == "identifier.py" else name
                if name in classes:
                    found[name].add(str(node.args[0].value))
    return found


def test_every_error_lists_the_slugs_that_the_code_raises() -> None:
    assert _documented() == dict(_raised())


def test_the_table_of_errors_is_that_of_the_classes() -> None:
    assert errors.errors_table() in section("Errors")


def test_the_picture_is_there() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_every_link_into_the_repository_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
