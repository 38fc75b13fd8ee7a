"""One snapshot per sign-in: what the owner saw is what counts, whatever the app's document does meanwhile."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from flask_cimd import ClientMetadata, DocumentError
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.oauth import AuthorizationRequest
from tests.support.demo import REDIRECT, Browser, SignIn, Site, publish_client
from tests.support.proves import proves

NO_STORE = {"Cache-Control": "no-store"}


def follow(browser: Browser, sign_in: SignIn, page: Any) -> Any:
    return browser.redeem(sign_in, browser.approve(page)["code"])


@proves("L-03", "L-15")
def test_a_document_rotated_during_consent_never_changes_where_the_code_goes(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin, headers=NO_STORE), scope="profile")
    page = owner.authorize(sign_in)
    publish_client(origin, headers=NO_STORE, redirect_uris=["https://attacker.example/cb"])
    answer = owner.press(page, "Approve")
    assert answer.headers["Location"].startswith(REDIRECT + "?code=")


@proves("C-109", "C-121")
def test_a_document_rotated_after_approval_changes_nothing_at_the_token_endpoint(origin: Any, site: Site) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin, headers=NO_STORE))
    publish_client(origin, headers=NO_STORE, redirect_uris=["https://a.example/"], grant_types=["authorization_code"])
    tokens = owner.redeem(sign_in, code).json()
    assert owner.refresh(sign_in.client_id, tokens["refresh_token"]).status_code == 200


@proves("O-18")
def test_a_tampered_decision_changes_nothing_but_what_may_be_chosen(origin: Any, site: Site) -> None:
    owner, other = site.owner(), publish_client(origin, "/other.json", redirect_uris=["http://127.0.0.1/other"])
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    page = owner.authorize(sign_in)
    changes = {"client_id": other, "redirect_uri": "http://127.0.0.1/other", "state": "theirs"}
    answer = owner.press(page, "Approve", **changes)
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    assert f"state={sign_in.parameters['state']}" in answer.headers["Location"]


@proves("L-12", "L-14")
@pytest.mark.parametrize("lifetime", ["no-store", "max-age=0", "private, no-cache"])
def test_a_document_that_may_not_be_stored_still_finishes_its_sign_in(origin: Any, site: Site, lifetime: str) -> None:
    # One fetch to ask, none to redeem, none to refresh.
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin, headers={"Cache-Control": lifetime}), scope="profile")
    page = owner.authorize(sign_in)
    origin.forget("/client.json")
    before = len(origin.requests)
    tokens = follow(owner, sign_in, page).json()
    assert owner.refresh(sign_in.client_id, tokens["refresh_token"]).status_code == 200
    assert len(origin.requests) == before == 1


@proves("C-109", "L-14", "M-66")
def test_a_refresh_works_after_a_restart_when_the_apps_host_is_gone(origin: Any, make_site: Any, tmp_path: Any) -> None:
    # A dead client host never stops a refresh.
    url = f"sqlite:///{tmp_path}/kept.db"
    client_id = publish_client(origin, headers=NO_STORE)
    tokens = make_site(url).owner().tokens(client_id)
    origin.forget("/client.json")
    restarted = make_site(url)
    assert restarted.browser().refresh(client_id, tokens["refresh_token"]).status_code == 200


def test_policy_of_today_judges_the_clients_of_yesterday(origin: Any, make_site: Any, tmp_path: Any) -> None:
    # Design §3, step 8: policy on every use.
    url = f"sqlite:///{tmp_path}/kept.db"
    client_id = publish_client(origin)
    tokens = make_site(url).owner().tokens(client_id)
    stricter = make_site(url, CIMD_DENIED_HOSTS="localhost")
    answer = stricter.browser().refresh(client_id, tokens["refresh_token"])
    assert 400 <= answer.status_code < 500
    assert "access_token" not in answer.json()


@proves("O-18")
def test_a_decision_counts_once(origin: Any, any_site: Site) -> None:
    # The second press of a button gets the answer to the first one.
    owner = any_site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    first = owner.press(page, "Approve").headers["Location"]
    assert owner.press(page, "Approve").headers["Location"] == first
    assert owner.press(page, "Deny").headers["Location"] == first


@proves("C-117", "O-18")
def test_a_decision_belongs_to_the_session_that_was_asked(origin: Any, site: Site) -> None:
    asked, other = site.owner(), site.owner()
    page = asked.authorize(SignIn.begin(publish_client(origin)))
    own = other.authorize(SignIn.begin(publish_client(origin)))
    transaction = own.text.split('name="transaction" value="')[1].split('"')[0]
    assert asked.press(page, "Approve", transaction=transaction).status_code == 400
    assert other.press(own, "Approve").status_code == 303


def test_a_decision_waits_for_ten_minutes(origin: Any, site: Site) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    site.clock.forward(minutes=10)
    answer = owner.press(page, "Approve")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@proves("M-86", "O-19")
def test_a_client_is_asked_about_every_time(origin: Any, site: Site) -> None:
    # A public client never gets a silent yes.
    owner, client_id = site.owner(), publish_client(origin)
    owner.tokens(client_id)
    again = owner.authorize(SignIn.begin(client_id))
    assert again.status_code == 200
    assert "Approve" in again.text


IDENTIFIER = parse_identifier("https://app.example/c", IdentifierRules())
METADATA = ClientMetadata(identifier=IDENTIFIER, source="document", client_name="App", redirect_uris=(REDIRECT,))


def snapshot(client: ClientMetadata | None, **values: Any) -> AuthorizationRequest:
    given = {"client_id": IDENTIFIER.raw, "client": client, "resource": ("https://a.example/", "https://b.example/")}
    names = [field.name for field in fields(AuthorizationRequest)]
    return AuthorizationRequest(**{**{name: f"the {name}" for name in names}, **given, **values})


@pytest.mark.parametrize("client", [METADATA, None], ids=["with-metadata", "registered"])
def test_every_field_of_a_snapshot_survives_storage(client: ClientMetadata | None) -> None:
    request = snapshot(client)
    assert AuthorizationRequest.from_json(request.to_json()) == request


def test_metadata_of_another_version_asks_for_consent_again() -> None:
    text = snapshot(METADATA).to_json().replace("client_name", "member_of_tomorrow")
    with pytest.raises(DocumentError) as caught:
        AuthorizationRequest.from_json(text)
    assert caught.value.problems[0].rule == "unreadable-snapshot"


def test_a_rule_of_the_app_ends_living_tokens_too(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 200
    site.app.extensions["cimd"].allow_client(lambda client: client.client_id != client_id)
    assert owner.get("/userinfo", headers=bearer).status_code == 401
    asked = owner.post("/introspect", {"token": tokens["access_token"]}, headers=bearer)
    assert asked.json() == {"active": False}
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_client"
