"""The DPoP key of a grant: who needs a proof, who may change the key, and what a thumbprint looks like."""

from __future__ import annotations

from typing import Any

import pytest
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError

from flask_cimd.core.proof import Proof
from flask_cimd.oauth.client import URLClient
from flask_cimd.oauth.dpop import InvalidProofError
from flask_cimd.oauth.server.assertion import ClientKey
from flask_cimd.oauth.server.binding import bound_key, check_thumbprint, require_other_key
from tests.support.grants import NOW, grant, metadata
from tests.support.own_client import OwnClient

ONE, OTHER = "1" * 43, "2" * 43


def proof_of(thumbprint: str) -> Proof:
    return Proof(thumbprint=thumbprint, jti="1", nonce=None, expires_at=NOW)


@pytest.mark.parametrize(
    ("members", "client"),
    [
        ({"dpop_jkt": ONE}, OwnClient("own")),
        ({"scope": "atproto profile"}, OwnClient("own")),
        ({}, URLClient(metadata(dpop_bound_access_tokens=True))),
    ],
    ids=["bound", "atproto", "document"],
)
@pytest.mark.parametrize("is_refresh", [False, True])
def test_a_proof_is_needed_for_each_reason_alone(members: dict[str, Any], client: Any, is_refresh: bool) -> None:
    with pytest.raises(InvalidProofError, match="needs a DPoP proof"):
        bound_key(grant(**members), client, None, is_refresh=is_refresh)
    assert bound_key(grant(**members), client, proof_of(ONE), is_refresh=is_refresh) == ONE


@pytest.mark.parametrize("client", [OwnClient("own"), URLClient(metadata())], ids=["registered", "url"])
def test_without_a_reason_the_tokens_are_bearer_tokens(client: Any) -> None:
    assert bound_key(grant(), client, None, is_refresh=False) is None
    assert bound_key(grant(), client, None, is_refresh=True) is None


@pytest.mark.parametrize(
    ("members", "is_refresh", "may_change"),
    [
        ({"auth_method": "private_key_jwt"}, True, True),
        ({"auth_method": "private_key_jwt"}, False, False),  # a code stays with the key that it was asked for with
        ({"auth_method": "none"}, True, False),
        ({"auth_method": "private_key_jwt", "scope": "atproto"}, True, False),
        ({"auth_method": "none"}, False, False),
    ],
)
def test_the_key_changes_only_with_a_refresh_token_of_a_client_that_authenticates(
    members: dict[str, Any], is_refresh: bool, may_change: bool
) -> None:
    bound = grant(dpop_jkt=ONE, **members)
    assert bound_key(bound, OwnClient("own"), proof_of(ONE), is_refresh=is_refresh) == ONE
    if may_change:
        assert bound_key(bound, OwnClient("own"), proof_of(OTHER), is_refresh=is_refresh) == OTHER
    else:
        with pytest.raises(InvalidGrantError, match="another DPoP key"):
            bound_key(bound, OwnClient("own"), proof_of(OTHER), is_refresh=is_refresh)


def test_the_key_of_assertions_makes_no_proofs() -> None:
    key = ClientKey(kid="one", alg="ES256", thumbprint=ONE)
    with pytest.raises(InvalidProofError, match="must not be the key"):
        require_other_key(proof_of(ONE), key)
    require_other_key(proof_of(OTHER), key)
    require_other_key(None, key)
    require_other_key(proof_of(ONE), None)


def test_a_thumbprint_has_43_characters_of_base64url() -> None:
    good = "A-_0" * 10 + "xyz"
    assert check_thumbprint(good) == good
    for nothing in (None, ""):
        assert check_thumbprint(nothing) is None
    for bad in (good[1:], good + "A", good + "\n", "+" + good[1:], "=" + good[1:]):
        with pytest.raises(InvalidRequestError, match="dpop_jkt must be"):
            check_thumbprint(bad)
