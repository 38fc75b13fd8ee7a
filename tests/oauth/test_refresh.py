"""Refresh tokens: rotated with every use; one that comes back after its grace ends the grant (RFC 9700 §4.14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd.oauth.server.storage import REPETITIONS
from tests.support.browser import REDIRECT, Browser, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite


def refused(browser: Browser, client_id: str, token: str, /, **changes: Any) -> str:
    answer = browser.refresh(client_id, token, **changes)
    assert answer.status_code == 400
    return str(answer.json()["error"])


@proves("O-60")
def test_every_use_brings_a_new_refresh_token(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    first = owner.tokens(client_id)
    second = owner.refresh(client_id, first["refresh_token"]).json()
    third = owner.refresh(client_id, second["refresh_token"]).json()
    assert len({t["refresh_token"] for t in (first, second, third)}) == 3
    assert third["me"] == site.base_url + "/"
    assert third["scope"] == "profile"


@proves("O-61")
def test_a_rotated_token_ends_the_whole_grant(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    first = owner.tokens(client_id)
    second = owner.refresh(client_id, first["refresh_token"]).json()
    site.clock.forward(seconds=60)
    assert refused(owner, client_id, first["refresh_token"]) == "invalid_grant"
    assert refused(owner, client_id, second["refresh_token"]) == "invalid_grant"
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    assert owner.get("/userinfo", headers=bearer).status_code == 401


@proves("O-62")
def test_a_retry_whose_answer_was_lost_gets_a_pair_of_its_own(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    lost = owner.refresh(client_id, tokens["refresh_token"]).json()
    site.clock.forward(seconds=59)
    again = owner.refresh(client_id, tokens["refresh_token"]).json()
    for pair in (tokens, lost, again):
        assert may_call(owner, pair)
    assert len({pair["refresh_token"] for pair in (tokens, lost, again)}) == 3
    assert owner.refresh(client_id, again["refresh_token"]).status_code == 200


@proves("O-62")
@pytest.mark.parametrize("first", ["owner", "thief"])
def test_a_thief_within_the_grace_is_found_out_at_the_next_refresh(origin: Any, site: ProviderSite, first: str) -> None:
    # Both hold the same token, in either order: whichever rotates next ends the other, and then the whole grant.
    owner, client_id = site.owner(), publish_client(origin)
    stolen = owner.tokens(client_id)["refresh_token"]
    pairs = [owner.refresh(client_id, stolen).json() for _ in range(2)]
    if first == "thief":
        pairs.reverse()
    site.clock.forward(minutes=10)
    newest = owner.refresh(client_id, pairs[0]["refresh_token"]).json()
    assert not may_call(owner, pairs[1])
    assert may_call(owner, newest)
    assert refused(owner, client_id, pairs[1]["refresh_token"]) == "invalid_grant"
    assert not may_call(owner, newest)
    assert refused(owner, client_id, newest["refresh_token"]) == "invalid_grant"


@proves("O-62")
def test_the_parents_grace_ends_with_the_first_rotation_of_a_successor(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    first = owner.tokens(client_id)["refresh_token"]
    second = owner.refresh(client_id, first).json()["refresh_token"]
    third = owner.refresh(client_id, second).json()
    assert refused(owner, client_id, first) == "invalid_grant"
    assert not may_call(owner, third)


@proves("O-62")
def test_the_ninth_repetition_is_refused_and_ends_nothing(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    pairs = [owner.refresh(client_id, token).json() for _ in range(1 + REPETITIONS)]
    assert refused(owner, client_id, token) == "invalid_grant"
    assert all(may_call(owner, pair) for pair in pairs)


def may_call(browser: Browser, tokens: dict[str, Any]) -> bool:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return bool(browser.get("/userinfo", headers=headers).status_code == 200)


@proves("O-61")
def test_the_reuse_of_one_grants_token_leaves_other_grants_alone(origin: Any, site: ProviderSite) -> None:
    # Each installation of an app has a grant of its own.
    owner, client_id = site.owner(), publish_client(origin)
    one, other = owner.tokens(client_id), owner.tokens(client_id)
    owner.refresh(client_id, one["refresh_token"])
    site.clock.forward(seconds=60)
    assert refused(owner, client_id, one["refresh_token"]) == "invalid_grant"
    assert owner.refresh(client_id, other["refresh_token"]).status_code == 200


@proves("O-52", "O-60", "O-63")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"refresh_token": None}, "invalid_request"),
        ({"refresh_token": "unknown"}, "invalid_grant"),
        ({"refresh_token": 'é"\\'}, "invalid_grant"),
        ({"client_id": None}, "invalid_request"),
        ({"client_id": "https://other.example/c"}, "invalid_grant"),
        ({"refresh_token": ["a", "b"]}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": 'x"é'}, "invalid_scope"),
    ],
)
def test_a_refresh_with_one_fault_is_refused(
    origin: Any, site: ProviderSite, changes: dict[str, Any], error: str
) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    assert refused(owner, client_id, token, **changes) == error
    assert owner.refresh(client_id, token).status_code == 200  # a mistake of the request costs nothing


def test_an_access_token_does_not_refresh(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    assert refused(owner, client_id, owner.tokens(client_id)["access_token"]) == "invalid_grant"


@proves("O-63")
def test_less_scope_once_is_not_less_for_ever(origin: Any, site: ProviderSite) -> None:
    # "the refresh token scope MUST be identical to that of the refresh token included by the client" (§6).
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id, scope="profile email")
    less = owner.refresh(client_id, tokens["refresh_token"], scope="profile").json()
    assert less["scope"] == "profile"
    assert owner.refresh(client_id, less["refresh_token"]).json()["scope"] == "profile email"


@proves("O-64")
def test_an_idle_token_ends(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    site.clock.forward(days=89)
    token = owner.refresh(client_id, token).json()["refresh_token"]
    site.clock.forward(days=90)
    assert refused(owner, client_id, token) == "invalid_grant"


@proves("O-64")
def test_use_does_not_prolong_a_grant_beyond_its_end(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    for _ in range(6):
        site.clock.forward(days=60)
        token = owner.refresh(client_id, token).json()["refresh_token"]
    site.clock.forward(days=5)
    assert refused(owner, client_id, token) == "invalid_grant"


def test_a_page_client_may_always_refresh(origin: Any, site: ProviderSite) -> None:
    client_id = publish_page(origin)
    owner, redirect = site.owner(), origin.url("/cb")
    tokens = owner.tokens(client_id, redirect)
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200


def publish_page(origin: Any) -> str:
    page = b'<div class="h-app"><a class="p-name u-url" href="/">Old</a></div>'
    client_id: str = origin.serve("/", page, headers={"Content-Type": "text/html"})
    return client_id


@proves("IA-100")
@pytest.mark.parametrize("publish", [publish_client, publish_page])
def test_access_is_short_and_renewed_and_a_stolen_refresh_token_ends_it(
    origin: Any, site: ProviderSite, publish: Callable[[Any], str]
) -> None:
    owner, client_id = site.owner(), publish(origin)
    first = owner.tokens(client_id, origin.url("/cb") if publish is publish_page else REDIRECT)
    assert first["expires_in"] == 15 * 60
    site.clock.forward(minutes=15)
    assert userinfo(owner, first["access_token"]) == 401
    second = owner.refresh(client_id, first["refresh_token"]).json()
    assert (second["expires_in"], userinfo(owner, second["access_token"])) == (15 * 60, 200)
    site.clock.forward(seconds=61)
    assert refused(owner, client_id, first["refresh_token"]) == "invalid_grant"
    assert userinfo(owner, second["access_token"]) == 401
    assert refused(owner, client_id, second["refresh_token"]) == "invalid_grant"


def userinfo(browser: Browser, token: str) -> int:
    return browser.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code
