"""The key that new tokens are bound to, asked by itself: who needs a proof, and who may come with another key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError

from flask_cimd.core.proof import Proof
from flask_cimd.oauth.server.atproto import limited_access
from flask_cimd.oauth.server.binding import bound_key, check_thumbprint
from flask_cimd.testing._steps import NOW, make_grant


class Registered:
    """A row of the app's own table: no document says ``dpop_bound_access_tokens``."""

    def get_client_id(self) -> str:
        return "my-own-app"


def proof(thumbprint: str) -> Proof:
    return Proof(thumbprint=thumbprint, jti="j", nonce="n", expires_at=NOW + timedelta(minutes=1))


@pytest.mark.parametrize("is_refresh", [False, True])
def test_the_scope_atproto_alone_asks_for_a_proof(is_refresh: bool) -> None:
    with pytest.raises(OAuth2Error) as caught:
        bound_key(make_grant(scope="atproto"), Registered(), None, is_refresh=is_refresh)
    assert caught.value.error == "invalid_dpop_proof"
    assert bound_key(make_grant(scope="profile"), Registered(), None, is_refresh=is_refresh) is None


def test_a_key_holding_client_changes_its_dpop_key_with_a_refresh_token_and_never_with_a_code() -> None:
    # RFC 9449 §10: a code that is bound to a key by dpop_jkt or a pushed request is redeemed with that key alone.
    grant = make_grant(scope="profile", auth_method="private_key_jwt", dpop_jkt="first")
    assert bound_key(grant, Registered(), proof("second"), is_refresh=True) == "second"
    assert bound_key(grant, Registered(), proof("first"), is_refresh=False) == "first"
    with pytest.raises(OAuth2Error) as caught:
        bound_key(grant, Registered(), proof("second"), is_refresh=False)
    assert caught.value.error == "invalid_grant"


@pytest.mark.parametrize(("method", "scope"), [("none", "profile"), ("private_key_jwt", "atproto")])
def test_no_other_session_changes_its_dpop_key(method: str, scope: str) -> None:
    grant = make_grant(scope=scope, auth_method=method, dpop_jkt="first")
    with pytest.raises(OAuth2Error) as caught:
        bound_key(grant, Registered(), proof("second"), is_refresh=True)
    assert caught.value.error == "invalid_grant"


@pytest.mark.parametrize(("scope", "minutes"), [("atproto", 15), ("profile atproto", 15), ("profile", 60), ("", 60)])
def test_the_scope_atproto_alone_shortens_an_access_token(scope: str, minutes: int) -> None:
    assert limited_access(scope, timedelta(minutes=60)) == timedelta(minutes=minutes)
    assert limited_access(scope, timedelta(minutes=5)) == timedelta(minutes=5)


def test_a_thumbprint_has_43_characters_of_base64url() -> None:
    good = "A-_0" * 10 + "xyz"
    assert check_thumbprint(good) == good
    for nothing in (None, ""):
        assert check_thumbprint(nothing) is None
    for bad in (good[1:], good + "A", good + "\n", "+" + good[1:], "=" + good[1:]):
        with pytest.raises(InvalidRequestError, match="dpop_jkt must be"):
            check_thumbprint(bad)
