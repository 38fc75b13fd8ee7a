"""The token endpoint: one form, one code, one answer (RFC 6749 §3.2, §4.1.3, §5)."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from tests.support.browser import REDIRECT, SignIn, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

ALIVE = 200


def userinfo_status(site: ProviderSite, token: str) -> int:
    answer = site.browser().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


@proves("O-51", "O-122")
def test_answers_are_json_that_nobody_stores(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    good = owner.redeem(*owner.code(client_id))
    bad = owner.redeem(SignIn.begin(client_id), "unknown")
    for answer in (good, bad):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
    assert (good.status_code, bad.status_code) == (200, 400)


@proves("O-14", "A-11")
def test_codes_and_tokens_are_long_random_and_kept_as_digests_alone(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    codes = [owner.code(client_id) for _ in range(3)]
    tokens = [owner.redeem(*one).json() for one in codes]
    secrets = [code for _, code in codes] + [t[kind] for t in tokens for kind in ("access_token", "refresh_token")]
    assert len(set(secrets)) == 9
    assert min(map(len, secrets)) >= 43
    kept = repr(vars(site.storage))
    assert kept.count("_KeptCode(") == 3
    assert not any(secret in kept for secret in secrets)


@proves("C-69", "O-32", "O-33", "O-50", "O-52", "O-53", "O-70", "A-15", "A-24")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": None}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": "\ud800".encode("utf-8", "surrogatepass")}, "invalid_grant"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": 'a"\\é'}, "unsupported_grant_type"),
        ({"client_id": None}, "invalid_request"),
        ({"client_id": "https://other.example/client.json"}, "invalid_grant"),
        ({"client_id": 'x"\\é'}, "invalid_grant"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:7778/callback"}, "invalid_grant"),
        ({"redirect_uri": 'a"\\é'}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "a" * 64}, "invalid_grant"),
        ({"code_verifier": "a" * 42}, "invalid_request"),
        ({"code_verifier": "a" * 129}, "invalid_request"),
        ({"code_verifier": "é" * 64}, "invalid_request"),
        ({"code": ["a", "b"]}, "invalid_request"),
        ({"client_id": ["a", "b"]}, "invalid_request"),
        ({"code_verifier": ["a", "b"]}, "invalid_request"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"resource": "relative"}, "invalid_target"),
        ({"resource": "https://a.example/#f"}, "invalid_target"),
    ],
)
def test_a_form_with_one_fault_is_refused(origin: Any, site: ProviderSite, changes: dict[str, Any], error: str) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    answer = owner.redeem(sign_in, code, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    description = answer.json().get("error_description", "")
    assert all(" " <= c <= "~" and c not in '"\\' for c in description)


@proves("C-69")
@pytest.mark.parametrize("redirect_uri", [None, ""])
def test_with_pkce_the_redirect_uri_may_be_left_out(origin: Any, site: ProviderSite, redirect_uri: str | None) -> None:
    # OAuth 2.1 §10.2; when it is sent, it must match, as above.
    owner = site.owner()
    assert owner.redeem(*owner.code(publish_client(origin)), redirect_uri=redirect_uri).status_code == 200


@proves("O-53")
def test_another_clients_code_is_refused_and_stays_good_for_its_own(origin: Any, site: ProviderSite) -> None:
    # Whoever found a code must not be able to burn it in another client's name.
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin, "/a.json"))
    other = publish_client(origin, "/b.json")
    assert owner.redeem(sign_in, code, client_id=other).json()["error"] == "invalid_grant"
    assert owner.redeem(sign_in, code).status_code == ALIVE


@proves("O-33", "A-13")
def test_a_wrong_verifier_burns_the_code(origin: Any, site: ProviderSite) -> None:
    # Whoever guesses has one attempt.
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    assert owner.redeem(sign_in, code, code_verifier="b" * 64).json()["error"] == "invalid_grant"
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"


@proves("O-34")
def test_the_challenge_and_its_method_are_the_codes_and_not_the_token_requests(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    challenge = sign_in.parameters["code_challenge"]
    plain = {"code_challenge_method": "plain", "code_challenge": challenge, "code_verifier": challenge}
    assert owner.redeem(sign_in, code, **plain).json()["error"] == "invalid_grant"


@proves("O-15", "A-13")
def test_a_code_that_comes_back_ends_the_tokens_made_from_it(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    tokens = owner.redeem(sign_in, code).json()
    assert userinfo_status(site, tokens["access_token"]) == ALIVE
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"
    assert userinfo_status(site, tokens["access_token"]) == 401
    assert owner.refresh(sign_in.client_id, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@proves("O-15")
def test_a_code_redeemed_for_the_identity_is_spent_for_tokens_too(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    assert owner.redeem(sign_in, code, "/authorize").json()["me"] == site.base_url + "/"
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"
    assert owner.redeem(sign_in, code, "/authorize").json()["error"] == "invalid_grant"


@proves("O-14", "A-14")
@pytest.mark.parametrize("path", ["/token", "/authorize"])
def test_a_code_lives_for_a_minute(origin: Any, site: ProviderSite, path: str) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    sign_in, code = owner.code(client_id)
    site.clock.forward(seconds=59)
    assert owner.redeem(sign_in, code, path).status_code == ALIVE
    sign_in, code = owner.code(client_id)
    site.clock.forward(seconds=60)
    assert owner.redeem(sign_in, code, path).json()["error"] == "invalid_grant"


@proves("IA-110", "A-06")
def test_access_of_a_client_that_can_refresh_lasts_minutes(origin: Any, site: ProviderSite) -> None:
    tokens = site.owner().tokens(publish_client(origin))
    assert tokens["expires_in"] == 900
    site.clock.forward(seconds=899)
    assert userinfo_status(site, tokens["access_token"]) == ALIVE
    site.clock.forward(seconds=1)
    assert userinfo_status(site, tokens["access_token"]) == 401


@proves("M-62")
def test_a_client_that_does_not_list_the_grant_gets_no_refresh_token(origin: Any, site: ProviderSite) -> None:
    tokens = site.owner().tokens(publish_client(origin, grant_types=["authorization_code"]))
    assert "refresh_token" not in tokens
    assert "access_token" in tokens


# -- the form itself ---------------------------------------------------------------------------------------------

ENDPOINTS = ["/token", "/revoke"]


@proves("O-50")
@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "kwargs",
    [
        {"json": {"grant_type": "authorization_code"}},
        {"data": b"\xff\xfe\x00", "headers": {"Content-Type": "application/octet-stream"}},
        {"data": b"", "headers": {"Content-Type": ""}},
        {"files": {"code": b"x"}},
        {"data": b"%ff=%fe&\x00", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": b"", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ],
    ids=["json", "bytes", "nothing", "multipart", "no-utf-8", "empty"],
)
def test_what_is_no_form_of_ours_is_refused(site: ProviderSite, path: str, kwargs: dict[str, Any]) -> None:
    # Never an exception
    answer = site.browser().request("POST", path, **kwargs)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@proves("O-50", "A-15")
@pytest.mark.parametrize(
    "name", ["grant_type", "code", "client_id", "redirect_uri", "code_verifier", "token", "resource"]
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_parameters_in_the_query_are_refused(origin: Any, site: ProviderSite, path: str, name: str) -> None:
    # The query ends up in logs.
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    answer = owner.redeem(sign_in, code, f"{path}?{name}=x")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# -- secrets ----------------------------------------------------------------------------------------------------


def basic(text: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


@proves("C-85", "L-40", "O-51", "O-55", "A-23")
@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "headers",
    [
        basic(b"https%3A%2F%2Fapp.example%2Fc:secret"),
        basic(b"https://app.example/c:secret"),
        basic(b"\xff\xfe:\xff"),
        basic(b"no colon"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "basic"},
    ],
)
def test_a_secret_in_the_header_is_refused(site: ProviderSite, path: str, headers: dict[str, str]) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "token": "x"}
    answer = site.browser().post(path, form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    # RFC 6749 §5.2: the answer names the scheme that the client used.
    assert answer.headers["WWW-Authenticate"].lower().startswith("basic")


@proves("C-85")
def test_a_secret_in_the_form_is_refused(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    answer = owner.redeem(*owner.code(publish_client(origin)), client_secret="x")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# -- logs -------------------------------------------------------------------------------------------------------


@proves("O-122")
def test_no_code_token_or_verifier_is_ever_logged(
    origin: Any, site: ProviderSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    tokens = owner.redeem(sign_in, code).json()
    fresh = owner.refresh(sign_in.client_id, tokens["refresh_token"]).json()
    owner.redeem(sign_in, code)
    # The client library of this test logs the requests that it sends.
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("urllib3", "requests"))]
    secrets = [code, sign_in.verifier, tokens["access_token"], tokens["refresh_token"], fresh["access_token"]]
    assert not any(secret in line for secret in secrets for line in ours)
