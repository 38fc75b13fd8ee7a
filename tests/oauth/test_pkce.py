"""The challenge of an authorization request, and what is left of it where the settings waive it (RFC 7636)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from flask_cimd.oauth.server.pkce import check_challenge
from tests.support.browser import Browser, SignIn, publish_client, redirect_parameters
from tests.support.provider_app import ProviderSite

CHALLENGE = "A-_0" * 10 + "xyz"
S256 = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code_challenge": ""}, "code_challenge is required"),
        ({"code_challenge_method": ""}, "code_challenge_method must be S256"),
        ({"code_challenge_method": "plain"}, "code_challenge_method must be S256"),
        ({"code_challenge": CHALLENGE[1:]}, "not an S256 challenge"),
        ({"code_challenge": CHALLENGE + "A"}, "not an S256 challenge"),
        ({"code_challenge": CHALLENGE + "\n"}, "not an S256 challenge"),
        ({"code_challenge": "+" + CHALLENGE[1:]}, "not an S256 challenge"),
    ],
)
def test_a_challenge_is_one_of_s256(changes: dict[str, str], message: str, required: bool) -> None:
    check_challenge({**S256, "state": "s"}, required=required)
    with pytest.raises(InvalidRequestError, match=message):
        check_challenge({**S256, "state": "s", **changes}, required=required)


def test_a_request_has_a_challenge_or_where_it_is_waived_a_state() -> None:
    check_challenge({"state": "s"}, required=False)
    with pytest.raises(InvalidRequestError, match="state is required"):
        check_challenge({}, required=False)
    with pytest.raises(InvalidRequestError, match="code_challenge is required"):
        check_challenge({"state": "s"}, required=True)
    check_challenge(S256, required=True)


LOOPBACK, BACK = "http://localhost:4000/", "http://localhost:4000/cb"


def asked_without(site: ProviderSite) -> tuple[Browser, SignIn, str]:
    """Go through an approval without a challenge; return the person, the request and the code."""
    owner = site.owner()
    sign_in = SignIn.begin(LOOPBACK, BACK, scope="profile", code_challenge=None, code_challenge_method=None)
    return owner, sign_in, owner.approve(owner.authorize(sign_in))["code"]


def test_where_it_is_waived_a_code_without_challenge_needs_no_verifier(make_site: Callable[..., ProviderSite]) -> None:
    owner, sign_in, code = asked_without(make_site(CIMD_INDIEAUTH="2022"))
    assert owner.redeem(sign_in, code, code_verifier=None).status_code == 200


def test_a_verifier_without_a_challenge_spends_the_code(make_site: Callable[..., ProviderSite]) -> None:
    # RFC 9700 §4.8.2: somebody took the challenge out of the request.
    owner, sign_in, code = asked_without(make_site(CIMD_INDIEAUTH="2022"))
    refused = owner.redeem(sign_in, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert refused.json()["error_description"] == "The code was asked for without a challenge."
    assert owner.redeem(sign_in, code, code_verifier=None).json()["error"] == "invalid_grant"


def test_a_waiver_is_for_clients_without_a_document(make_site: Callable[..., ProviderSite], origin: Any) -> None:
    sign_in = SignIn.begin(publish_client(origin), code_challenge=None, code_challenge_method=None)
    answer = make_site(CIMD_INDIEAUTH="2022").owner().authorize(sign_in)
    told = redirect_parameters(answer)
    assert (told["error"], told["error_description"]) == (
        "invalid_request",
        "The parameter code_challenge is required.",
    )


def test_without_the_waiver_a_loopback_client_is_refused_on_a_page(site: ProviderSite) -> None:
    sign_in = SignIn.begin(LOOPBACK, BACK, scope="profile", code_challenge=None, code_challenge_method=None)
    answer = site.owner().authorize(sign_in)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "outdated-request" in answer.text
