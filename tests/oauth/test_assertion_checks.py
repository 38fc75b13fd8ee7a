"""The checks of a client assertion, one by one: each refusal names the check that refused."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from flask_cimd.oauth.server.assertion import (
    AssertionRefusedError,
    AssertionRules,
    check_claims,
    read_assertion,
    thumbprints,
    verify,
)
from tests.support.clock import Clock
from tests.support.keys import ISSUER, KeyHolder, make_key

CLIENT = "https://app.example/client.json"
RULES = AssertionRules(issuer=ISSUER)
ATPROTO = AssertionRules(issuer=ISSUER, is_atproto=True)


@pytest.fixture
def holder() -> KeyHolder:
    return KeyHolder(CLIENT, Clock())


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def crafted(header: Any, claims: Any) -> str:
    """Return an assertion of these parts; nothing that is read before the signature looks at the signature."""
    return f"{encoded(header)}.{encoded(claims)}.c2ln"


def refusal(text: str) -> str:
    with pytest.raises(AssertionRefusedError) as caught:
        read_assertion(text)
    return str(caught.value)


# -- its form ------------------------------------------------------------------------------------------------------

HEADER: dict[str, Any] = {"alg": "ES256", "kid": "one", "typ": "JWT"}
CLAIMS: dict[str, Any] = {"iss": CLIENT, "sub": CLIENT, "jti": "1"}
NO_JWT = "the assertion is not a signed JWT in compact form"
NO_OBJECT = "a part of the assertion is not a JSON object"


def test_the_longest_assertion_has_eight_kilobytes() -> None:
    text = crafted(HEADER, CLAIMS)
    longest = text + "A" * (8192 - len(text))
    assert read_assertion(longest).client_id == CLIENT
    assert refusal(longest + "A") == "the assertion is too long"


@pytest.mark.parametrize("change", [lambda text: text.rpartition(".")[0], lambda text: text + ".c2ln"])
def test_an_assertion_has_three_parts(change: Any) -> None:
    assert refusal(change(crafted(HEADER, CLAIMS))) == NO_JWT


@pytest.mark.parametrize("sign", ["=", "+", "/", "\n", " "])
def test_a_part_is_base64url_without_padding(sign: str) -> None:
    # Python's decoder skips such characters, so that one assertion had many spellings.
    assert refusal(crafted(HEADER, CLAIMS) + sign) == NO_JWT


@pytest.mark.parametrize("header", [b"no JSON", [1], "text", b'{"alg":"ES256","alg":"ES256"}', b"\xff{}", b"[" * 3000])
def test_a_part_is_one_json_object(header: Any) -> None:
    assert refusal(crafted(header, CLAIMS)) == NO_OBJECT
    assert refusal(crafted(HEADER, header)) == NO_OBJECT


def test_a_part_of_an_impossible_length_is_refused() -> None:
    assert refusal(f"A.{encoded(CLAIMS)}.c2ln") == NO_OBJECT


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"alg": "none"}, "alg is not one of"),
        ({"alg": "HS256"}, "alg is not one of"),
        ({"alg": None}, "alg is not one of"),
        ({"crit": ["exp"]}, "the header demands an extension"),
        ({"b64": False}, "the header demands an extension"),
        ({"typ": "at+jwt"}, "typ is that of another kind of token"),
        ({"typ": "dpop+jwt"}, "typ is that of another kind of token"),
        ({"typ": 7}, "typ is that of another kind of token"),
        ({"kid": 7}, "kid is unusable"),
        ({"kid": ""}, "kid is unusable"),
        ({"kid": "k" * 257}, "kid is unusable"),
        ({"kid": "a\x00"}, "kid is unusable"),
    ],
)
def test_a_header_names_no_more_than_algorithm_type_and_key(member: dict[str, Any], reason: str) -> None:
    assert reason in refusal(crafted({**HEADER, **member}, CLAIMS))


@pytest.mark.parametrize(
    "kind", ["jwt", "JWT", "application/jwt", "Client-Authentication+JWT", "OAuth-client-auth+JWT"]
)
def test_a_type_has_many_spellings(kind: str) -> None:
    assert read_assertion(crafted({**HEADER, "typ": kind}, CLAIMS)).jti == "1"
    assert read_assertion(crafted({"alg": "ES256"}, CLAIMS)).kid is None


@pytest.mark.parametrize("name", ["iss", "sub", "jti"])
@pytest.mark.parametrize("value", [None, "", 7, ["x"], "x" * 2049])
def test_who_and_which_are_short_strings(name: str, value: Any) -> None:
    assert refusal(crafted(HEADER, {**CLAIMS, name: value})) == f"{name} is missing or unusable"


def test_a_jti_is_shorter_than_a_client_id() -> None:
    assert refusal(crafted(HEADER, {**CLAIMS, "jti": "x" * 257})) == "jti is missing or unusable"
    assert read_assertion(crafted(HEADER, {**CLAIMS, "jti": "x" * 256, "iss": "x" * 2048})).jti == "x" * 256


# -- its claims ----------------------------------------------------------------------------------------------------


def checked(holder: KeyHolder, rules: AssertionRules = RULES, **claims: Any) -> datetime:
    return check_claims(read_assertion(holder.assertion(**claims)), CLIENT, rules, holder.clock())


def unfit(holder: KeyHolder, rules: AssertionRules = RULES, **claims: Any) -> str:
    with pytest.raises(AssertionRefusedError) as caught:
        checked(holder, rules, **claims)
    return str(caught.value)


def at(holder: KeyHolder, seconds: float) -> int:
    return int(holder.clock().timestamp() + seconds)


def test_an_assertion_is_about_the_client_that_sends_it(holder: KeyHolder) -> None:
    for name in ("iss", "sub"):
        assert unfit(holder, **{name: "https://other.example/c"}) == "iss and sub are not the client"


@pytest.mark.parametrize(
    "audience", [None, [], "https://other.example", [ISSUER, "https://other.example"], [[ISSUER]], {"a": ISSUER}, 7]
)
def test_the_audience_is_the_issuer_alone(holder: KeyHolder, audience: Any) -> None:
    assert unfit(holder, aud=audience) == "aud is not this server alone"


@pytest.mark.parametrize("audience", [ISSUER, [ISSUER], f"{ISSUER}/token", f"{ISSUER}/", [ISSUER, f"{ISSUER}/token"]])
def test_an_audience_of_the_settings_stands_for_the_issuer(holder: KeyHolder, audience: Any) -> None:
    rules = AssertionRules(issuer=ISSUER, audiences=(f"{ISSUER}/token",))
    assert checked(holder, rules, aud=audience) == holder.clock() + timedelta(seconds=90)


@pytest.mark.parametrize("missing", [{"header": {"kid": None}}, {"iat": None}])
def test_the_at_protocol_wants_kid_and_iat(holder: KeyHolder, missing: dict[str, Any]) -> None:
    assert checked(holder, **missing) == holder.clock() + timedelta(seconds=90)
    assert unfit(holder, ATPROTO, **missing) == "kid or iat is missing"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_may_be_half_a_minute_ahead(holder: KeyHolder, name: str) -> None:
    expires = at(holder, 120)
    assert checked(holder, **{name: at(holder, 30), "exp": expires}).timestamp() == expires + 30
    assert unfit(holder, **{name: at(holder, 31), "exp": expires}) == f"{name} is in the future"


def test_only_the_at_protocol_does_without_exp_for_a_minute(holder: KeyHolder) -> None:
    assert unfit(holder, exp=None) == "exp is missing"
    assert checked(holder, ATPROTO, exp=None) == holder.clock() + timedelta(seconds=60)
    assert checked(holder, ATPROTO, exp=None, iat=at(holder, -59)) == holder.clock() + timedelta(seconds=1)
    assert unfit(holder, ATPROTO, exp=None, iat=at(holder, -60)) == "exp is in the past"


def test_an_assertion_ends_half_a_minute_after_exp(holder: KeyHolder) -> None:
    assert unfit(holder, exp=at(holder, -30)) == "exp is in the past"
    assert checked(holder, exp=at(holder, -29)) == holder.clock() + timedelta(seconds=1)


def test_exp_lies_an_hour_ahead_at_most(holder: KeyHolder) -> None:
    assert checked(holder, exp=at(holder, 3630)).timestamp() == at(holder, 3660)
    assert unfit(holder, exp=at(holder, 3631)) == "exp is too far ahead"
    assert unfit(holder, iat=None, exp=at(holder, 3631)) == "exp is too far ahead"


@pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", ["soon", True, -1, 253_402_300_800, [1]])
def test_an_instant_is_a_number_of_seconds_within_the_calendar(holder: KeyHolder, name: str, value: Any) -> None:
    claims = json.dumps({**holder.claims(), name: value}).encode()
    with pytest.raises(AssertionRefusedError, match=f"{name} is not an instant"):
        check_claims(read_assertion(crafted(HEADER, claims)), CLIENT, RULES, holder.clock())


# -- its signature -------------------------------------------------------------------------------------------------


def signer(holder: KeyHolder, *keys: dict[str, Any], signing_alg: str | None = None, **claims: Any) -> str:
    return verify(read_assertion(holder.assertion(**claims)), keys or (holder.jwk,), signing_alg).thumbprint


def unsigned(holder: KeyHolder, *keys: dict[str, Any], signing_alg: str | None = None, **claims: Any) -> str:
    with pytest.raises(AssertionRefusedError) as caught:
        signer(holder, *keys, signing_alg=signing_alg, **claims)
    return str(caught.value)


NO_KEY = "no published key verifies the signature"


def test_a_published_key_verifies_what_it_signed(holder: KeyHolder) -> None:
    assert signer(holder) == holder.key.thumbprint()
    assert unsigned(holder, key=make_key("ES256", 9)) == NO_KEY


def test_a_name_of_a_key_is_the_name_of_that_key_alone(holder: KeyHolder) -> None:
    assert unsigned(holder, {**holder.jwk, "kid": "two"}) == NO_KEY
    assert signer(holder, {**holder.jwk, "kid": "two"}, header={"kid": None}) == holder.key.thumbprint()


def test_an_algorithm_of_the_document_is_the_only_one() -> None:
    holder = KeyHolder(CLIENT, Clock(), alg="RS256")
    assert unsigned(holder, signing_alg="PS256") == "alg is not the one of the client's document"
    assert signer(holder, signing_alg="RS256")


@pytest.mark.parametrize("named", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("used", ["EdDSA", "Ed25519"])
def test_edwards_curves_have_two_names(used: str, named: str) -> None:
    holder = KeyHolder(CLIENT, Clock(), alg=used, extra={"alg": named})
    assert signer(holder, signing_alg=named) == holder.key.thumbprint()


def test_a_key_verifies_no_other_algorithm_than_its_own() -> None:
    holder = KeyHolder(CLIENT, Clock(), alg="RS256", extra={"alg": "PS256"})
    assert unsigned(holder) == NO_KEY


@pytest.mark.parametrize(
    "broken",
    [
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": 7, "y": 7},
        {"kty": "EC", "crv": "P-256", "x": "§", "y": "§"},
        {"kty": "oct", "k": "AAAA"},
    ],
)
def test_an_unusable_key_hides_no_other(holder: KeyHolder, broken: dict[str, Any]) -> None:
    assert signer(holder, {**broken, "kid": "one"}, holder.jwk) == holder.key.thumbprint()
    assert thumbprints([broken, holder.jwk]) == {holder.key.thumbprint()}


def test_every_kind_of_key_has_its_thumbprint() -> None:
    keys = [make_key(alg) for alg in ("ES256", "RS256", "EdDSA")]
    assert thumbprints([key.as_dict(private=False) for key in keys]) == {key.thumbprint() for key in keys}
    assert thumbprints([OKPKey.generate_key("X25519").as_dict(private=False)]) == frozenset()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))


@pytest.mark.parametrize(
    "member",
    [
        {"n": number(2**2047 - 1)},
        {"n": number(2**8193 - 1)},
        {"e": number(2)},
        {"e": number(2**32 + 1)},
    ],
)
def test_an_rsa_key_is_neither_weak_nor_costly(member: dict[str, str]) -> None:
    # joserfc takes all of them; the largest keep a server busy for seconds.
    key = make_key("RS256").as_dict(private=False)
    assert thumbprints([key])
    assert thumbprints([{**key, **member}]) == frozenset()


@pytest.mark.parametrize("member", [{"n": number(2**2048 - 1)}, {"n": number(2**8192 - 1)}, {"e": number(3)}])
def test_an_rsa_key_at_its_bounds_is_taken(member: dict[str, str]) -> None:
    assert thumbprints([{**make_key("RS256").as_dict(private=False), **member}])
