"""The rules of AT Protocol OAuth by themselves: documents, scopes, and how long sessions and tokens live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from werkzeug.datastructures import MultiDict

from flask_cimd.oauth.client import RegisteredClient, URLClient
from flask_cimd.oauth.server.atproto import (
    check_listed,
    check_profile,
    limited_access,
    possible_scope,
    refresh_end,
)
from tests.support.grants import NOW, grant, metadata
from tests.support.own_client import OwnClient
from tests.support.provider_app import ProviderSite

DAYS = timedelta(days=1)


@pytest.mark.parametrize("source", ["page", "unread", "loopback", "registered"])
def test_a_client_of_the_profile_publishes_a_document(source: str) -> None:
    client = (RegisteredClient if source == "registered" else URLClient)(metadata(source=source))
    with pytest.raises(OAuth2Error, match="must publish a JSON document") as caught:
        check_profile(client)
    assert caught.value.error == "invalid_client_metadata"


@pytest.mark.parametrize("source", ["document", "virtual"])
def test_a_document_and_a_developers_client_follow_the_profile(source: str) -> None:
    check_profile(URLClient(metadata(source=source)))


def test_every_broken_rule_is_named_with_its_place() -> None:
    problems = (("/scope", "atproto-scope", "scope must contain atproto"), ("", "atproto-media-type", "not JSON"))
    with pytest.raises(OAuth2Error) as caught:
        check_profile(URLClient(metadata(atproto_problems=problems)))
    assert caught.value.error == "invalid_client_metadata"
    assert caught.value.description == "/scope scope must contain atproto; / not JSON"


@pytest.mark.parametrize(
    ("listed", "asked"), [("atproto profile", "profile email"), ("atproto", "profile"), (None, "x")]
)
def test_only_listed_scopes_may_be_asked_for(listed: str | None, asked: str) -> None:
    client = URLClient(metadata(scope=listed))
    with pytest.raises(InvalidScopeError, match="not in the client's document"):
        check_listed(client, f"atproto {asked}" if listed else asked)


def test_clients_without_a_document_list_nothing() -> None:
    check_listed(OwnClient("own"), "atproto email")
    check_listed(URLClient(metadata(scope="atproto profile email")), "email atproto")


@pytest.mark.parametrize(
    ("members", "age", "idle", "absolute", "expected"),
    [
        # Ordinary grants: whichever of the server's own limits comes first.
        ({}, 0 * DAYS, 30 * DAYS, 365 * DAYS, 30 * DAYS),
        ({}, 350 * DAYS, 30 * DAYS, 365 * DAYS, 365 * DAYS),
        ({"auth_method": "private_key_jwt"}, 350 * DAYS, 30 * DAYS, 365 * DAYS, 365 * DAYS),
        # Public clients of the profile: two weeks in all.
        ({"scope": "atproto"}, 0 * DAYS, 30 * DAYS, 365 * DAYS, 14 * DAYS),
        ({"scope": "atproto"}, 10 * DAYS, 30 * DAYS, 365 * DAYS, 14 * DAYS),
        ({"scope": "atproto"}, 3 * DAYS, 7 * DAYS, 365 * DAYS, 10 * DAYS),
        # Clients of the profile that authenticate: as long as they come back.
        ({"scope": "atproto", "auth_method": "private_key_jwt"}, 400 * DAYS, 30 * DAYS, 365 * DAYS, 580 * DAYS),
    ],
)
def test_a_refresh_token_ends(
    members: dict[str, Any], age: timedelta, idle: timedelta, absolute: timedelta, expected: timedelta
) -> None:
    assert refresh_end(grant(**members), NOW + age, idle, absolute) == NOW + expected


@pytest.mark.parametrize(
    ("scope", "wanted", "granted"),
    [("atproto", 16, 15), ("profile atproto", 16, 15), ("atproto", 15, 15), ("atproto", 5, 5), ("profile", 60, 60)],
)
def test_access_of_the_profile_lasts_for_fifteen_minutes_at_most(scope: str, wanted: int, granted: int) -> None:
    assert limited_access(scope, timedelta(minutes=wanted)) == timedelta(minutes=granted)


# -- requests that name every scope ------------------------------------------------------------------------------------

BOTH = "atproto profile"
SAYS_SO = URLClient(metadata(scope=BOTH))
ORDINARY = URLClient(metadata(scope="profile"))


def possible(site: ProviderSite, client: Any, scope: str = BOTH, *, proves_key: bool = False, **more: Any) -> str:
    values = MultiDict({"scope": scope, **more})
    return possible_scope(site.server.context, client, values, proves_key=proves_key)


@pytest.mark.parametrize(
    "client",
    [
        SAYS_SO,
        URLClient(metadata(dpop_bound_access_tokens=True)),
        URLClient(metadata(source="virtual", scope="atproto")),
    ],
    ids=["scope", "proofs", "virtual"],
)
@pytest.mark.parametrize("proves_key", [False, True])
def test_a_document_says_that_the_protocol_is_meant(site: ProviderSite, client: Any, proves_key: bool) -> None:
    assert possible(site, client, proves_key=proves_key) == BOTH


def test_other_clients_ask_for_what_the_server_lists_and_do_not_mean_it(site: ProviderSite) -> None:
    for client in (
        ORDINARY,
        URLClient(metadata(source="page", scope=BOTH, dpop_bound_access_tokens=True)),
        URLClient(metadata(source="loopback", scope=BOTH)),
        RegisteredClient(metadata(source="registered", scope=BOTH, dpop_bound_access_tokens=True)),
    ):
        assert possible(site, client) == "profile"
        assert possible(site, client, proves_key=True) == "profile"
        assert possible(site, client, "atproto") == ""
        # With a key and nothing else to ask for, the developer hears what is wrong.
        assert possible(site, client, "atproto", proves_key=True) == "atproto"
    assert possible(site, ORDINARY, "email profile") == "email profile"


def test_a_key_says_so_for_a_client_that_the_app_registered(site: ProviderSite) -> None:
    own = OwnClient("own")
    assert possible(site, own) == "profile"
    assert possible(site, own, proves_key=True) == BOTH
    assert possible(site, own, dpop_jkt="j" * 43) == BOTH


def test_the_protocol_is_for_this_server_alone(site: ProviderSite) -> None:
    issuer = site.base_url
    assert possible(site, SAYS_SO, resource=[issuer]) == BOTH
    assert possible(site, SAYS_SO, resource=[issuer + "/"]) == BOTH
    assert possible(site, SAYS_SO, resource=[issuer, "https://notes.example/mcp"]) == "profile"
    context = replace(site.server.context, scopes=("profile",))
    assert possible_scope(context, SAYS_SO, MultiDict({"scope": BOTH}), proves_key=True) == "profile"
