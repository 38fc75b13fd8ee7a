"""Key-holding clients at the endpoints of the demo: what proves who they are, and what does not."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import trustme
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from flask_cimd import ClientMetadata
from flask_cimd.oauth import Grant
from flask_cimd.oauth.errors import ClientResolutionError
from flask_cimd.oauth.server.assertion import AssertionRefusedError, ClientKey, read_assertion
from flask_cimd.oauth.server.client_authentication import session_key
from tests.support.browser import Browser, SignIn, publish_client
from tests.support.clock import Clock
from tests.support.keys import ISSUER, KeyHolder, make_key, name_leads_to, signed_with_public_key
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite, provider_app


def key_client(origin: Any, site: ProviderSite, path: str = "/client.json", **members: Any) -> KeyHolder:
    """Publish a client that holds one ES256 key."""
    holder = KeyHolder(origin.url(path), site.clock)
    publish_keys(origin, holder, path=path, **members)
    return holder


def publish_keys(origin: Any, *holders: KeyHolder, path: str = "/client.json", **members: Any) -> None:
    usual = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [holder.jwk for holder in holders]}}
    publish_client(origin, path, **{**usual, **members})


def sign_in(owner: Browser, holder: KeyHolder, **parameters: str) -> dict[str, Any]:
    """Go through approval and token endpoint with an assertion."""
    answer = owner.redeem(*owner.code(holder.client_id, **parameters), **holder.proof())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def assert_not_authenticated(answer: Any) -> None:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.fixture(scope="module")
def signed_in(ca: trustme.CA, ca_bundle: Path) -> Iterator[tuple[Browser, KeyHolder]]:
    """An owner and a client that holds a key, for all cases of a table."""
    with TLSOrigin(ca) as origin:
        site = provider_app(ca_bundle, Clock())
        yield site.owner(), key_client(origin, site)


@proves("C-78", "O-84")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA", "Ed25519"])
def test_every_advertised_algorithm_signs_in(origin: Any, site: ProviderSite, alg: str) -> None:
    owner = site.owner()
    assert (
        alg
        in owner.get("/.well-known/oauth-authorization-server").json()[
            "token_endpoint_auth_signing_alg_values_supported"
        ]
    )
    holder = KeyHolder(origin.url("/client.json"), site.clock, alg=alg)
    publish_keys(origin, holder)
    tokens = sign_in(owner, holder)
    assert owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).status_code == 200


@proves("C-119")
def test_the_metadata_lists_methods_and_algorithms(site: ProviderSite) -> None:
    metadata = site.browser().get("/.well-known/oauth-authorization-server").json()
    assert metadata["token_endpoint_auth_methods_supported"] == ["none", "private_key_jwt"]
    assert metadata["revocation_endpoint_auth_methods_supported"] == ["none", "private_key_jwt"]
    algorithms = metadata["token_endpoint_auth_signing_alg_values_supported"]
    assert {"ES256", "RS256", "PS256", "EdDSA"} <= set(algorithms)
    assert "none" not in algorithms
    assert not any(alg.startswith("HS") for alg in algorithms)


def far(delta: timedelta) -> Callable[[KeyHolder], int]:
    return lambda holder: int((holder.clock() + delta).timestamp())


#: One thing wrong with an otherwise good assertion, and the row it proves.
FAULTS: dict[str, Callable[[KeyHolder], str]] = {
    "iss of another client": lambda h: h.assertion(iss="https://other.example/c"),
    "iss missing": lambda h: h.assertion(iss=None),
    "sub of another client": lambda h: h.assertion(sub="https://other.example/c"),
    "sub missing": lambda h: h.assertion(sub=None),
    "sub and iss of another client": lambda h: h.assertion(sub="https://o.example/c", iss="https://o.example/c"),
    "sub that is a number": lambda h: h.assertion(sub=7),
    "aud missing": lambda h: h.assertion(aud=None),
    "aud of another server": lambda h: h.assertion(aud="https://other.example"),
    "aud with two slashes more": lambda h: h.assertion(aud=ISSUER + "//"),
    "aud lists a list": lambda h: h.assertion(aud=[[ISSUER]]),
    "aud lists the token endpoint": lambda h: h.assertion(aud=[ISSUER, ISSUER + "/token"]),
    "aud is the token endpoint": lambda h: h.assertion(aud=ISSUER + "/token"),
    "aud lists more than the issuer": lambda h: h.assertion(aud=[ISSUER, "https://other.example"]),
    "aud lists nothing": lambda h: h.assertion(aud=[]),
    "exp missing": lambda h: h.assertion(exp=None),
    "exp half a minute ago": lambda h: h.assertion(exp=far(timedelta(seconds=-30))(h)),
    "exp in ten years": lambda h: h.assertion(exp=far(timedelta(days=3650))(h)),
    "exp more than an hour ahead": lambda h: h.assertion(exp=far(timedelta(minutes=60, seconds=31))(h)),
    "exp that is text": lambda h: h.assertion(exp="soon"),
    "exp that is true": lambda h: h.assertion(exp=True),
    "exp beyond every calendar": lambda h: h.assertion(exp=10**15),
    "iat in the future": lambda h: h.assertion(iat=far(timedelta(seconds=31))(h)),
    "nbf in the future": lambda h: h.assertion(nbf=far(timedelta(seconds=31))(h)),
    "jti missing": lambda h: h.assertion(jti=None),
    "jti empty": lambda h: h.assertion(jti=""),
    "jti that is a number": lambda h: h.assertion(jti=1),
    "alg none": lambda h: h.assertion(header={"alg": "none"}),
    "alg HS256 with the public key as secret": signed_with_public_key,
    "alg of another family": lambda h: h.assertion(header={"alg": "RS256"}, key=make_key("RS256")),
    "kid unknown": lambda h: h.assertion(header={"kid": "two"}),
    "kid that is a number": lambda h: "eyJhbGciOiJFUzI1NiIsImtpZCI6MX0." + h.assertion().partition(".")[2],
    "key of another client": lambda h: h.assertion(key=make_key("ES256", 9)),
    "key carried in the header": lambda h: h.assertion(
        header={"jwk": make_key("ES256", 9).as_dict(private=False)}, key=make_key("ES256", 9)
    ),
    "typ of an access token": lambda h: h.assertion(header={"typ": "at+jwt"}),
    "typ of a DPoP proof": lambda h: h.assertion(header={"typ": "dpop+jwt"}),
    "signature of other claims": lambda h: h.assertion().rpartition(".")[0] + "." + h.assertion().split(".")[2],
    "signature missing": lambda h: h.assertion().rpartition(".")[0] + ".",
    "two parts": lambda h: h.assertion().rpartition(".")[0],
    "five parts": lambda h: h.assertion() + ".a.b",
    "not base64": lambda h: "§." + h.assertion(),
    "not JSON": lambda h: "YWJj." + h.assertion().partition(".")[2],
    "nested without end": lambda h: "W1tb" * 1000 + "." + h.assertion().partition(".")[2],
    "longer than any assertion": lambda h: h.assertion(more="x" * 9000),
}


@proves("C-78", "C-79", "O-80 … O-86")
@pytest.mark.parametrize("fault", FAULTS)
def test_one_wrong_thing_in_an_assertion_is_enough(signed_in: tuple[Browser, KeyHolder], fault: str) -> None:
    # Refused with one and the same answer, and the code still lives
    owner, holder = signed_in
    asked, code = owner.code(holder.client_id)
    refused = owner.redeem(asked, code, **holder.proof(FAULTS[fault](holder)))
    assert_not_authenticated(refused)
    assert refused.json() == owner.redeem(asked, code).json()
    assert owner.redeem(asked, code, **holder.proof()).status_code == 200


def test_a_key_has_no_name_that_a_database_could_not_keep(site: ProviderSite) -> None:
    # a session of the AT Protocol keeps the name, and PostgreSQL knows no NUL
    holder = KeyHolder("https://app.example/client.json", site.clock, kid="a\x00")
    with pytest.raises(AssertionRefusedError, match="kid is unusable"):
        read_assertion(holder.assertion())


GOOD: dict[str, Callable[[KeyHolder], str]] = {
    "aud as a list of one": lambda h: h.assertion(aud=[ISSUER]),
    "typ JWT": lambda h: h.assertion(header={"typ": "JWT"}),
    "typ of RFC 10070": lambda h: h.assertion(header={"typ": "client-authentication+jwt"}),
    "typ of CIMD-03": lambda h: h.assertion(header={"typ": "oauth-client-auth+jwt"}),
    "typ in full and in capitals": lambda h: h.assertion(header={"typ": "application/OAuth-Client-Auth+JWT"}),
    "aud with a slash more": lambda h: h.assertion(aud=ISSUER + "/"),
    "aud lists the issuer in both spellings": lambda h: h.assertion(aud=[ISSUER, ISSUER + "/", ISSUER]),
    "no kid": lambda h: h.assertion(header={"kid": None}),
    "made 50 seconds ago": lambda h: h.assertion(iat=far(timedelta(seconds=-50))(h), exp=far(timedelta(seconds=10))(h)),
    "a clock 30 seconds ahead": lambda h: h.assertion(
        iat=far(timedelta(seconds=30))(h), nbf=far(timedelta(seconds=30))(h), exp=far(timedelta(seconds=90))(h)
    ),
    "a clock 29 seconds behind": lambda h: h.assertion(exp=far(timedelta(seconds=-29))(h)),
    "an hour, by a clock 30 seconds ahead": lambda h: h.assertion(exp=far(timedelta(minutes=60, seconds=30))(h)),
    "no iat": lambda h: h.assertion(iat=None),
    "an hour": lambda h: h.assertion(exp=far(timedelta(hours=1))(h)),
    "exp with a fraction": lambda h: h.assertion(exp=far(timedelta(seconds=30))(h) + 0.5),
    "unknown claims and header members": lambda h: h.assertion(header={"x": 1, "jku": "https://x.example"}, more=[1]),
}


def test_a_server_may_demand_the_type_of_client_assertions(origin: Any, make_site: Any) -> None:
    site = make_site(CIMD_PROFILE="draft, require_assertion_typ")
    owner, holder = site.owner(), key_client(origin, site)
    statuses = {None: 401, "JWT": 401, "client-authentication+jwt": 200, "oauth-client-auth+jwt": 200}
    for typ, status in statuses.items():
        proof = holder.proof(holder.assertion(header={"typ": typ}))
        assert owner.redeem(*owner.code(holder.client_id), **proof).status_code == status, typ


def test_a_long_lived_assertion_is_remembered_until_it_is_void(origin: Any, site: ProviderSite) -> None:
    owner, holder = site.owner(), key_client(origin, site)
    proof = holder.proof(holder.assertion(exp=far(timedelta(hours=1))(holder)))
    tokens = owner.redeem(*owner.code(holder.client_id), **proof).json()
    for seconds in (1800, 1800, 29):
        site.clock.forward(seconds=seconds)
        assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"], **proof))


@pytest.mark.parametrize(
    ("claims", "named"), [({"aud": "https://other.example"}, "aud"), ({"exp": 1}, "exp"), ({"iss": "x"}, "iss")]
)
def test_the_client_hears_that_it_proved_nothing_and_the_log_says_which_claim(
    origin: Any, site: ProviderSite, caplog: pytest.LogCaptureFixture, claims: dict[str, Any], named: str
) -> None:
    owner, holder = site.owner(), key_client(origin, site)
    asked, code = owner.code(holder.client_id)
    with caplog.at_level(logging.INFO, "flask_cimd"):
        refused = owner.redeem(asked, code, **holder.proof(holder.assertion(**claims))).json()
    assert refused == {"error": "invalid_client", "error_description": "The app did not prove who it is."}
    assert any(named in record.getMessage() for record in caplog.records)


@proves("AT-68")
@pytest.mark.parametrize("case", GOOD)
def test_what_real_clients_send_is_accepted(signed_in: tuple[Browser, KeyHolder], case: str) -> None:
    owner, holder = signed_in
    answer = owner.redeem(*owner.code(holder.client_id), **holder.proof(GOOD[case](holder)))
    assert answer.status_code == 200, answer.text


@proves("O-84")
def test_a_document_that_names_an_algorithm_is_held_to_it(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock, alg="PS256")
    publish_keys(origin, holder, token_endpoint_auth_signing_alg="RS256")
    asked, code = owner.code(holder.client_id)
    assert_not_authenticated(owner.redeem(asked, code, **holder.proof()))
    assert_ok = owner.redeem(asked, code, **holder.proof(holder.assertion(header={"alg": "RS256"})))
    assert assert_ok.status_code == 200


def test_a_key_with_alg_verifies_no_other_algorithm(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock, alg="RS256", extra={"alg": "PS256"})
    publish_keys(origin, holder)
    assert_not_authenticated(owner.redeem(*owner.code(holder.client_id), **holder.proof()))


@proves("AT-18")
def test_keys_as_browser_libraries_export_them_are_accepted(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(
        origin.url("/client.json"), site.clock, extra={"key_ops": ["verify", "encrypt", "wrapKey"], "ext": True}
    )
    publish_keys(origin, holder)
    assert sign_in(owner, holder)


def test_a_weak_rsa_key_verifies_nothing(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock, alg="RS256", extra={"n": "AQAB" * 20})
    publish_keys(origin, holder)
    assert_not_authenticated(owner.redeem(*owner.code(holder.client_id), **holder.proof()))


def test_a_key_that_is_no_point_on_the_curve_verifies_nothing(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock, extra={"x": "AAAA"})
    publish_keys(origin, holder)
    assert_not_authenticated(owner.redeem(*owner.code(holder.client_id), **holder.proof()))


@proves("C-77", "AT-65", "AT-71")
def test_every_direct_request_carries_the_assertion(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    asked, code = owner.code(holder.client_id)
    assert_not_authenticated(owner.redeem(asked, code))
    tokens = owner.redeem(asked, code, **holder.proof()).json()
    assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"]))
    token = {"token": tokens["refresh_token"], "client_id": holder.client_id}
    assert_not_authenticated(owner.post("/revoke", token))
    renewed = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof())
    assert renewed.status_code == 200
    token["token"] = renewed.json()["refresh_token"]
    assert owner.post("/revoke", {**token, **holder.proof()}).status_code == 200
    assert owner.refresh(holder.client_id, token["token"], **holder.proof()).json()["error"] == "invalid_grant"


@proves("O-80")
def test_the_assertion_alone_names_the_client(origin: Any, site: ProviderSite) -> None:
    # client_id in the body is optional and must agree
    owner = site.owner()
    holder = key_client(origin, site)
    asked, code = owner.code(holder.client_id)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier}  # fmt: skip
    tokens = owner.post("/token", {**form, **holder.proof()})
    assert tokens.status_code == 200, tokens.text
    revoked = owner.post("/revoke", {"token": tokens.json()["access_token"], **holder.proof()})
    assert revoked.status_code == 200


@proves("C-12")
def test_a_code_of_another_client_is_an_invalid_grant(origin: Any, site: ProviderSite) -> None:
    # The assertion itself is good
    owner = site.owner()
    holder = key_client(origin, site)
    other = key_client(origin, site, "/other.json")
    asked, code = owner.code(holder.client_id)
    stolen = owner.redeem(asked, code, client_id=other.client_id, **other.proof())
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert owner.redeem(asked, code, **holder.proof()).status_code == 200


def test_an_assertion_needs_its_type_and_the_type_its_assertion(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    asked, code = owner.code(holder.client_id)
    proof = holder.proof()
    for broken in (
        {"client_assertion": proof["client_assertion"]},
        {"client_assertion_type": proof["client_assertion_type"]},
        {**proof, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {**proof, "client_assertion": ""},
    ):
        assert_not_authenticated(owner.redeem(asked, code, **broken))
    assert owner.redeem(asked, code, **proof).status_code == 200


@proves("C-79")
def test_two_assertions_are_one_too_many(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    asked, code = owner.code(holder.client_id)
    proof = holder.proof()
    twice = owner.redeem(asked, code, **{**proof, "client_assertion": [proof["client_assertion"], holder.assertion()]})
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert owner.redeem(asked, code, **proof).status_code == 200


@proves("C-79", "AT-67")
def test_an_assertion_is_used_once(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    proof = holder.proof()
    tokens = owner.redeem(*owner.code(holder.client_id), **proof).json()
    assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"], **proof))
    again = holder.proof(jti="chosen by the client")
    renewed = owner.refresh(holder.client_id, tokens["refresh_token"], **again)
    assert renewed.status_code == 200
    same = holder.proof(jti="chosen by the client")
    assert_not_authenticated(owner.refresh(holder.client_id, renewed.json()["refresh_token"], **same))
    site.clock.forward(seconds=89)  # the first one is tolerated for 30 seconds after its exp
    same = holder.proof(jti="chosen by the client")
    assert_not_authenticated(owner.refresh(holder.client_id, renewed.json()["refresh_token"], **same))
    site.clock.forward(seconds=2)  # it is void by now, so its name is free
    renewed = owner.refresh(
        holder.client_id, renewed.json()["refresh_token"], **holder.proof(jti="chosen by the client")
    )
    assert renewed.status_code == 200


@proves("O-83")
def test_clients_do_not_meet_in_their_jtis(origin: Any, site: ProviderSite) -> None:
    # Per client
    owner = site.owner()
    for path in ("/one.json", "/two.json"):
        holder = KeyHolder(origin.url(path), site.clock)
        publish_keys(origin, holder, path=path)
        assert owner.redeem(*owner.code(holder.client_id), **holder.proof(jti="1")).status_code == 200


def test_of_parallel_uses_of_one_jti_exactly_one_succeeds(site: ProviderSite) -> None:
    storage = site.storage
    now = site.clock()
    start = Barrier(8)

    def use(_: int) -> bool:
        with site.app.app_context():
            start.wait()
            return bool(storage.use_once("assertion:raced", now + timedelta(seconds=60), now))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [False] * 7 + [True]


@proves("C-84", "O-54")
def test_a_public_client_may_not_come_with_an_assertion(origin: Any, site: ProviderSite) -> None:
    # Never ignored
    owner = site.owner()
    client_id = publish_client(origin)
    holder = KeyHolder(client_id, site.clock)
    asked, code = owner.code(client_id)
    assert_not_authenticated(owner.redeem(asked, code, **holder.proof()))
    assert_not_authenticated(owner.redeem(asked, code, client_assertion="junk", client_assertion_type="junk"))
    assert owner.redeem(asked, code).status_code == 200


@proves("C-83", "C-84")
@pytest.mark.parametrize("single", ["none", None, "private_key_jwt"])
def test_a_client_with_both_methods_is_held_to_the_one_it_names(
    origin: Any, site: ProviderSite, single: str | None
) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    named = {"token_endpoint_auth_method": single} if single else {}
    document = {"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"], "jwks": holder.jwks}
    publish_client(origin, **named, **document)
    with_proof = owner.redeem(*owner.code(holder.client_id), **holder.proof()).status_code
    without = owner.redeem(*owner.code(holder.client_id)).status_code
    assert (with_proof, without) == {"none": (401, 200), None: (200, 200), "private_key_jwt": (200, 401)}[single]


@proves("C-84")
def test_a_broken_assertion_never_falls_back_to_none(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_client(origin, token_endpoint_auth_methods_supported=["none", "private_key_jwt"], jwks=holder.jwks)
    asked, code = owner.code(holder.client_id)
    assert_not_authenticated(owner.redeem(asked, code, **holder.proof(key=make_key("ES256", 9))))
    assert owner.redeem(asked, code).status_code == 200


@proves("C-108")
def test_what_was_issued_with_a_key_is_never_refreshed_without_it(origin: Any, site: ProviderSite) -> None:
    # With a client that has both methods, and with a document that says none now
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_client(origin, token_endpoint_auth_methods_supported=["none", "private_key_jwt"], jwks=holder.jwks)
    tokens = sign_in(owner, holder)
    assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"]))
    publish_client(origin, token_endpoint_auth_method="none")
    site.clock.forward(days=2)
    refused = owner.refresh(holder.client_id, tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    publish_client(origin, token_endpoint_auth_methods_supported=["none", "private_key_jwt"], jwks=holder.jwks)
    site.clock.forward(days=2)  # the downgrade killed nothing
    assert owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).status_code == 200


@proves("C-108")
def test_a_rule_of_the_app_that_fails_is_no_way_around_the_key(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    tokens = sign_in(owner, holder)
    is_broken = [True]

    def rule(_: Any) -> bool:
        if is_broken[0]:
            raise LookupError
        return True

    site.cimd.allow_client(rule)
    without = owner.refresh(holder.client_id, tokens["refresh_token"])
    with_key = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof())
    assert [(one.status_code, one.json()["error"]) for one in (without, with_key)] == [
        (503, "temporarily_unavailable"),
        (503, "temporarily_unavailable"),
    ]
    is_broken[0] = False  # nothing was spent
    assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"]))
    assert owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).status_code == 200


@proves("C-106")
def test_keys_rotate_without_ending_anything(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    old = key_client(origin, site)
    tokens = sign_in(owner, old)
    new = KeyHolder(old.client_id, site.clock, kid="two", number=2)
    publish_keys(origin, new)
    site.clock.forward(days=2)
    assert_not_authenticated(owner.refresh(old.client_id, tokens["refresh_token"], **old.proof()))
    assert owner.refresh(old.client_id, tokens["refresh_token"], **new.proof()).status_code == 200


@proves("C-109", "L-12")
def test_a_code_is_redeemed_with_the_keys_of_its_snapshot(origin: Any, site: ProviderSite) -> None:
    # A no-store document is not fetched again for it
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_keys(origin, holder, headers={"Cache-Control": "no-store"})
    asked, code = owner.code(holder.client_id)
    before = len(origin.requests)
    origin.forget("/client.json")
    assert owner.redeem(asked, code, **holder.proof()).status_code == 200
    assert len(origin.requests) == before


def test_nonsense_never_causes_a_fetch(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    tokens = sign_in(owner, holder)
    site.clock.forward(days=2)
    before = len(origin.requests)
    owner.refresh(holder.client_id, "unknown", **holder.proof())
    owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof(aud="https://other.example"))
    owner.post("/token", {"grant_type": "refresh_token", "refresh_token": "unknown", **holder.proof()})
    assert len(origin.requests) == before


@proves("C-83")
def test_without_the_method_enabled_a_key_holding_client_is_refused(origin: Any, make_site: Any) -> None:
    site = make_site(CIMD_AUTH_METHODS="none")
    holder = key_client(origin, site)
    asked = SignIn.begin(holder.client_id, scope="profile")
    assert site.owner().authorize(asked).status_code == 400
    # CIMD §6: no common method.
    pushed = site.browser().post("/par", {**asked.parameters, **holder.proof()})
    assert (pushed.status_code, pushed.json()["error"]) == (400, "unauthorized_client")
    metadata = site.browser().get("/.well-known/oauth-authorization-server").json()
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]
    assert "token_endpoint_auth_signing_alg_values_supported" not in metadata


@proves("O-81")
def test_the_token_endpoint_is_an_audience_by_a_switch_alone(origin: Any, make_site: Any) -> None:
    site = make_site(CIMD_ASSERTION_AUDIENCES=ISSUER + "/token")
    owner = site.owner()
    holder = key_client(origin, site)
    for audience, status in ((ISSUER + "/token", 200), (ISSUER, 200), (ISSUER + "/par", 401)):
        assert owner.redeem(*owner.code(holder.client_id), **holder.proof(aud=audience)).status_code == status


# -- keys behind jwks_uri ---------------------------------------------------------------------------------------


def serve_keys(origin: Any, *holders: KeyHolder) -> str:
    body = json.dumps({"keys": [holder.jwk for holder in holders]}).encode()
    headers = {"Content-Type": "application/json", "Cache-Control": "max-age=60"}
    return str(origin.serve("/jwks.json", body, headers=headers))


def client_with_jwks_uri(origin: Any, site: ProviderSite, *holders: KeyHolder) -> None:
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks_uri=serve_keys(origin, *holders))


@proves("C-81", "C-106")
def test_a_client_rotates_its_keys_behind_jwks_uri(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    old = KeyHolder(origin.url("/client.json"), site.clock)
    new = KeyHolder(origin.url("/client.json"), site.clock, kid="two", number=1, alg="RS256")
    client_with_jwks_uri(origin, site, old)
    tokens = sign_in(owner, old)
    site.clock.forward(seconds=61)
    serve_keys(origin, old, new)
    tokens = owner.refresh(old.client_id, tokens["refresh_token"], **new.proof()).json()
    tokens = owner.refresh(old.client_id, tokens["refresh_token"], **old.proof()).json()
    site.clock.forward(seconds=61)
    serve_keys(origin, new)
    assert_not_authenticated(owner.refresh(old.client_id, tokens["refresh_token"], **old.proof()))
    assert owner.refresh(old.client_id, tokens["refresh_token"], **new.proof()).status_code == 200


@proves("C-81", "C-89", "L-10")
def test_keys_at_a_forbidden_address_authenticate_nobody(
    origin: Any, site: ProviderSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "keys.example", "10.0.0.5")
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://keys.example/jwks.json")
    asked, code = owner.code(holder.client_id)
    refused = owner.redeem(asked, code, **holder.proof())
    assert_not_authenticated(refused)
    assert "10.0.0.5" not in refused.text


@proves("C-64", "AT-93", "O-56")
def test_a_dead_host_asks_for_patience_and_keeps_the_session(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    client_with_jwks_uri(origin, site, holder)
    tokens = sign_in(owner, holder)
    for path in ("/client.json", "/jwks.json"):
        origin.serve(path, b"down", status=503)
    site.clock.forward(hours=2)
    tokens = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).json()
    site.clock.forward(days=2)
    refused = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof())
    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
    client_with_jwks_uri(origin, site, holder)
    assert owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).status_code == 200


@proves("L-32")
def test_a_client_that_is_gone_no_longer_authenticates(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = key_client(origin, site)
    tokens = sign_in(owner, holder)
    origin.serve("/client.json", b"", status=410)
    site.clock.forward(days=1)
    assert_not_authenticated(owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()))


@proves("C-64", "L-12")
def test_a_snapshot_stands_in_for_a_document_that_cannot_be_stored(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_keys(origin, holder, headers={"Cache-Control": "no-store"})
    tokens = sign_in(owner, holder)
    origin.serve("/client.json", b"down", status=503)
    tokens = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof()).json()
    site.clock.forward(hours=25)
    refused = owner.refresh(holder.client_id, tokens["refresh_token"], **holder.proof())
    assert refused.status_code == 503


TROUBLE: dict[str, tuple[int, bytes]] = {
    "down": (503, b"down"),
    "empty": (200, b""),
    "no-json": (200, b"{"),
    "another-client": (200, b'{"client_id": "https://other.example/c"}'),
    "redirect": (302, b""),
    "missing": (404, b""),
}


@proves("O-56")
@pytest.mark.parametrize("holds_key", [False, True], ids=["public", "key"])
def test_a_document_that_is_away_after_consent_is_never_an_error_of_ours(
    ca: trustme.CA, site: ProviderSite, holds_key: bool
) -> None:
    # The copy serves while it may; later a key holder is refused in OAuth's own words
    owner, outcomes = site.owner(), set()
    for trouble in (*TROUBLE, None):
        with contextlib.ExitStack() as stack:
            origin = stack.enter_context(TLSOrigin(ca))
            holder = key_client(origin, site) if holds_key else None
            client_id = holder.client_id if holder else publish_client(origin)
            asked, code = owner.code(client_id)
            if trouble is None:
                stack.close()  # nobody listens
            else:
                status, body = TROUBLE[trouble]
                origin.serve("/client.json", body, status=status, headers={"Content-Type": "application/json"})
            tokens = owner.redeem(asked, code, **(holder.proof() if holder else {}))
            assert tokens.status_code == 200, trouble
            site.clock.forward(days=3)
            late = owner.refresh(client_id, tokens.json()["refresh_token"], **(holder.proof() if holder else {}))
        assert late.headers["Cache-Control"] == "no-store"
        outcomes.add((late.status_code, late.json().get("error")))
    refusals = {(401, "invalid_client"), (503, "temporarily_unavailable")}
    assert outcomes == (refusals if holds_key else {(200, None)})


@proves("C-109", "O-56")
def test_a_public_clients_dead_host_stops_nothing(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    client_id = publish_client(origin)
    asked, code = owner.code(client_id)
    before = len(origin.requests)
    origin.forget("/client.json")
    tokens = owner.redeem(asked, code).json()
    site.clock.forward(days=30)
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200
    assert len(origin.requests) == before


# -- sessions that belong to a key ------------------------------------------------------------------------------


def bind(site: ProviderSite, holder: KeyHolder) -> None:
    """Let the newest session belong to this key, as those of AT Protocol clients do."""
    key = str(ClientKey(kid=holder.kid, alg=holder.alg, thumbprint=holder.key.thumbprint()))
    (kept,) = site.storage._grants.values()
    kept.grant = replace(kept.grant, client_key=key)


@proves("AT-69")
def test_a_bound_session_wants_the_key_that_began_it(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    first = KeyHolder(origin.url("/client.json"), site.clock)
    second = KeyHolder(origin.url("/client.json"), site.clock, kid="two", number=1)
    publish_keys(origin, first, second)
    tokens = sign_in(owner, first)
    bind(site, first)
    refused = owner.refresh(first.client_id, tokens["refresh_token"], **second.proof())
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert owner.refresh(first.client_id, tokens["refresh_token"], **first.proof()).status_code == 200


@proves("AT-70")
def test_a_bound_session_ends_when_its_key_is_withdrawn(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    first = KeyHolder(origin.url("/client.json"), site.clock)
    second = KeyHolder(origin.url("/client.json"), site.clock, kid="two", number=1)
    publish_keys(origin, first, second)
    tokens = sign_in(owner, first)
    bind(site, first)
    publish_keys(origin, second)
    site.clock.forward(days=1)
    refused = owner.refresh(first.client_id, tokens["refresh_token"], **second.proof())
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    publish_keys(origin, first)
    site.clock.forward(days=1)
    assert owner.refresh(first.client_id, tokens["refresh_token"], **first.proof()).json()["error"] == "invalid_grant"


@proves("C-106", "AT-66", "AT-69")
@pytest.mark.parametrize(("scope", "bound"), [("atproto profile", True), ("profile", False)])
def test_only_at_protocol_sessions_are_bound_to_a_key(origin: Any, site: ProviderSite, scope: str, bound: bool) -> None:
    # A missing exp is excused for them alone.
    holder = key_client(origin, site)
    here = site
    with site.app.test_request_context():
        grant = grant_for(here.cimd.resolve(holder.client_id), holder, scope, site)
        found = here.server.context.authenticator.check_grant({"client_id": holder.client_id, **holder.proof()}, grant)
        assert found.key is not None
        assert session_key(grant, found) == (str(found.key) if bound else None)
        old = {"client_id": holder.client_id, **holder.proof(exp=None, iat=far(timedelta(seconds=-59))(holder))}
        if bound:
            authentication = here.server.context.authenticator.check_grant(old, grant)
            assert authentication.expires_at == site.clock() + timedelta(seconds=1)
        else:
            with pytest.raises(ClientResolutionError):
                here.server.context.authenticator.check_grant(old, grant)
        for changes in ({"header": {"kid": None}}, {"iat": None}):
            form = {"client_id": holder.client_id, **holder.proof(**changes)}
            if bound:
                with pytest.raises(ClientResolutionError):
                    here.server.context.authenticator.check_grant(form, grant)
            else:
                assert here.server.context.authenticator.check_grant(form, grant).key is not None
        older = {"client_id": holder.client_id, **holder.proof(exp=None, iat=far(timedelta(seconds=-60))(holder))}
        with pytest.raises(ClientResolutionError):
            here.server.context.authenticator.check_grant(older, grant)


def grant_for(snapshot: ClientMetadata, holder: KeyHolder, scope: str, site: ProviderSite) -> Grant:
    return Grant(
        id="1", client_id=holder.client_id, client=snapshot, fingerprint="", subject="me", scope=scope, resource=(),
        redirect_uri="", access_lifetime=timedelta(minutes=5), created_at=site.clock(),
    )  # fmt: skip


@proves("C-77")
def test_a_request_without_a_grant_authenticates_against_the_document(origin: Any, site: ProviderSite) -> None:
    # What pushed requests use
    holder = key_client(origin, site)
    public = publish_client(origin, "/public.json")
    authenticator = site.server.context.authenticator
    with site.app.test_request_context():
        found = authenticator.check_client(holder.proof())
        assert (found.client.client_id, found.method, found.key.kid) == (holder.client_id, "private_key_jwt", "one")
        authenticator.spend(found)
        with pytest.raises(ClientResolutionError):
            authenticator.spend(found)
        assert authenticator.check_client({"client_id": public}).method == "none"
        for form in (
            {"client_id": holder.client_id},
            {"client_id": public, **KeyHolder(public, site.clock).proof()},
            {"client_id": public, **holder.proof()},
            {"client_id": "nobody"},
            {"client_id": holder.client_id, **holder.proof(key=make_key("ES256", 9))},
        ):
            with pytest.raises(ClientResolutionError):
                authenticator.check_client(form)
        with pytest.raises(InvalidRequestError):
            authenticator.check_client({})
