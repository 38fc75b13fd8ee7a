"""DPoP proofs: every rule of RFC 9449 §4.3 that needs no memory, one fault each (O-94, AT-53)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from flask_cimd.core.nonce import Nonces
from flask_cimd.core.proof import ProofError, check_proof, normal_url
from tests.support.dpop import ProofKey, token_hash
from tests.support.proves import proves

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
URL = "https://as.example.com/token"
KEY = ProofKey()
OTHER = ProofKey()


def check(text: str, **changes: Any) -> Any:
    return check_proof(text, **{"method": "POST", "url": URL, "now": NOW, **changes})


def proof(**changes: Any) -> str:
    return KEY.proof("POST", URL, NOW, **changes)


def test_returns_what_the_proof_binds_to() -> None:
    found = check(proof(nonce="n-1", jti="8mmog19q17"))

    assert (found.thumbprint, found.jti, found.nonce) == (KEY.thumbprint, "8mmog19q17", "n-1")
    assert found.expires_at == NOW + timedelta(minutes=3)


def foreign_signature() -> str:
    """Return a proof whose header shows our key and whose signature another one made."""
    head, claims, _ = proof().split(".")
    return f"{head}.{claims}.{OTHER.proof('POST', URL, NOW).rpartition('.')[2]}"


def unsigned() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": KEY.public}).encode())
    return f"{head.decode().rstrip('=')}.{proof().split('.')[1]}."


def symmetric() -> str:
    secret = OctKey.import_key("a-secret-that-both-sides-know-now")
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": secret.as_dict()}
    return jws.serialize_compact(header, b"{}", secret, algorithms=["HS256"])


def not_advertised() -> str:
    key = RSAKey.generate_key(2048)
    header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, b"{}", key, algorithms=["RS256"], registry=_Long(algorithms=["RS256"]))


def claims_without_names() -> str:
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.public}
    return jws.serialize_compact(header, b"[1]", KEY.key, registry=_Long(algorithms=["ES256"]))


class _Long(jws.JWSRegistry):
    max_header_length = 4096


FAULTS: dict[str, tuple[Callable[[], str], str]] = {
    "typ-jwt": (lambda: proof(header={"typ": "JWT"}), "bad-type"),
    "typ-missing": (lambda: proof(header={"typ": None}), "bad-type"),
    "alg-none": (unsigned, "bad-algorithm"),
    "alg-symmetric": (symmetric, "bad-algorithm"),
    "alg-not-advertised": (not_advertised, "bad-algorithm"),
    "jwk-missing": (lambda: proof(header={"jwk": None}), "no-key"),
    "jwk-no-object": (lambda: proof(header={"jwk": "key"}), "no-key"),
    "jwk-private": (lambda: proof(header={"jwk": KEY.key.as_dict(private=True)}), "private-key"),
    "jwk-symmetric": (lambda: proof(header={"jwk": {"kty": "oct"}}), "no-key"),
    "jwk-unknown-type": (lambda: proof(header={"jwk": {"kty": ["EC"]}}), "no-key"),
    "jwk-off-the-curve": (lambda: proof(header={"jwk": {**KEY.public, "x": KEY.public["y"]}}), "bad-signature"),
    "jwk-incomplete": (lambda: proof(header={"jwk": {"kty": "EC", "crv": "P-256"}}), "bad-signature"),
    "jwk-other": (lambda: proof(header={"jwk": OTHER.public}), "bad-signature"),
    "signature-of-another-key": (foreign_signature, "bad-signature"),
    "crit-unknown": (lambda: proof(header={"crit": ["foo"], "foo": 1}), "bad-signature"),
    "htm-other": (lambda: proof(htm="GET"), "other-method"),
    "htm-lower-case": (lambda: proof(htm="post"), "other-method"),
    "htm-missing": (lambda: proof(htm=None), "other-method"),
    "htu-missing": (lambda: proof(htu=None), "other-url"),
    "htu-path": (lambda: proof(htu="https://as.example.com/par"), "other-url"),
    "htu-origin": (lambda: proof(htu="https://as.example.org/token"), "other-url"),
    "htu-http": (lambda: proof(htu="http://as.example.com/token"), "other-url"),
    "htu-query-of-another-url": (lambda: proof(htu=f"https://as.example.com/par?{URL}"), "other-url"),
    "htu-port": (lambda: proof(htu="https://as.example.com:8443/token"), "other-url"),
    "htu-user": (lambda: proof(htu="https://as.example.com@evil.example/token"), "other-url"),
    "htu-relative": (lambda: proof(htu="/token"), "other-url"),
    "iat-old": (lambda: proof(iat=NOW.timestamp() - 3600), "bad-time"),
    "iat-future": (lambda: proof(iat=NOW.timestamp() + 3600), "bad-time"),
    "iat-missing": (lambda: proof(iat=None), "bad-time"),
    "iat-text": (lambda: proof(iat="1795482951"), "bad-time"),
    "iat-true": (lambda: proof(iat=True), "bad-time"),
    "iat-huge": (lambda: proof(iat=10**90), "bad-time"),
    "iat-hugely-negative": (lambda: proof(iat=-(10**90)), "bad-time"),
    "jti-missing": (lambda: proof(jti=None), "bad-jti"),
    "jti-number": (lambda: proof(jti=7), "bad-jti"),
    "jti-empty": (lambda: proof(jti=""), "bad-jti"),
    "nonce-number": (lambda: proof(nonce=7), "bad-nonce"),
    "two-proofs": (lambda: f"{proof()},{proof()}", "several-proofs"),
    "empty": (lambda: "", "not-a-jwt"),
    "no-jwt": (lambda: "nonsense", "not-a-jwt"),
    "two-parts": (lambda: proof().rpartition(".")[0], "not-a-jwt"),
    "five-parts": (lambda: f"{proof()}.a.b", "not-a-jwt"),
    "no-ascii": (lambda: "ä.ö.ü", "not-a-jwt"),
    "header-no-json": (lambda: "e30x.e30.AAAA", "not-a-jwt"),
    "header-no-base64": (lambda: "e3*.e30.AAAA", "not-a-jwt"),
    "header-cut-off": (lambda: "e30xx.e30.AAAA", "not-a-jwt"),
    "claims-no-object": (claims_without_names, "not-a-jwt"),
    "too-long": (lambda: proof(padding="x" * 9000), "not-a-jwt"),
}


@proves("AT-53", "AT-54", "AT-55", "O-94")
@pytest.mark.parametrize(("make", "rule"), FAULTS.values(), ids=FAULTS.keys())
def test_refuses_one_fault(make: Callable[[], str], rule: str) -> None:
    with pytest.raises(ProofError) as caught:
        check(make())

    assert caught.value.rule == rule
    assert caught.value.message.isascii()
    assert '"' not in caught.value.message


@proves("AT-55")
@pytest.mark.parametrize("seconds", [-170, -60, 60, 170])
def test_takes_clocks_that_drift(seconds: int) -> None:
    assert check(proof(iat=NOW.timestamp() + seconds))


@proves("AT-55")
def test_true_is_no_time_even_where_it_would_be_one_second() -> None:
    with pytest.raises(ProofError) as caught:
        check(proof(iat=True), now=datetime.fromtimestamp(1, UTC))

    assert caught.value.rule == "bad-time"


@proves("AT-53")
def test_takes_extra_members(  # the browser and Go clients send them
) -> None:
    assert check(proof(header={"kid": "k", "unheard-of": "x"}, exp=1, iss="https://app.example"))


@proves("AT-54")
@pytest.mark.parametrize(
    ("htu", "url"),
    [
        ("https://AS.example.com:443/token", URL),
        ("HTTPS://as.example.com/token", URL),
        ("https://as.example.com/%74oken", URL),
        (URL, f"{URL}?query=ignored"),
        ("https://as.example.com", "https://as.example.com/"),
        ("https://as.example.com/a%2fb", "https://as.example.com/a%2Fb"),
        ("http://[::1]:80/token", "http://[::1]/token"),
    ],
)
def test_compares_urls_after_normalisation(htu: str, url: str) -> None:  # RFC 9449 §4.3
    assert check(proof(htu=htu), url=url)


@pytest.mark.parametrize("ath", [None, "", "wrong", 7, token_hash("another")])
def test_refuses_another_token_hash(ath: object) -> None:
    with pytest.raises(ProofError) as caught:
        check(proof(ath=ath), access_token="the-token")

    assert caught.value.rule == "other-token"


def test_takes_the_hash_of_the_token() -> None:
    assert check(proof(ath=token_hash("the-token")), access_token="the-token")


def test_takes_other_algorithms_when_they_are_advertised() -> None:
    key = ProofKey(ECKey.generate_key("P-384"), "ES384")

    assert check(key.proof("POST", URL, NOW), algorithms=("ES256", "ES384")).thumbprint == key.thumbprint


@given(st.text(max_size=200))
def test_never_fails_on_text(text: str) -> None:
    with pytest.raises(ProofError):
        check(text)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normal_url("https://as.example.com/" + text)

    assert once is None or normal_url(once) == once


# -- nonces ------------------------------------------------------------------------------------------------------------


@proves("AT-61")
def test_the_nonce_just_handed_out_is_accepted_for_minutes() -> None:
    nonces = Nonces(b"key")

    made = nonces.current(NOW)

    assert all(nonces.accepts(made, NOW + timedelta(seconds=s)) for s in (0, 30, 90, 120))
    assert nonces.accepts(made, NOW - timedelta(seconds=20))


@proves("AT-57")
def test_nonces_rotate_and_end() -> None:  # "at most 5 min old"
    nonces = Nonces(b"key")

    made = nonces.current(NOW)

    assert made != nonces.current(NOW + timedelta(seconds=61))
    assert not nonces.accepts(made, NOW + timedelta(minutes=4))
    assert not nonces.accepts(made, NOW + timedelta(minutes=6))


@pytest.mark.parametrize("foreign", ["", "nonsense", "ä", "\ud800", Nonces(b"other key").current(NOW)])
def test_foreign_nonces_are_not_ours(foreign: str) -> None:
    assert not Nonces(b"key").accepts(foreign, NOW)


@proves("AT-60")
def test_workers_with_one_key_accept_each_others_nonces() -> None:
    assert Nonces(b"key").accepts(Nonces(b"key").current(NOW), NOW)


@proves("O-94")
@pytest.mark.parametrize("htu", [f"{URL}?a=b", f"{URL}#a", f"{URL}?a=b#c", f"{URL}?", f"{URL}#"])
def test_query_and_fragment_of_the_htu_do_not_count(htu: str) -> None:
    assert check(proof(htu=htu)).jti


def test_any_public_url_of_the_request_counts() -> None:
    public = "https://as.example.com/base/token"
    assert check(proof(htu=public), other_urls=[public]).jti
    with pytest.raises(ProofError, match="other-url"):
        check(proof(htu=public), other_urls=[public + "/x"])
