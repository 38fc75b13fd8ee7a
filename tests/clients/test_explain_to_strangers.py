"""Explanations for strangers: every check of the document, and nothing about this server, its network or its rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from flask import Flask

from flask_cimd import CIMD, signals
from flask_cimd.clients.explanation import Explanation
from flask_cimd.core.policy import Rule
from tests.support.clock import Clock
from tests.support.keys import KeyHolder, name_leads_to
from tests.support.origin import TLSOrigin, own_private_address, publish_document

INSIDE = "app.corp.example"
#: Network of the stranger.
SENDER = "198.51.100.0/24"


@pytest.fixture
def app(make_app: Callable[..., tuple[Flask, CIMD]]) -> Flask:
    app, _ = make_app(
        CIMD_PRIVATE_HOSTS={INSIDE: own_private_address()},
        CIMD_AUTH_METHODS="none,private_key_jwt",
        CIMD_DENIED_HOSTS=["denied.example"],
    )
    return app


@pytest.fixture
def cimd(app: Flask) -> Iterator[CIMD]:
    with app.test_request_context():
        yield app.extensions["cimd"]


def unknown_name(host: str, port: int) -> list[str]:
    raise OSError("no such name")


def text_of(found: Explanation) -> str:
    return " ".join(f"{step.name} {step.text} {step.help} {step.rule}" for step in found.steps)


def rules(found: Explanation) -> set[str]:
    return {step.rule for step in found.steps if step.outcome == "broken"}


def test_the_same_checks_are_made_without_a_word_about_policy_or_addresses(cimd: CIMD, origin: TLSOrigin) -> None:
    found = cimd.explain(publish_document(origin, redirect_uris=[origin.url("/cb")]), stranger=SENDER)
    assert found.verdict == "usable"
    names = {step.name for step in found.steps}
    assert {"identifier", "connect", "tls", "response", "lifetime", "/client_id", "/redirect_uris/0"} <= names
    assert "policy" not in names
    assert "127.0.0.1" not in text_of(found)
    assert [family.family for family in found.families][:2] == ["CIMD -02", "CIMD -03"]


def test_a_rule_of_this_server_does_not_show(cimd: CIMD, origin: TLSOrigin) -> None:
    client_id = publish_document(origin, redirect_uris=[origin.url("/cb")])
    before = cimd.explain(client_id, stranger=SENDER)
    for decision in ("deny", "trust"):
        cimd.admission.set_rule(Rule.parse(client_id, decision))
        assert cimd.explain(client_id, stranger=SENDER) == before
    cimd.admission.set_rule(Rule.parse(client_id, "deny"))
    assert cimd.explain(client_id).verdict == "refused"  # the operator sees it


def test_a_hook_of_the_app_is_not_asked(cimd: CIMD, origin: TLSOrigin) -> None:
    cimd.allow_client(lambda client: False)
    client_id = publish_document(origin, redirect_uris=[origin.url("/cb")])
    assert cimd.explain(client_id, stranger=SENDER).verdict == "usable"
    assert cimd.explain(client_id).verdict == "refused"


def test_a_host_that_only_the_operator_may_reach_is_as_unknown_as_any_other_name_inside(
    cimd: CIMD, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, INSIDE, own_private_address())
    with TLSOrigin(ca, INSIDE, address=own_private_address()) as inside:
        url = f"https://{INSIDE}:{inside.port}/client.json"
        document = json.dumps({"client_id": url, "redirect_uris": [f"https://{INSIDE}/cb"]}).encode()
        inside.serve("/client.json", document, headers={"Content-Type": "application/json"})
        found = cimd.explain(url, stranger=SENDER)
        assert inside.connections == 0
        assert cimd.explain(url).verdict == "usable"
    assert rules(found) == {"no-public-address"}
    assert own_private_address() not in text_of(found)
    monkeypatch.setattr("flask_cimd.fetch.guard.look_up", unknown_name)
    missing = cimd.explain("https://nothing.corp.example/client.json", stranger=SENDER)
    assert [(step.name, step.text, step.rule) for step in missing.steps[1:]] == [
        (step.name, step.text, step.rule) for step in found.steps[1:]
    ]


def test_a_document_leads_no_stranger_inside_either(
    cimd: CIMD, origin: TLSOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = publish_document(
        origin,
        redirect_uris=[origin.url("/cb")],
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri="https://keys.corp.example/jwks.json",
    )
    name_leads_to(monkeypatch, "keys.corp.example", "10.1.2.3")
    found = cimd.explain(client_id, stranger=SENDER)
    assert (found.verdict, rules(found)) == ("unreachable", {"no-public-address"})
    assert "10.1.2.3" not in text_of(found)


def test_nothing_is_stored_and_nothing_is_signalled(app: Flask, cimd: CIMD, origin: TLSOrigin) -> None:
    client_id = publish_document(
        origin,
        redirect_uris=[origin.url("/cb")],
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri=origin.serve("/jwks", json.dumps(KeyHolder("", Clock()).jwks).encode()),
    )
    heard: list[Any] = []

    def hear(_: Any, **values: Any) -> None:
        heard.append(values)

    sent = (signals.client_rejected, signals.client_resolved, signals.fetch_failed)
    for signal in sent:
        signal.connect(hear, app)
    assert cimd.explain(client_id, stranger=SENDER).verdict == "usable"
    cimd.explain("https://denied.example/c.json#fragment", stranger=SENDER)
    assert heard == []
    assert len(cimd.store) == 0
    cimd.resolve(client_id)
    assert origin.count("/client.json") == 2  # the sign-in found no copy


def test_the_limit_on_names_that_a_network_makes_up_holds(cimd: CIMD, origin: TLSOrigin) -> None:
    limit = cimd.settings.site_fetches
    for number in range(limit):
        cimd.explain(origin.url(f"/missing-{number}"), stranger=SENDER)
    assert rules(cimd.explain(origin.url("/one-more"), stranger=SENDER)) == {"too-many-not-found"}
    assert origin.count("/one-more") == 0
