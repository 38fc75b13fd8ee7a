"""Key sets: public signature keys and nothing else. Most cases are in ``tests/vectors/documents.json``."""

from typing import Any

import pytest

from flask_cimd.core.keys import PRIVATE_MEMBERS, check_jwks
from tests.support.proves import proves

EC = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}


@proves("C-46")
def test_usable_keys_are_returned_as_they_were_published() -> None:
    keys = [{**EC, "kid": "1", "alg": "ES256", "use": "sig", "x5c": ["x"]}, {"kty": "RSA", "n": "AA", "e": "AQAB"}]
    assert check_jwks({"keys": keys, "other": 1}, "/jwks") == (keys, [])


@proves("C-46", "C-83")
@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "EC"},
        {"kty": "EC", "crv": "P-256", "x": "AA"},
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": None},
        {"kty": ["EC"]},
        {"kty": {"EC": 1}},
        {**EC, "use": "enc"},
    ],
)
def test_a_key_that_cannot_verify_is_skipped(key: dict[str, Any]) -> None:
    # New kinds of key must not shut out servers that do not know them
    assert check_jwks({"keys": [key, EC]}, "/jwks") == ([EC], [])


@proves("C-46", "C-81")
@pytest.mark.parametrize("member", sorted(PRIVATE_MEMBERS))
@pytest.mark.parametrize("kty", ["EC", "RSA", "OKP", "oct", "unknown", None])
def test_private_material_of_any_kind_rules_the_set_out(member: str, kty: str | None) -> None:
    usable, problems = check_jwks({"keys": [EC, {"kty": kty, member: "SECRET"}]}, "")
    assert usable == [EC]
    assert [problem.pointer for problem in problems] == ["/keys/1"]
    assert problems[0].rule in {"private-key", "symmetric-key"}
    assert "SECRET" not in problems[0].message


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"keys": None}, {"keys": {}}, {"keys": "x"}, [EC]])
def test_what_is_no_key_set_is_one_problem(value: object) -> None:
    usable, problems = check_jwks(value, "/jwks")
    assert (usable, [problem.rule for problem in problems]) == ([], ["not-a-jwks"])
