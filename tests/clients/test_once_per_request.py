"""One HTTP request looks one client up once: in the app's register, by its identifier, and against policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_cimd import CIMD, ClientMetadata, PolicyDeniedError, signals
from flask_cimd.clients import resolver
from flask_cimd.clients.admission import Admission
from flask_cimd.core.policy import Decision, Rule
from flask_cimd.oauth import AuthorizationServer
from flask_cimd.oauth.server.memory_storage import MemoryStorage
from tests.support.origin import TLSOrigin, publish_document

MakeApp = Callable[..., tuple[Flask, CIMD]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the parses of identifiers and the decisions of the policy."""
    counts: Counter[str] = Counter()
    parse, require = resolver.parse_identifier, Admission.require

    def counting_parse(*args: Any) -> Any:
        counts["parse_identifier"] += 1
        return parse(*args)

    def counting_require(*args: Any) -> None:
        counts["policy"] += 1
        require(*args)

    monkeypatch.setattr(resolver, "parse_identifier", counting_parse)
    monkeypatch.setattr(Admission, "require", counting_require)
    return counts


def browser_of(make_app: MakeApp, counted: Counter[str]) -> FlaskClient:
    """Return a browser of a plain app with the drop-in server; its consent page asks for the client once more."""

    def registered(client_id: str) -> None:
        counted["find_registered"] += 1

    app, cimd = make_app(registered=registered)
    server = AuthorizationServer(
        app, cimd=cimd, storage=MemoryStorage(), issuer="https://as.example", scopes=("profile",)
    )

    @app.get("/authorize")
    def authorize() -> str:
        server.check_authorization_request()
        asked = server.read_authorization_request()
        return str(server.metadata_of(asked.client_id, asked.client).client_name)

    return app.test_client()


def request_of(origin: TLSOrigin) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": publish_document(origin),
        "redirect_uri": origin.url("/cb"),
        "scope": "profile",
        "state": "s",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


def test_an_authorization_request_asks_once(make_app: MakeApp, origin: TLSOrigin, counted: Counter[str]) -> None:
    browser, request = browser_of(make_app, counted), request_of(origin)

    assert browser.get("/authorize", query_string=request).text == "App"
    assert counted == {"find_registered": 1, "parse_identifier": 1, "policy": 1}

    assert browser.get("/authorize", query_string=request).text == "App"
    assert counted == {"find_registered": 2, "parse_identifier": 2, "policy": 2}


def test_the_next_request_is_judged_anew_although_an_app_context_stays_open(
    make_app: MakeApp, origin: TLSOrigin
) -> None:
    app, cimd = make_app()
    url = publish_document(origin)

    @app.get("/name")
    def name() -> str:
        return str(cimd.resolve(url).client_name)

    with app.app_context():
        assert app.test_client().get("/name").status_code == 200
        cimd.admission.set_rule(Rule("localhost", Decision.DENY))
        assert app.test_client().get("/name").status_code == 400


def test_a_refusal_is_announced_once_per_request(make_app: MakeApp) -> None:
    app, cimd = make_app(CIMD_DENIED_HOSTS=["evil.example"])
    heard: list[str] = []

    def note(sender: Flask, *, slug: str, **values: object) -> None:
        heard.append(slug)

    with signals.client_rejected.connected_to(note, sender=app), app.test_request_context():
        for call in (cimd.check_identifier, cimd.resolve, cimd.resolve_existing):
            with pytest.raises(PolicyDeniedError):
                call("https://evil.example/c")

    assert heard == ["host-denied"]


def test_allow_client_runs_on_every_use_within_a_request_too(make_app: MakeApp, origin: TLSOrigin) -> None:
    app, cimd = make_app()
    asked: list[str] = []

    @cimd.allow_client
    def note(client: ClientMetadata) -> bool:
        asked.append(client.client_id)
        return len(asked) < 2

    url = publish_document(origin)
    with app.test_request_context():
        metadata = cimd.resolve(url)
        with pytest.raises(PolicyDeniedError):
            cimd.readmit(metadata)

    assert asked == [url, url]
