"""The owner's page about who may come in, and what it does to the consent page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from flask import Flask

from flask_cimd import CIMD, PolicyDeniedError
from tests.support.browser import (
    REDIRECT,
    Browser,
    SignIn,
    Site,
    publish_client,
    redirect_parameters,
    refusal_on,
    soup,
    warnings_on,
)
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


def add_rule(owner: Browser, subject: str, decision: str) -> requests.Response:
    return owner.press(owner.get("/clients"), "Add rule", subject=subject, decision=decision)


def rules_on(page: requests.Response) -> dict[str, str]:
    return {str(item["data-rule"]): item.strong.get_text() for item in soup(page).select("[data-rule]") if item.strong}


def acquaintance(page: requests.Response) -> str:
    (found,) = soup(page).select("[data-acquaintance]")
    return str(found["data-acquaintance"])


def limit(owner: Browser, tier: str, *, scope: list[str], resource: list[str] | None = None) -> None:
    names = {"trusted": "trusted apps", "known": "allowed apps", "unknown": "all other apps"}
    page = owner.get("/clients")
    changes = {"scope": scope} if resource is None else {"scope": scope, "resource": resource}
    assert owner.press(page, f"Save for {names[tier]}", **changes).status_code == 303


def test_rules_change_only_within_ten_minutes_of_a_password_or_passkey(site: Site) -> None:
    owner = site.owner()
    add_rule(owner, "spam.example", "deny")
    page = owner.get("/clients")
    site.clock.forward(minutes=11)

    answers = [
        owner.press(page, "Add rule", subject="other.example", decision="trust"),
        owner.press(page, "Remove", subject="spam.example"),
        owner.press(page, "Save for all other apps", scope=[]),
    ]

    assert [answer.headers["Location"].partition("?")[0] for answer in answers] == ["/account/check"] * 3
    assert rules_on(owner.get("/clients")) == {"spam.example": "Blocked"}


@proves("C-96")
def test_rules_are_added_replaced_and_removed(any_site: Site) -> None:
    owner = any_site.owner()
    assert add_rule(owner, "Spam.Example", "deny").status_code == 303
    assert add_rule(owner, "https://app.example/client.json", "trust").status_code == 303
    assert rules_on(owner.get("/clients")) == {
        "spam.example": "Blocked",
        "https://app.example/client.json": "Trusted",
    }
    add_rule(owner, "spam.example", "allow")
    assert rules_on(owner.get("/clients"))["spam.example"] == "Allowed"
    page = owner.get("/clients")
    assert owner.press(page, "Remove", subject="spam.example").status_code == 303
    assert list(rules_on(owner.get("/clients"))) == ["https://app.example/client.json"]


@pytest.mark.parametrize(
    ("subject", "decision"),
    [("*", "deny"), ("<script>alert(1)</script>", "deny"), ("", "allow"), ("app.example", "own"), ("x" * 9000, "deny")],
)
def test_a_rule_that_could_never_match_is_refused_and_shown_again(site: Site, subject: str, decision: str) -> None:
    answer = add_rule(site.owner(), subject, decision)
    assert answer.status_code == 400
    assert "would never match an app" in answer.text
    assert "<script>alert" not in answer.text


@proves("C-97")
def test_an_app_that_is_turned_away_costs_no_fetch_and_comes_in_when_the_rule_is_gone(
    site: Site, origin: TLSOrigin
) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    add_rule(owner, client_id, "deny")
    assert refusal_on(owner.authorize(SignIn.begin(client_id))) == "client-denied"
    assert origin.requests == []
    owner.press(owner.get("/clients"), "Remove")
    assert owner.authorize(SignIn.begin(client_id)).status_code == 200


@proves("M-38")
def test_a_rule_for_one_address_says_nothing_about_its_neighbours(site: Site, origin: TLSOrigin) -> None:
    # Hosts serve clients of different kinds; trust is in one URL
    owner = site.owner()
    trusted, neighbour = publish_client(origin), publish_client(origin, "/neighbour.json")
    add_rule(owner, trusted, "trust")
    assert acquaintance(owner.authorize(SignIn.begin(trusted))) == "trusted"
    assert acquaintance(owner.authorize(SignIn.begin(neighbour))) == "new"
    add_rule(owner, "localhost", "deny")
    assert refusal_on(owner.authorize(SignIn.begin(neighbour))) == "client-denied"


@proves("M-38")
def test_where_one_address_alone_is_let_in_its_neighbour_is_not(
    make_app: Callable[..., tuple[Flask, CIMD]], origin: TLSOrigin
) -> None:
    # "allowlist with one URL, other URL of the same host refused"
    welcome = publish_client(origin)
    app, cimd = make_app()
    cimd.allow_client(lambda client: client.client_id == welcome)
    with app.app_context():
        assert cimd.resolve(welcome).client_id == welcome
        with pytest.raises(PolicyDeniedError):
            cimd.resolve(publish_client(origin, "/neighbour.json"))


@proves("C-96")
def test_an_app_that_is_turned_away_loses_its_access_until_the_rule_is_gone(site: Site, origin: TLSOrigin) -> None:
    # Policy on use, for what was granted before too
    owner = site.owner()
    tokens = owner.tokens(client_id := publish_client(origin))
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    add_rule(owner, "localhost", "deny")
    assert site.browser().get("/userinfo", headers=bearer).status_code == 401
    asked = site.browser().post("/introspect", {"token": tokens["access_token"]}, headers=bearer)
    assert asked.json() == {"active": False}
    refused = site.browser().refresh(client_id, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    owner.press(owner.get("/clients"), "Remove")
    assert site.browser().get("/userinfo", headers=bearer).status_code == 200
    assert site.browser().refresh(client_id, tokens["refresh_token"]).status_code == 200


def test_an_app_that_registered_itself_loses_its_access_as_well(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_DYNAMIC_REGISTRATION="1")
    owner, redirect_uri = site.owner(), "https://app.example/callback"
    client_id = site.browser().request("POST", "/register", json={"redirect_uris": [redirect_uri]}).json()["client_id"]
    bearer = {"Authorization": f"Bearer {owner.tokens(client_id, redirect_uri)['access_token']}"}
    assert site.browser().get("/userinfo", headers=bearer).status_code == 200
    add_rule(owner, "app.example", "deny")
    assert site.browser().get("/userinfo", headers=bearer).status_code == 401


@proves("C-96")
def test_the_first_time_looks_different_from_the_second_and_from_trust(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    page = owner.authorize(SignIn.begin(client_id))
    assert acquaintance(page) == "new"
    assert "A new app asks" in page.text
    owner.deny(page)
    assert acquaintance(owner.authorize(SignIn.begin(client_id))) == "new"
    owner.tokens(client_id)
    page = owner.authorize(SignIn.begin(client_id))
    assert acquaintance(page) == "met"
    assert "A new app asks" not in page.text
    add_rule(owner, "localhost", "trust")
    assert acquaintance(owner.authorize(SignIn.begin(client_id))) == "trusted"


@proves("C-127")
def test_an_app_in_the_making_is_named_so(make_site: object, origin: TLSOrigin) -> None:
    site: Site = make_site(CIMD_SERVICE_HOSTS="localhost")  # type: ignore[operator]  # the fixture is a function
    assert "app-in-the-making" in warnings_on(site.owner().authorize(SignIn.begin(publish_client(origin))))


def test_a_tier_may_ask_only_for_the_scopes_that_are_ticked(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    limit(owner, "unknown", scope=["profile"])
    page = owner.authorize(SignIn.begin(client_id, scope="profile email"))
    assert [box["value"] for box in soup(page).select("input[name=scope]")] == ["profile"]
    granted = owner.tokens(client_id, scope="profile email")
    assert granted["scope"] == "profile"
    add_rule(owner, "localhost", "allow")  # another tier, without limits
    page = owner.authorize(SignIn.begin(client_id, scope="profile email"))
    assert [box["value"] for box in soup(page).select("input[name=scope]")] == ["profile", "email"]


def test_a_scope_that_was_taken_away_cannot_be_ticked_back_in(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    limit(owner, "unknown", scope=["profile"])
    sign_in = SignIn.begin(client_id, scope="profile email")
    answer = owner.approve(owner.authorize(sign_in), scope=["profile", "email"])
    assert owner.redeem(sign_in, answer["code"]).json()["scope"] == "profile"


def test_a_resource_that_a_tier_may_not_ask_for_is_denied_to_the_app(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    limit(owner, "unknown", scope=["profile"], resource=[site.base_url])
    asked = SignIn.begin(client_id, resource=f"{site.base_url}/api/profile")
    stranger = owner.authorize(asked)
    assert (stranger.status_code, "access_denied" in stranger.text) == (400, True)  # RFC 9700 §4.11.2
    owner.tokens(client_id)
    answer = owner.authorize(asked)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT)
    assert redirect_parameters(answer)["error"] == "access_denied"
    assert owner.authorize(SignIn.begin(client_id, scope="profile")).status_code == 200


def test_an_app_that_may_not_act_at_the_site_can_still_ask_who_somebody_is(site: Site, origin: TLSOrigin) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    limit(owner, "unknown", scope=["profile"], resource=[f"{site.base_url}/api/profile"])
    page = owner.authorize(SignIn.begin(client_id, scope="profile"))
    assert "and nothing else" in page.text
    assert soup(page).select("input[name=scope]") == []


@pytest.mark.parametrize("tier", ["blocked", "made-up", "Unknown"])
def test_there_are_no_limits_of_other_tiers(site: Site, tier: str) -> None:
    owner = site.owner()
    token = soup(owner.get("/clients")).select_one("[name=csrf_token]")
    assert token is not None
    form = {"csrf_token": str(token["value"]), "scope": "profile"}
    assert owner.post(f"/clients/tiers/{tier}", form).status_code == 404
    assert owner.post("/clients/tiers/unknown", form).status_code == 303


def test_scopes_and_resources_that_the_site_does_not_know_are_not_kept(site: Site) -> None:
    owner = site.owner()
    limit(owner, "unknown", scope=["profile", "made-up"], resource=[site.base_url, "https://elsewhere.example/"])
    with site.app.app_context():
        allowance = site.app.extensions["cimd"].admission.allowance("unknown")
    assert (allowance.scopes, allowance.resources) == ({"profile"}, {site.base_url})


def test_with_everything_ticked_there_is_no_limit(site: Site) -> None:
    owner = site.owner()
    page = owner.get("/clients")
    assert owner.press(page, "Save for all other apps").status_code == 303
    with site.app.app_context():
        allowance = site.app.extensions["cimd"].admission.allowance("unknown")
    assert (allowance.scopes, allowance.resources) == (None, None)
