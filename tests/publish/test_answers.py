"""What a client believes of an answer: the redirect with the code, and the token response."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.integrations.base_client import OAuthError

from flask_cimd.publish import Server
from flask_cimd.publish.answers import MOST_ANSWER, read_code, read_token
from flask_cimd.publish.dpop import DPoPKey

ISSUER = "https://as.example"
REMEMBERED = {"state": "s", "issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"}


def server(**members: Any) -> Server:
    """Return a server with an issuer; a member given as ``None`` is left out."""
    usual = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"}
    return Server(metadata={name: value for name, value in {**usual, **members}.items() if value is not None})


def back(**parameters: str | None) -> str:
    """Return the URL that a person comes back to; a parameter given as ``None`` is left out."""
    usual = {"code": "c", "state": "s", "iss": ISSUER}
    given = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
    return "https://app.example/callback?" + urlencode(given)


def refusal(run: Any) -> str:
    with pytest.raises(OAuthError) as caught:
        run()
    return str(caught.value.error)


# -- the code ------------------------------------------------------------------------------------------------------


def test_a_code_comes_with_the_state_and_the_issuer_of_its_request() -> None:
    assert read_code(server(), REMEMBERED, back()) == "c"
    assert read_code(server(), REMEMBERED, back(iss=None)) == "c"


@pytest.mark.parametrize("state", [None, "", "x", "ß"])
def test_another_state_is_no_answer_to_this_request(state: str | None) -> None:
    assert refusal(lambda: read_code(server(), REMEMBERED, back(state=state))) == "invalid_state"


@pytest.mark.parametrize("code", [None, ""])
def test_an_answer_without_a_code_is_none(code: str | None) -> None:
    assert refusal(lambda: read_code(server(), REMEMBERED, back(code=code))) == "missing_code"


def test_the_servers_own_error_is_told_once_it_is_known_to_be_its_own() -> None:
    assert refusal(lambda: read_code(server(), REMEMBERED, back(error="access_denied"))) == "access_denied"
    forged = back(error="access_denied", iss="https://evil.example")
    assert refusal(lambda: read_code(server(), REMEMBERED, forged)) == "invalid_issuer"
    assert refusal(lambda: read_code(server(), REMEMBERED, back(error="access_denied", state="x"))) == "invalid_state"


@pytest.mark.parametrize("issuer", ["https://evil.example", f"{ISSUER}/", "", "https://AS.example"])
def test_an_answer_that_names_another_issuer_is_a_mix_up(issuer: str) -> None:
    # RFC 9207 §2.4: simple string comparison
    assert refusal(lambda: read_code(server(), REMEMBERED, back(iss=issuer))) == "invalid_issuer"


def test_a_server_that_promises_iss_has_to_send_it() -> None:
    promising = server(authorization_response_iss_parameter_supported=True)
    assert read_code(promising, REMEMBERED, back()) == "c"
    assert refusal(lambda: read_code(promising, REMEMBERED, back(iss=None))) == "invalid_issuer"


def test_a_code_goes_to_the_server_that_was_asked() -> None:
    other = server(issuer="https://evil.example")
    assert refusal(lambda: read_code(other, REMEMBERED, back())) == "invalid_issuer"
    assert refusal(lambda: read_code(other, REMEMBERED, back(iss=None))) == "invalid_issuer"
    nameless = server(issuer=None)
    assert refusal(lambda: read_code(nameless, REMEMBERED, back(iss=None))) == "invalid_issuer"


def test_a_server_without_an_issuer_is_known_by_its_token_endpoint() -> None:
    nameless, remembered = server(issuer=None), {**REMEMBERED, "issuer": None}
    assert read_code(nameless, remembered, back(iss=None)) == "c"
    assert read_code(nameless, remembered, back()) == "c"
    other = server(issuer=None, token_endpoint="https://evil.example/token")
    assert refusal(lambda: read_code(other, remembered, back(iss=None))) == "invalid_issuer"


def test_a_server_with_an_issuer_may_move_its_token_endpoint() -> None:
    assert read_code(server(token_endpoint=f"{ISSUER}/new"), REMEMBERED, back()) == "c"


@pytest.mark.parametrize("more", ["&code=d", "&iss=https%3A%2F%2Fevil.example", "&state=s", "&x=1&x=2"])
def test_an_answer_names_each_parameter_once(more: str) -> None:
    assert refusal(lambda: read_code(server(), REMEMBERED, back() + more)) == "invalid_response"


def test_an_answer_has_eight_kilobytes_at_most() -> None:
    longest = back() + "&x=" + "x" * (MOST_ANSWER - len(back()) - 3)
    assert read_code(server(), REMEMBERED, longest) == "c"
    assert refusal(lambda: read_code(server(), REMEMBERED, longest + "x")) == "invalid_response"


# -- the token -----------------------------------------------------------------------------------------------------

BEARER = {"access_token": "t", "token_type": "Bearer"}
BOUND = {"access_token": "t", "token_type": "DPoP"}


@pytest.mark.parametrize(
    "member", [{"access_token": None}, {"access_token": 7}, {"token_type": None}, {"token_type": 7}]
)
def test_a_token_response_holds_a_token_and_its_type(member: dict[str, Any]) -> None:
    assert refusal(lambda: read_token({**BEARER, **member}, None, must_be_bound=False)) == "invalid_response"


def test_a_token_is_bound_exactly_as_the_client_asked() -> None:
    key = DPoPKey.generate()
    assert "dpop_key" not in read_token(BEARER, None, must_be_bound=False)
    assert read_token(BOUND, key, must_be_bound=True)["dpop_key"] == key.to_dict()
    assert read_token({**BOUND, "token_type": "dpop"}, key, must_be_bound=True)["dpop_key"] == key.to_dict()
    assert refusal(lambda: read_token(BOUND, None, must_be_bound=False)) == "invalid_token_type"
    assert refusal(lambda: read_token(BEARER, key, must_be_bound=True)) == "invalid_token_type"
    assert "dpop_key" not in read_token(BEARER, key, must_be_bound=False)


def test_a_server_sets_no_member_of_the_clients_own() -> None:
    members = {**BEARER, "expires_at": 1, "dpop_key": {"kty": "EC"}, "me": "https://me.example/"}
    assert read_token(members, None, must_be_bound=False) == {**BEARER, "me": "https://me.example/"}


@pytest.mark.parametrize(
    ("told", "kept"), [(3600, 3600), ("3600", 3600), (0, 0), (10**9, 10**9), (3.9, 3), ("0000003600", 3600)]
)
def test_a_lifetime_is_a_number_of_seconds(told: Any, kept: int) -> None:
    assert read_token({**BEARER, "expires_in": told}, None, must_be_bound=False)["expires_in"] == kept


@pytest.mark.parametrize("told", [None, True, -1, 10**9 + 1, "soon", "-1", "00000003600", [], "9" * 5000])
def test_any_other_lifetime_counts_for_nothing(told: Any) -> None:
    assert "expires_in" not in read_token({**BEARER, "expires_in": told}, None, must_be_bound=False)
