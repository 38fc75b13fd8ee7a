"""`DPoP` by itself, outside any server: which proof it takes, and what it tells a client whose proof it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from authlib.oauth2 import OAuth2Error
from flask import Flask
from joserfc.jwk import RSAKey
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flask_cimd.oauth import DPoP, MemoryReplayCache
from tests.support.clock import Clock
from tests.support.dpop import ProofKey, token_hash

ORIGIN = "https://me.example"


class Reader:
    """A `DPoP` and a client of it."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        usual = {"replay_cache": MemoryReplayCache(), "origin": ORIGIN, "clock": self.clock}
        self.dpop = DPoP(**{**usual, **options})
        self.key = ProofKey()

    @property
    def nonce(self) -> str:
        return self.dpop.nonce_header()["DPoP-Nonce"]

    def proof(
        self, url: str = f"{ORIGIN}/token", *, method: str = "POST", key: ProofKey | None = None, **c: Any
    ) -> str:
        return (key or self.key).proof(method, url, self.clock(), **{"nonce": self.nonce, **c})

    def read(self, field: str | None, access_token: str | None = None, **environ: Any) -> Any:
        headers = {} if field is None else {"DPoP": field}
        usual = {"method": "POST", "path": "/token", "base_url": "http://10.0.0.7:8000/"}
        built = EnvironBuilder(**{**usual, **environ}, headers=headers)
        return self.dpop.read(Request(built.get_environ()), access_token)

    def refused(self, field: str, access_token: str | None = None, **environ: Any) -> OAuth2Error:
        with pytest.raises(OAuth2Error) as caught:
            self.read(field, access_token, **environ)
        return caught.value


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_a_request_without_a_proof_has_none_and_an_empty_one_is_invalid(reader: Reader) -> None:
    assert reader.read(None) is None
    assert reader.refused("").error == "invalid_dpop_proof"


@pytest.mark.parametrize("origin", [ORIGIN, f"{ORIGIN}/", f"{ORIGIN}/issuer/one"])
def test_a_proof_names_the_configured_origin_and_not_the_host_header(origin: str) -> None:
    reader = Reader(origin=origin)
    assert reader.read(reader.proof()).thumbprint == reader.key.thumbprint
    assert reader.refused(reader.proof("http://10.0.0.7:8000/token")).error == "invalid_dpop_proof"


def test_a_proof_names_the_path_that_the_client_sees(reader: Reader) -> None:
    mounted = {"base_url": "http://10.0.0.7:8000/app"}
    assert reader.read(reader.proof(f"{ORIGIN}/app/token"), **mounted)
    assert reader.refused(reader.proof(f"{ORIGIN}/token"), **mounted).error == "invalid_dpop_proof"
    assert reader.read(reader.proof(f"{ORIGIN}/a%20b"), path="/a b")


def test_a_proof_is_for_one_method(reader: Reader) -> None:
    assert reader.read(reader.proof(method="GET"), method="GET")
    assert reader.refused(reader.proof(), method="GET").error == "invalid_dpop_proof"


def test_a_proof_is_for_the_token_beside_it(reader: Reader) -> None:
    assert reader.read(reader.proof(ath=token_hash("t")), "t")
    assert reader.refused(reader.proof(ath=token_hash("other")), "t").error == "invalid_dpop_proof"
    assert reader.refused(reader.proof(), "t").error == "invalid_dpop_proof"


def test_the_advertised_algorithms_are_the_only_ones() -> None:
    key = ProofKey(RSAKey.generate_key(2048), "RS256")
    only, more = Reader(), Reader(algorithms=("ES256", "RS256"))
    assert only.refused(only.proof(key=key)).error == "invalid_dpop_proof"
    assert more.read(more.proof(key=key))


@pytest.mark.parametrize("nonce", [None, "nonsense"])
def test_a_refusal_for_the_nonce_brings_the_nonce(reader: Reader, nonce: str | None) -> None:
    error = reader.refused(reader.proof(nonce=nonce))
    assert error.error == "use_dpop_nonce"
    assert ("DPoP-Nonce", reader.nonce) in error.get_headers()


def test_every_other_refusal_brings_the_nonce_too(reader: Reader) -> None:
    proof = reader.proof()
    assert reader.read(proof)
    for field in (proof, reader.proof(htm="PUT")):
        error = reader.refused(field)
        assert error.error == "invalid_dpop_proof"
        assert ("DPoP-Nonce", reader.nonce) in error.get_headers()


def test_a_proof_is_remembered_by_key_and_name_until_its_age_refuses_it(reader: Reader) -> None:
    first = reader.proof(jti="1")
    assert reader.read(first)
    assert reader.read(reader.proof(jti="2"))
    assert reader.read(reader.proof(jti="1", key=ProofKey()))
    reader.clock.forward(minutes=2, seconds=59)
    assert "used before" in reader.refused(first).description


# -- the key of the nonces -----------------------------------------------------------------------------------------


def test_servers_with_one_key_issue_the_same_nonces() -> None:
    one, other = Reader(secret_key="k"), Reader(secret_key=b"k")
    assert one.nonce == other.nonce != Reader(secret_key="l").nonce
    assert one.read(other.proof())


def test_without_a_key_the_nonces_are_those_of_the_app() -> None:
    app, same = Flask("one"), Flask("two")
    app.secret_key = same.secret_key = "key of the app"
    one, other, own = Reader(), Reader(), Reader(secret_key="own")
    with app.app_context():
        of_app, of_own = one.nonce, own.nonce
    with same.app_context():
        assert (other.nonce, own.nonce) == (of_app, of_own)
    assert own.nonce == of_own != of_app


def test_without_an_app_or_a_secret_key_the_nonces_are_random() -> None:
    one, other, app = Reader(), Reader(), Flask("one")
    outside = one.nonce
    assert outside == one.nonce != other.nonce
    with app.app_context():
        assert one.nonce == outside
