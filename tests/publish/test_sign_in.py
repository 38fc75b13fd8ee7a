"""The session of an app at a real server over real TLS: it does what the app's document says."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError

from flask_cimd import ConfigurationError
from flask_cimd.publish import SessionEndedError, UnsupportedServerError
from flask_cimd.publish.document import LIFETIME
from tests.support.client_app import Pair
from tests.support.proves import proves

pytestmark = pytest.mark.broad


@proves("C-76", "C-78")
@pytest.mark.parametrize("alg", [None, "ES256", "RS256", "PS256", "EdDSA"])
def test_an_app_signs_in_refreshes_and_revokes(pair: Pair, alg: Any) -> None:
    if alg:
        pair.keys.create(alg)
    session = pair.session(pair.publish("/client.json", keys=pair.keys if alg else False))
    url, remembered = session.begin()
    token = session.finish(remembered, pair.approve(url))
    assert token["scope"] == "profile"
    assert token["token_type"] == "Bearer"
    assert session.get(f"{pair.issuer}/userinfo").json()["name"] == "The owner"
    renewed = session.refresh_token()
    assert renewed["access_token"] != token["access_token"]
    assert session.revoke_token().status_code == 200
    with pytest.raises(SessionEndedError) as caught:
        session.refresh_token()
    assert caught.value.error == "invalid_grant"


@pytest.mark.parametrize("keys", [False, True])
def test_a_bound_session_proves_its_key_at_every_endpoint_and_resource(pair: Pair, keys: bool) -> None:
    client = pair.publish(
        "/client.json",
        keys=pair.keys if keys else False,
        dpop_bound_access_tokens=True,
        require_pushed_authorization_requests=True,
    )
    session = pair.session(client)
    url, remembered = session.begin()
    assert parse_qs(urlsplit(url).query).keys() == {"client_id", "request_uri"}
    token = session.finish(remembered, pair.approve(url))
    assert token["token_type"] == "DPoP"
    assert token["dpop_key"]["d"]
    assert session.get(f"{pair.issuer}/userinfo").json()["name"] == "The owner"
    renewed = session.refresh_token()
    assert renewed["dpop_key"] == token["dpop_key"]

    kept = pair.session(client, token=renewed)
    assert kept.get(f"{pair.issuer}/userinfo").status_code == 200
    without_key = {name: value for name, value in renewed.items() if name != "dpop_key"}
    with pytest.raises(ValueError, match="bound to a key"):
        pair.session(client, token=without_key).get(f"{pair.issuer}/userinfo")
    assert kept.revoke_token().status_code == 200


def test_a_stale_nonce_costs_one_repetition(pair: Pair) -> None:
    session = pair.sign_in(pair.publish("/client.json", dpop_bound_access_tokens=True))
    pair.clock.forward(minutes=10)
    stale = session.nonces.get(pair.issuer)
    answer = session.get(f"{pair.issuer}/userinfo")
    assert (answer.status_code, stale != session.nonces.get(pair.issuer)) == (200, True)


@proves("C-106")
def test_sessions_outlive_a_rotation(pair: Pair) -> None:
    session = pair.sign_in(pair.publish("/client.json", keys=pair.keys))
    (old,) = pair.keys.entries()
    pair.keys.create()
    pair.clock.forward(seconds=LIFETIME.total_seconds())
    session.refresh_token()
    pair.keys.retire(old.kid)
    pair.clock.forward(seconds=LIFETIME.total_seconds())
    assert session.refresh_token()["access_token"]


def test_an_answer_of_another_server_is_refused(pair: Pair) -> None:
    # RFC 9207 §2.4
    session = pair.session(pair.publish("/client.json"))
    url, remembered = session.begin()
    answer = pair.approve(url)
    forged = answer.replace("iss=https%3A%2F%2Flocalhost", "iss=https%3A%2F%2Fevil.example")
    assert forged != answer
    for wrong, error in (
        (forged, "invalid_issuer"),
        (answer.partition("&iss=")[0], "invalid_issuer"),
        (answer.replace("state=", "state=x"), "invalid_state"),
        (answer + "&code=other", "invalid_response"),
        (answer + "&x=" + "x" * 8192, "invalid_response"),
        (answer.replace("code=", "kode="), "missing_code"),
    ):
        with pytest.raises(OAuthError) as caught:
            session.finish(remembered, wrong)
        assert caught.value.error == error
    assert session.finish(remembered, answer)["access_token"]


def test_a_server_that_changes_its_issuer_meanwhile_gets_no_code(pair: Pair) -> None:
    client = pair.publish("/client.json")
    url, remembered = pair.session(client).begin()
    answer = pair.approve(url)
    other = {**client.discover(pair.issuer), "issuer": "https://evil.example"}
    with pytest.raises(OAuthError) as caught:
        client.session(other).finish(remembered, answer)
    assert caught.value.error == "invalid_issuer"
    assert pair.session(client).finish(remembered, answer)["access_token"]


def test_a_no_is_told_as_the_server_says_it(pair: Pair) -> None:
    session = pair.session(pair.publish("/client.json"))
    url, remembered = session.begin()
    with pytest.raises(OAuthError) as caught:
        session.finish(remembered, pair.decide(url, "Deny"))
    assert caught.value.error == "access_denied"


@proves("C-83", "C-121")
def test_the_session_negotiates_how_it_authenticates(pair: Pair) -> None:
    server = pair.publish("/none.json").discover(pair.issuer)
    both = pair.publish(
        "/both.json",
        keys=pair.keys,
        jwks_path="/both-jwks.json",
        token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
    )
    only = pair.publish("/only.json", keys=pair.keys, jwks_path="/only-jwks.json")

    def method(client: Any, **changes: Any) -> str:
        return str(client.session({**server, **changes}).credentials.method)

    public = {"token_endpoint_auth_methods_supported": ["none"]}
    other_alg = {"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}
    assert both.document()["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "none"]
    assert method(both) == "private_key_jwt"
    assert method(both, **public) == "none"
    assert method(both, **other_alg) == "none"
    for changes in (public, other_alg, {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}):
        with pytest.raises(UnsupportedServerError) as caught:
            method(only, **changes)
        assert caught.value.slug == "auth-method"


def test_a_promise_to_push_is_kept_or_no_request_is_made(pair: Pair) -> None:
    client = pair.publish("/client.json", require_pushed_authorization_requests=True)
    server = {name: value for name, value in client.discover(pair.issuer).items() if "pushed" not in name}
    with pytest.raises(UnsupportedServerError) as caught:
        client.session(server).begin()
    assert caught.value.slug == "pushed-requests"


@pytest.mark.parametrize(
    ("options", "member"),
    [
        ({"require_signed_request_object": True}, "/require_signed_request_object"),
        ({"tls_client_certificate_bound_access_tokens": True}, "/tls_client_certificate_bound_access_tokens"),
        ({"authorization_signed_response_alg": "ES256"}, "/authorization_signed_response_alg"),
        ({"response_types": ["token"]}, "/response_types"),
        ({"grant_types": ["client_credentials"]}, "/grant_types"),
        ({"token_endpoint_auth_signing_alg": "ES256"}, "/token_endpoint_auth_signing_alg"),
        (
            {"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]},
            "/token_endpoint_auth_methods_supported",
        ),
    ],
)
def test_what_no_session_can_keep_is_no_promise_of_the_document(
    pair: Pair, options: dict[str, Any], member: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{member}\w* not-kept"):
        pair.publish("/client.json", **options)
