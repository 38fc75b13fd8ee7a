"""Metadata seen earlier is admitted only under the policy of today."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from flask_cimd import CIMD, ClientMetadata, IdentifierError, PolicyDeniedError
from flask_cimd.clients.directory import ClientDirectory
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.policy import Decision, Rule
from flask_cimd.core.registration import parse_registration
from flask_cimd.settings import Settings

MakeApp = Callable[..., tuple[Flask, CIMD]]

CLIENT_ID = "https://app.example/client.json"


def seen(client_id: str = CLIENT_ID, rules: IdentifierRules | None = None) -> ClientMetadata:
    return ClientMetadata(identifier=parse_identifier(client_id, rules or IdentifierRules()), source="document")


def test_the_extension_is_a_directory(make_app: MakeApp) -> None:
    _, cimd = make_app()
    directory: ClientDirectory = cimd

    assert directory is cimd


def test_an_admitted_client_comes_back_unchanged(make_app: MakeApp) -> None:
    app, cimd = make_app()

    with app.app_context():
        assert cimd.readmit(seen()) == seen()


def test_allow_client_is_asked_about_a_snapshot(make_app: MakeApp) -> None:
    app, cimd = make_app()
    asked: list[ClientMetadata] = []

    @cimd.allow_client
    def refuse(client: ClientMetadata) -> bool:
        asked.append(client)
        return False

    with app.app_context(), pytest.raises(PolicyDeniedError) as refused:
        cimd.readmit(seen())

    assert (refused.value.slug, refused.value.host, asked) == ("client-refused", "app.example", [seen()])


def test_a_rule_of_the_operator_refuses_a_snapshot(make_app: MakeApp) -> None:
    app, cimd = make_app()

    with app.app_context():
        cimd.admission.set_rule(Rule("app.example", Decision.DENY))
        with pytest.raises(PolicyDeniedError) as refused:
            cimd.readmit(seen())

    assert refused.value.slug == "client-denied"


def test_an_identifier_that_the_settings_no_longer_admit_refuses_a_snapshot(make_app: MakeApp) -> None:
    app, cimd = make_app(CIMD_ALLOW_HTTP_CLIENTS=False)
    before = seen("http://app.example/", IdentifierRules(allow_http_clients=True))

    with app.app_context(), pytest.raises(IdentifierError) as refused:
        cimd.readmit(before)

    assert refused.value.slug == "bad-scheme"


def test_a_client_that_registered_itself_is_judged_by_its_redirect_host(make_app: MakeApp) -> None:
    app, cimd = make_app(CIMD_DENIED_HOSTS=("evil.example",))
    rules = Settings.from_config(app.config).document_rules
    good = parse_registration({"redirect_uris": ["https://app.example/cb"]}, "registered-1", rules)
    bad = replace(good, identifier=replace(good.identifier, host="evil.example"))

    with app.app_context():
        assert cimd.readmit(good) == good
        with pytest.raises(PolicyDeniedError) as refused:
            cimd.readmit(bad)

    assert (refused.value.slug, refused.value.host) == ("host-denied", "evil.example")
