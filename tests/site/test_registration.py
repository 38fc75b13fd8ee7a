"""Apps that register themselves at the site: off at first, a whole sign-in, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from flask_cimd.core.policy import Allowance, Decision, Rule, Tier
from flask_cimd_site.models import db, provider
from flask_cimd_site.services import services
from tests.support.browser import (
    REDIRECT,
    Browser,
    SignIn,
    Site,
    publish_client,
    refusal_on,
    soup,
    warnings_on,
)
from tests.support.databases import private_schema
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

Make = Callable[..., Site]
#: A registration that is not used ends after this time.
IDLE = timedelta(days=90)
ON = {"DEMO_DYNAMIC_REGISTRATION": "1"}


@pytest.fixture
def site(make_site: Make) -> Site:
    return make_site(**ON)


def register(browser: Browser, **members: Any) -> requests.Response:
    usual = {"redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"], "client_name": "App"}
    return browser.request("POST", "/register", json={**usual, **members})


def registered(site: Site, **members: Any) -> str:
    answer = register(site.browser(), **members)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


def metadata(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.browser().get("/.well-known/oauth-authorization-server").json()
    return found


def kept(site: Site) -> int:
    with site.app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(provider.Registration.__table__)).scalar_one())


# -- on and off -------------------------------------------------------------------------------------------------------


@proves("M-25", "M-31")
def test_nobody_registers_at_first(make_site: Make) -> None:
    site = make_site()
    assert "registration_endpoint" not in metadata(site)
    answer = register(site.browser())
    assert answer.status_code == 404
    assert answer.json() == {"error": "invalid_request"}


@proves("M-31")
@pytest.mark.parametrize("is_on", [False, True])
def test_an_app_with_a_url_signs_in_without_registration(make_site: Make, origin: TLSOrigin, is_on: bool) -> None:
    site = make_site(**(ON if is_on else {}))
    assert metadata(site)["client_id_metadata_document_supported"] is True
    assert ("registration_endpoint" in metadata(site)) == is_on
    assert site.owner().tokens(publish_client(origin), scope="profile")["scope"] == "profile"
    assert kept(site) == 0


@proves("M-30")
def test_the_metadata_names_the_endpoint_and_goes_on_to_prefer_urls(site: Site) -> None:
    found = metadata(site)
    assert found["registration_endpoint"] == f"{site.base_url}/register"
    assert found["client_id_metadata_document_supported"] is True
    assert "none" in found["token_endpoint_auth_methods_supported"]


def test_scripts_of_any_origin_may_register(site: Site) -> None:
    browser = site.browser()
    asked = browser.request("OPTIONS", "/register", headers={"Origin": "https://app.example"})
    assert asked.status_code == 204
    answer = register(browser)
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == asked.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_desktop_app_with_a_scheme_of_its_product_signs_in(site: Site) -> None:
    redirect_uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    owner, client_id = site.owner(), registered(site, redirect_uris=[redirect_uri])
    sign_in = SignIn.begin(client_id, redirect_uri, scope="profile")
    page = owner.authorize(sign_in)
    assert "private-scheme" in warnings_on(page)
    code = owner.approve(page)["code"]
    assert owner.redeem(sign_in, code, code_verifier="x" * 43).json()["error"] == "invalid_grant"
    sign_in = SignIn.begin(client_id, redirect_uri, scope="profile")
    code = owner.approve(owner.authorize(sign_in))["code"]
    assert owner.redeem(sign_in, code).json()["scope"] == "profile"


def test_other_methods_are_refused(site: Site) -> None:
    answer = site.browser().get("/register")
    assert (answer.status_code, answer.json()) == (405, {"error": "invalid_request"})


def test_switched_off_registered_apps_stop_and_others_go_on(make_site: Make, tmp_path: Path, origin: TLSOrigin) -> None:
    url = f"sqlite:///{tmp_path}/switched.db"
    on, document = make_site(url, **ON), publish_client(origin)
    client_id = registered(on)
    own, other = on.owner().tokens(client_id), on.owner().tokens(document)

    off = make_site(url)
    browser = off.owner()
    assert register(browser).status_code == 404
    refused = browser.refresh(client_id, own["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refusal_on(browser.authorize(SignIn.begin(client_id))) == "bad-scheme"
    assert browser.refresh(document, other["refresh_token"]).status_code == 200
    assert browser.tokens(document)

    # The owner still sees it, and can end it.
    apps = browser.get("/apps")
    assert client_id in apps.text
    while client_id in apps.text:
        card = next(card for card in soup(apps).select(".app") if client_id in card.text)
        form = card.select_one("form")
        assert form is not None
        fields = {str(field["name"]): str(field["value"]) for field in form.select("input")}
        assert browser.post(str(form["action"]), fields).status_code == 303
        apps = browser.get("/apps")

    again = make_site(url, **ON)
    assert again.owner().refresh(client_id, own["refresh_token"]).json()["error"] == "invalid_grant"
    assert again.owner().tokens(client_id)


# -- a whole sign-in --------------------------------------------------------------------------------------------------


def test_a_registered_app_signs_in_refreshes_and_revokes(make_site: Make, any_database: str | None) -> None:
    site = make_site(any_database, **ON)
    client_id, owner = registered(site), site.owner()
    tokens = owner.tokens(client_id)
    newer = owner.refresh(client_id, tokens["refresh_token"]).json()
    bearer = {"Authorization": f"Bearer {newer['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 200

    form = {"token": newer["access_token"]}
    told = site.browser().post("/introspect", form, headers=bearer).json()
    assert told["active"] is True
    assert told["client_id"] == client_id

    browser = site.browser()
    assert browser.post("/revoke", {"token": newer["refresh_token"]}).status_code == 401
    ended = browser.post("/revoke", {"token": newer["refresh_token"], "client_id": client_id})
    assert ended.status_code == 200
    assert owner.get("/userinfo", headers=bearer).status_code == 401
    assert owner.refresh(client_id, newer["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    return private_schema(request.getfixturevalue("postgres_url"))


def test_the_owner_sees_where_the_answer_goes_and_that_nobody_vouches(site: Site) -> None:
    client_id = registered(site, client_name="Your <bank>", redirect_uris=["https://app.example/cb"])
    page = site.owner().authorize(SignIn.begin(client_id, "https://app.example/cb", scope="profile"))
    assert page.status_code == 200
    headline = soup(page).select_one("h1")
    assert headline is not None
    assert headline.text == "app.example"
    assert warnings_on(page) == ["registered-client"]
    assert "Your &lt;bank&gt;" in page.text
    assert "Registered here as" in page.text
    assert soup(page).select_one("[data-acquaintance=new]")


@proves("M-81")
def test_a_program_on_this_computer_has_both_warnings(site: Site) -> None:
    page = site.owner().authorize(SignIn.begin(registered(site), REDIRECT))
    assert warnings_on(page) == ["registered-client", "loopback-redirect"]


def test_the_second_time_the_app_is_known(site: Site) -> None:
    client_id, owner = registered(site), site.owner()
    owner.tokens(client_id)
    page = owner.authorize(SignIn.begin(client_id))
    assert soup(page).select_one("[data-acquaintance=met]")
    assert "changed" not in warnings_on(page)


def test_a_name_twice_registered_is_two_apps(site: Site) -> None:
    first, second, owner = registered(site), registered(site), site.owner()
    tokens = owner.tokens(first)
    assert soup(owner.authorize(SignIn.begin(second))).select_one("[data-acquaintance=new]")
    assert owner.refresh(second, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_connected_apps_shows_a_registered_app(site: Site) -> None:
    client_id, owner = registered(site, redirect_uris=["https://app.example/cb"]), site.owner()
    owner.tokens(client_id, "https://app.example/cb")
    page = owner.get("/apps")
    headline = soup(page).select_one(".app h2")
    assert headline is not None
    assert headline.text == "app.example"
    assert client_id in page.text
    assert "App" in page.text


def test_a_registered_app_is_answered_where_it_said(site: Site) -> None:
    client_id, owner = registered(site), site.owner()
    assert refusal_on(owner.authorize(SignIn.begin(client_id, "https://evil.example/cb"))) == "redirect-not-listed"
    assert owner.authorize(SignIn.begin(client_id, REDIRECT.replace("7777", "50123"))).status_code == 200


def test_a_code_belongs_to_the_app_that_asked(site: Site) -> None:
    owner, client_id, other = site.owner(), registered(site), registered(site)
    sign_in, code = owner.code(client_id)
    assert owner.redeem(sign_in, code, client_id=other).json()["error"] == "invalid_grant"


def test_requests_of_registered_apps_can_be_pushed(site: Site) -> None:
    owner, sign_in = site.owner(), SignIn.begin(registered(site), scope="profile")
    pushed = site.browser().post("/par", sign_in.parameters)
    assert pushed.status_code == 201
    page = owner.get("/authorize", params={"client_id": sign_in.client_id, "request_uri": pushed.json()["request_uri"]})
    assert owner.redeem(sign_in, owner.approve(page)["code"]).status_code == 200


def test_an_app_that_registers_its_keys_proves_to_hold_them(site: Site) -> None:
    holder = KeyHolder("unregistered", site.clock)
    client_id = registered(site, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    holder = KeyHolder(client_id, site.clock)
    owner = site.owner()
    sign_in, code = owner.code(client_id)
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_client"
    tokens = owner.redeem(sign_in, code, **holder.proof()).json()
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_client"
    assert owner.refresh(client_id, tokens["refresh_token"], **holder.proof()).status_code == 200


def test_an_app_that_wants_its_tokens_bound_gets_no_others(site: Site) -> None:
    # RFC 9449 §5.2
    owner, client_id = site.owner(), registered(site, dpop_bound_access_tokens=True)
    assert owner.redeem(*owner.code(client_id)).json()["error"] == "invalid_dpop_proof"


def test_an_app_that_wants_its_requests_pushed_has_them_pushed(site: Site) -> None:
    # RFC 9126 §6
    sign_in = SignIn.begin(registered(site, require_pushed_authorization_requests=True))
    answer = site.owner().authorize(sign_in)
    assert (answer.status_code, "wants its own requests to be pushed" in answer.text) == (400, True)
    assert site.browser().post("/par", sign_in.parameters).status_code == 201


def test_of_an_app_that_cannot_renew_its_access_the_owner_says_how_long(site: Site) -> None:
    owner, client_id = site.owner(), registered(site, grant_types=["authorization_code"])
    sign_in = SignIn.begin(client_id, scope="profile")
    answer = owner.approve(owner.authorize(sign_in), lifetime="hour")
    tokens = owner.redeem(sign_in, answer["code"]).json()
    assert tokens["expires_in"] == 3600
    assert "refresh_token" not in tokens


def test_a_registered_app_uses_pkce(site: Site) -> None:
    answer = site.owner().authorize(SignIn.begin(registered(site), code_challenge=None))
    assert (answer.status_code, "The parameter code_challenge is required." in answer.text) == (400, True)


@proves("AT-26")
def test_the_scope_of_a_url_client_is_not_for_registered_apps(site: Site) -> None:
    # Apps of the AT Protocol have a document: the word is left out here, and nothing is left.
    sign_in = SignIn.begin(registered(site), scope="atproto")
    answer = site.browser().post("/par", sign_in.parameters)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


# -- who may, and how many --------------------------------------------------------------------------------------------


def test_rules_hold_for_registered_apps_at_every_step(site: Site) -> None:
    client_id, owner = registered(site, redirect_uris=["https://app.example/cb"]), site.owner()
    tokens = owner.tokens(client_id, "https://app.example/cb")
    with site.app.app_context():
        site.app.extensions["cimd"].admission.set_rule(Rule("app.example", Decision.DENY))
    assert register(owner, redirect_uris=["https://app.example/cb"]).status_code == 403
    assert refusal_on(owner.authorize(SignIn.begin(client_id, "https://app.example/cb"))) == "client-denied"
    refused = owner.refresh(client_id, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert client_id in owner.get("/apps").text


def test_what_unknown_apps_may_ask_for_holds_for_registered_ones(site: Site) -> None:
    with site.app.app_context():
        site.app.extensions["cimd"].admission.set_allowance(Tier.UNKNOWN, Allowance(scopes=frozenset({"profile"})))
    page = site.owner().authorize(SignIn.begin(registered(site), scope="profile create"))
    ticked = [str(box["value"]) for box in soup(page).select("input[name=scope]")]
    assert ticked == ["profile"]


def test_one_address_registers_so_many_apps(make_site: Make) -> None:
    site = make_site(**ON, DEMO_REGISTRATION_LIMIT="3 per hour", DEMO_BASE_URL="https://me.example")

    def tried(peer: str) -> int:
        browser = site.browser()
        return browser.request(
            "POST", "/register", json={"redirect_uris": [REDIRECT]}, headers={"X-Forwarded-For": peer}
        ).status_code

    assert [tried("192.0.2.1") for _ in range(4)] == [201, 201, 201, 429]
    assert tried("192.0.2.2") == 201


def test_over_the_limit_programs_are_told_in_json(make_site: Make) -> None:
    site = make_site(**ON, DEMO_REGISTRATION_LIMIT="1 per hour")
    register(site.browser())
    answer = register(site.browser())
    assert (answer.status_code, answer.json()) == (429, {"error": "temporarily_unavailable"})


def test_in_development_nobody_counts(site: Site) -> None:
    assert {register(site.browser()).status_code for _ in range(12)} == {201}


# -- how registrations end --------------------------------------------------------------------------------------------


def test_a_registration_that_nobody_approves_ends_after_a_day(site: Site) -> None:
    client_id = registered(site)
    site.clock.forward(days=1, seconds=-1)
    assert site.owner().authorize(SignIn.begin(client_id)).status_code == 200
    site.clock.forward(seconds=2)
    page = site.owner().authorize(SignIn.begin(client_id))
    assert refusal_on(page) == "registration-ended"
    assert "registers itself anew" in page.text
    answer = site.browser().post("/par", SignIn.begin(client_id).parameters)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_looking_at_the_consent_page_is_no_use(site: Site) -> None:
    client_id, owner = registered(site), site.owner()
    site.clock.forward(hours=23)
    owner.deny(owner.authorize(SignIn.begin(client_id)))
    site.clock.forward(hours=2)
    assert refusal_on(owner.authorize(SignIn.begin(client_id))) == "registration-ended"


def test_an_app_in_use_stays(site: Site) -> None:
    client_id, owner = registered(site), site.owner()
    tokens = owner.tokens(client_id)
    for _ in range(3):
        site.clock.now += IDLE - timedelta(seconds=1)
        answer = owner.refresh(client_id, tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
    # The owner's own session ended meanwhile.
    assert site.owner().authorize(SignIn.begin(client_id)).status_code == 200


def test_an_idle_app_ends_with_its_access(site: Site) -> None:
    client_id, owner = registered(site), site.owner()
    tokens = owner.tokens(client_id)
    site.clock.now += IDLE + timedelta(seconds=1)
    refused = owner.refresh(client_id, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refusal_on(owner.authorize(SignIn.begin(client_id))) == "registration-ended"
    with site.app.app_context():
        services().storage.sweep(site.clock())
    assert kept(site) == 0


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("", "bad-scheme"),
        ("0" * 32, "registration-ended"),
        ("0" * 31 + "\x00", "bad-scheme"),
        ("ü", "bad-scheme"),
        ("0" * 9999, "too-long"),
    ],
    ids=["empty", "unknown", "null", "umlaut", "long"],
)
def test_made_up_names_are_no_apps(site: Site, name: str, slug: str) -> None:
    client_id = f"registered-{name}"
    assert refusal_on(site.owner().authorize(SignIn.begin(client_id))) == slug
    answer = site.browser().post("/par", SignIn.begin(client_id).parameters)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
