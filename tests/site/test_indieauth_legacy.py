"""Clients of IndieAuth's first years: each difference behind its switch, and clear words where it is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from flask_cimd.core.legacy import LegacyRules
from tests.site.test_indieauth_provider import publish_page
from tests.support.browser import REDIRECT, SignIn, Site, publish_client, redirect_parameters, refusal_on
from tests.support.proves import proves

WITHOUT_PKCE: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
LOOPBACK = "http://127.0.0.1:7777/"


@pytest.fixture
def legacy(make_site: Callable[..., Site]) -> Site:
    return make_site(DEMO_LEGACY_CLIENTS="1")


def old_request(client_id: str, **parameters: Any) -> SignIn:
    return SignIn.begin(client_id, REDIRECT, **{**WITHOUT_PKCE, "scope": "profile", **parameters})


@proves("IA-66", "IA-81")
@pytest.mark.parametrize("kind", ["page", "loopback"])
def test_old_clients_come_without_pkce_where_the_owner_lets_them(origin: Any, legacy: Site, kind: str) -> None:
    client_id = LOOPBACK if kind == "loopback" else publish_page(origin)
    owner, sign_in = legacy.owner(), old_request(client_id)
    answer = owner.approve(owner.authorize(sign_in))
    assert answer["me"] == legacy.base_url + "/"
    assert owner.redeem(sign_in, answer["code"], code_verifier="").json()["me"] == legacy.base_url + "/"


@proves("IA-81", "O-34")
def test_a_verifier_for_a_code_without_a_challenge_spends_it(origin: Any, legacy: Site) -> None:
    owner, sign_in = legacy.owner(), old_request(publish_page(origin))
    code = owner.approve(owner.authorize(sign_in))["code"]
    for _ in range(2):
        assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"
    assert owner.redeem(sign_in, code, code_verifier="").json()["error"] == "invalid_grant"


@proves("IA-81", "O-34")
def test_who_brings_a_challenge_is_held_to_it(origin: Any, legacy: Site) -> None:
    owner, client_id = legacy.owner(), publish_page(origin)
    sign_in, code = owner.code(client_id)
    assert owner.redeem(sign_in, code, code_verifier="").json()["error"] == "invalid_request"
    for changes in ({"code_challenge_method": None}, {"code_challenge_method": "plain"}, {"code_challenge": None}):
        answer = owner.authorize(SignIn.begin(client_id, **changes))
        assert redirect_parameters(answer)["error"] == "invalid_request"


def test_without_pkce_a_state_is_needed(origin: Any, legacy: Site) -> None:
    answer = legacy.owner().authorize(old_request(publish_page(origin), state=None))
    assert (answer.status_code, "the parameter state is required" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        (WITHOUT_PKCE, ("invalid_request", "The parameter code_challenge is required.")),
        ({"response_type": "id"}, ("unsupported_response_type", "code is the only response type.")),
        ({"response_type": None}, ("invalid_request", "The parameter response_type is missing.")),
    ],
)
def test_a_client_with_a_document_gets_no_such_favour(
    origin: Any, legacy: Site, parameters: dict[str, Any], error: tuple[str, str]
) -> None:
    client_id, owner = publish_client(origin), legacy.owner()
    assert "me" not in owner.approve(owner.authorize(SignIn.begin(client_id)))
    answer = redirect_parameters(owner.authorize(SignIn.begin(client_id, **parameters)))
    assert (answer["error"], answer["error_description"]) == error


@proves("IA-66", "IA-71")
def test_where_the_switch_is_off_old_clients_are_told_what_they_lack(origin: Any, site: Site) -> None:
    owner, client_id = site.owner(), publish_page(origin)
    assert "me" not in owner.approve(owner.authorize(SignIn.begin(client_id)))
    missing = redirect_parameters(owner.authorize(old_request(client_id)))
    assert (missing["error"], "code_challenge" in missing["error_description"]) == ("invalid_request", True)
    old_type = redirect_parameters(owner.authorize(SignIn.begin(client_id, response_type="id")))
    assert old_type["error"] == "unsupported_response_type"
    no_type = redirect_parameters(owner.authorize(SignIn.begin(client_id, response_type=None)))
    assert no_type["error"] == "invalid_request"


def test_an_old_program_on_this_computer_is_refused_with_a_page_that_says_why(site: Site) -> None:
    owner = site.owner()
    for parameters in (WITHOUT_PKCE, {"response_type": "id"}, {"response_type": None}):
        page = owner.authorize(SignIn.begin(LOOPBACK, REDIRECT, **parameters))
        assert refusal_on(page) == "outdated-request"
        assert "not protected by a code challenge (PKCE)" in page.text
    assert "me" not in owner.approve(owner.authorize(SignIn.begin(LOOPBACK)))


@proves("IA-71")
@pytest.mark.parametrize("response_type", ["id", None, ""])
def test_the_oldest_request_is_a_sign_in_and_nothing_else(origin: Any, legacy: Site, response_type: str | None) -> None:
    owner = legacy.owner()
    sign_in = old_request(publish_page(origin), response_type=response_type, scope="create", resource=legacy.base_url)
    page = owner.authorize(sign_in)
    assert "data-sign-in-only" in page.text
    answer = owner.approve(page, scope=["create"])
    assert owner.redeem(sign_in, answer["code"], "/token", code_verifier="").json()["error"] == "invalid_grant"
    answer = owner.approve(owner.authorize(sign_in))
    redeemed = owner.post(
        "/authorize", {"code": answer["code"], "client_id": sign_in.client_id, "redirect_uri": REDIRECT}
    )
    assert redeemed.json() == {"me": legacy.base_url + "/"}


def test_the_answer_names_the_owner_and_never_whom_the_client_named(origin: Any, legacy: Site) -> None:
    owner = legacy.owner()
    answer = owner.approve(owner.authorize(old_request(publish_page(origin), me="https://someone.else/")))
    assert answer["me"] == legacy.base_url + "/"
    assert "me" not in owner.deny(owner.authorize(old_request(publish_page(origin))))


# -- the older token check and the older revocation -------------------------------------------------------------------


def check(site: Site, secret: str | None, accept: str | None) -> Any:
    headers: dict[str, Any] = {"Accept": accept}
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    return site.browser().get("/token", headers=headers)


@proves("IA-107")
@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("*/*", True),
        ("application/json, application/x-www-form-urlencoded", True),
        ("text/html", True),
        ("application/x-www-form-urlencoded", False),
        ("application/x-www-form-urlencoded, application/json;q=0.5", False),
        (None, False),
    ],
)
def test_a_token_is_checked_at_the_token_endpoint(origin: Any, site: Site, accept: str | None, is_json: bool) -> None:
    client_id = publish_page(origin)
    token = site.owner().tokens(client_id, scope="profile create")["access_token"]
    answer = check(site, token, accept)
    expected = {"me": site.base_url + "/", "client_id": client_id, "scope": "create profile"}
    assert answer.status_code == 200
    found = answer.json() if is_json else {name: values[0] for name, values in parse_qs(answer.text).items()}
    assert found == expected
    assert answer.headers["Cache-Control"] == "no-store"


@proves("IA-107")
def test_a_token_that_is_worth_nothing_is_refused(origin: Any, make_site: Any) -> None:
    site = make_site()
    owner, client_id = site.owner(), publish_page(origin)
    tokens = owner.tokens(client_id)
    elsewhere = owner.tokens(client_id, resource=site.base_url + "/api/profile")["access_token"]
    for secret in ("unknown", tokens["refresh_token"], elsewhere):
        assert check(site, secret, "application/json").status_code == 401
    assert check(site, None, "application/json").status_code == 405
    owner.post("/revoke", {"token": tokens["access_token"]})
    assert check(site, tokens["access_token"], "application/json").status_code == 401


def test_the_older_token_check_has_a_switch(origin: Any, make_site: Any) -> None:
    site = make_site(CIMD_INDIEAUTH="0")
    token = site.owner().tokens(publish_client(origin))["access_token"]
    assert check(site, token, "application/json").status_code == 405


@proves("IA-109")
def test_a_token_is_ended_at_the_token_endpoint(origin: Any, make_site: Any) -> None:
    for site, status, left in ((make_site(), 200, 401), (make_site(CIMD_INDIEAUTH="0"), 400, 200)):
        client_id = publish_client(origin)
        token = site.owner().tokens(client_id)["access_token"]
        form = {"action": "revoke", "token": token, "client_id": client_id}
        assert site.browser().post("/token", form).status_code == status
        found = site.browser().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert found.status_code == left


def test_a_document_client_names_itself_there_too(origin: Any, site: Site) -> None:
    client_id = publish_client(origin)
    token = site.owner().tokens(client_id)["access_token"]
    refused = site.browser().post("/token", {"action": "revoke", "token": token})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert check(site, token, "*/*").status_code == 200
    ended = site.browser().post("/token", {"action": "revoke", "token": token, "client_id": client_id})
    assert ended.status_code == 200
    assert check(site, token, "*/*").status_code == 401


def test_the_switch_accepts_clients_of_2019_and_a_setting_of_the_environment_wins(
    make_site: Callable[..., Site],
) -> None:
    # Design §5.2
    def rules(**environment: str) -> LegacyRules:
        found = make_site(**environment)
        with found.app.app_context():
            legacy: LegacyRules = found.app.extensions["flask_cimd_site"].server.legacy
        return legacy

    assert rules() == LegacyRules()
    assert rules(DEMO_LEGACY_CLIENTS="1") == LegacyRules(require_pkce=False, response_type=True, me=True)
    assert rules(DEMO_LEGACY_CLIENTS="1", CIMD_INDIEAUTH="2022") == LegacyRules(require_pkce=False)
