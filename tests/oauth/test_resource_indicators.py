"""The rules for resources and their scopes by themselves (RFC 8707)."""

from __future__ import annotations

import pytest

from flask_cimd.oauth import Resource
from flask_cimd.oauth.server.resource_indicators import (
    InvalidTargetError,
    check_resources,
    granted_resources,
    requested_scope,
)
from tests.support.grants import grant

ISSUER, ONE, OTHER = "https://me.example", "https://one.example/a", "https://other.example/b"
KNOWN = {name: Resource(identifier=name, name=name, scopes=()) for name in (ISSUER, ONE, OTHER)}


@pytest.mark.parametrize(
    "resource", ["relative", "/a", "https://one.example/a#f", "https://one.example/a#", "https://["]
)
def test_a_resource_is_an_absolute_uri_without_fragment_before_anything_is_looked_up(resource: str) -> None:
    asked: list[str] = []
    with pytest.raises(InvalidTargetError, match="absolute URI without a fragment"):
        check_resources([resource], lambda name: asked.append(name) or KNOWN[ONE])
    assert asked == []


def test_each_resource_is_known_and_counted_once() -> None:
    asked: list[str] = []
    assert check_resources([ONE, "", OTHER, ONE], lambda name: asked.append(name) or KNOWN[name]) == (ONE, OTHER)
    assert asked == [ONE, OTHER]
    assert check_resources([], KNOWN.get) == ()
    assert check_resources(["https://ONE.example/a", ONE], lambda _: KNOWN[ONE]) == (ONE,)  # as it is registered
    with pytest.raises(InvalidTargetError, match="issues no tokens for that resource"):
        check_resources([ONE, "https://unknown.example/"], KNOWN.get)


def test_a_token_is_for_resources_of_its_grant() -> None:
    both = grant(resource=(ONE, OTHER))
    assert granted_resources([], both, KNOWN.get, ISSUER) == (ONE, OTHER)
    assert granted_resources([OTHER], both, KNOWN.get, ISSUER) == (OTHER,)
    for other in (ISSUER, "https://unknown.example/"):
        with pytest.raises(InvalidTargetError):
            granted_resources([ONE, other], both, KNOWN.get, ISSUER)
    with pytest.raises(InvalidTargetError, match="not part of the authorization request"):
        granted_resources([OTHER], grant(resource=(ONE,)), KNOWN.get, ISSUER)


def test_a_grant_without_resource_is_for_the_issuer() -> None:
    assert granted_resources([ISSUER], grant(), KNOWN.get, ISSUER) == (ISSUER,)
    assert granted_resources([], grant(), KNOWN.get, ISSUER) == ()
    with pytest.raises(InvalidTargetError, match="not part of the authorization request"):
        granted_resources([ONE], grant(), KNOWN.get, ISSUER)


def test_a_scope_is_one_that_a_resource_defines_and_else_the_default() -> None:
    notes = Resource(identifier=ONE, name="One", scopes=("read", "write"), default_scope=("read",))
    photos = Resource(identifier=OTHER, name="Other", scopes=("look", "read"), default_scope=("look", "read"))
    assert requested_scope(["write", "other", "look", "write"], [notes, photos]) == ("write", "look")
    assert requested_scope(["other"], [notes, photos]) == ("read", "look")
    assert requested_scope([], [notes]) == ("read",)
    assert requested_scope(["read"], []) == ()
