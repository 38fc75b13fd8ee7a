"""One snapshot per sign-in: what the owner saw is what counts, whatever the app's document does meanwhile."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from flask_cimd import ClientMetadata, DocumentError
from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.oauth import AuthorizationRequest
from tests.support.browser import REDIRECT, Browser, SignIn, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

NO_STORE = {"Cache-Control": "no-store"}


def follow(browser: Browser, sign_in: SignIn, page: Any) -> Any:
    return browser.redeem(sign_in, browser.approve(page)["code"])


@proves("L-03", "L-15")
def test_a_document_rotated_during_consent_never_changes_where_the_code_goes(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    sign_in = SignIn.begin(publish_client(origin, headers=NO_STORE), scope="profile")
    page = owner.authorize(sign_in)
    publish_client(origin, headers=NO_STORE, redirect_uris=["https://attacker.example/cb"])
    answer = owner.press(page, "Approve")
    assert answer.headers["Location"].startswith(REDIRECT + "?code=")


@proves("C-109", "C-121")
def test_a_document_rotated_after_approval_changes_nothing_at_the_token_endpoint(
    origin: Any, site: ProviderSite
) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin, headers=NO_STORE))
    publish_client(origin, headers=NO_STORE, redirect_uris=["https://a.example/"], grant_types=["authorization_code"])
    tokens = owner.redeem(sign_in, code).json()
    assert owner.refresh(sign_in.client_id, tokens["refresh_token"]).status_code == 200


@proves("O-18")
def test_a_tampered_decision_changes_nothing_but_what_may_be_chosen(origin: Any, site: ProviderSite) -> None:
    owner, other = site.owner(), publish_client(origin, "/other.json", redirect_uris=["http://127.0.0.1/other"])
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    page = owner.authorize(sign_in)
    changes = {"client_id": other, "redirect_uri": "http://127.0.0.1/other", "state": "theirs"}
    answer = owner.press(page, "Approve", **changes)
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    assert f"state={sign_in.parameters['state']}" in answer.headers["Location"]


@proves("L-12", "L-14")
@pytest.mark.parametrize("lifetime", ["no-store", "max-age=0", "private, no-cache"])
def test_a_document_that_may_not_be_stored_still_finishes_its_sign_in(
    origin: Any, site: ProviderSite, lifetime: str
) -> None:
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
def test_a_refresh_works_after_a_restart_when_the_apps_host_is_gone(origin: Any, make_site: Any) -> None:
    # A dead client host never stops a refresh.
    client_id = publish_client(origin, headers=NO_STORE)
    first = make_site()
    tokens = first.owner().tokens(client_id)
    origin.forget("/client.json")
    restarted = make_site(storage=first.storage)
    assert restarted.browser().refresh(client_id, tokens["refresh_token"]).status_code == 200


def test_policy_of_today_judges_the_clients_of_yesterday(origin: Any, make_site: Any) -> None:
    # Design §3, step 8: policy on every use.
    client_id = publish_client(origin)
    first = make_site()
    tokens = first.owner().tokens(client_id)
    stricter = make_site(storage=first.storage, CIMD_DENIED_HOSTS="localhost")
    answer = stricter.browser().refresh(client_id, tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@proves("O-18")
def test_a_decision_counts_once(origin: Any, site: ProviderSite) -> None:
    # The second press of the button finds nothing to decide on.
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    assert owner.press(page, "Approve").status_code == 303
    assert owner.press(page, "Approve").status_code == 400
    assert owner.press(page, "Deny").status_code == 400


@proves("M-86", "O-19")
def test_a_client_is_asked_about_every_time(origin: Any, site: ProviderSite) -> None:
    # A public client never gets a silent yes.
    owner, client_id = site.owner(), publish_client(origin)
    owner.tokens(client_id)
    again = owner.authorize(SignIn.begin(client_id))
    assert again.status_code == 200
    assert "Approve" in again.text


IDENTIFIER = parse_identifier("https://app.example/c", IdentifierRules())
METADATA = ClientMetadata(identifier=IDENTIFIER, source="document", client_name="App", redirect_uris=(REDIRECT,))


def snapshot(client: ClientMetadata | None, **values: Any) -> AuthorizationRequest:
    lists = {"resource": ("https://a.example/", "https://b.example/"), "prompt": ("login", "consent")}
    given = {"client_id": IDENTIFIER.raw, "client": client, **lists}
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


def test_a_rule_of_the_app_ends_living_tokens_too(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 200
    site.app.extensions["cimd"].allow_client(lambda client: client.client_id != client_id)
    assert owner.get("/userinfo", headers=bearer).status_code == 401
    asked = owner.post("/introspect", {"token": tokens["access_token"]}, headers=bearer)
    assert asked.json() == {"active": False}
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_client"
