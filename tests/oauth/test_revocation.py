"""The revocation endpoint (RFC 7009) for clients that have no secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser import Browser, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite


def is_alive(browser: Browser, token: str) -> bool:
    return browser.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.fixture
def page_client(origin: Any) -> tuple[str, str]:
    """Return a legacy client and its redirect URI."""
    page = b'<div class="h-app"><a class="p-name u-url" href="/">Old</a></div>'
    return origin.serve("/", page, headers={"Content-Type": "text/html"}), origin.url("/cb")


@proves("O-110")
def test_an_access_token_ends_alone(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    answer = owner.post("/revoke", {"token": tokens["access_token"], "client_id": client_id})
    assert (answer.status_code, answer.json()) == (200, {})
    assert not is_alive(owner, tokens["access_token"])
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200


@proves("O-111")
def test_a_refresh_token_takes_its_access_tokens_along(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    owner.post("/revoke", {"token": tokens["refresh_token"], "client_id": client_id})
    assert not is_alive(owner, tokens["access_token"])
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@proves("O-54", "O-110")
@pytest.mark.parametrize("client_id", [None, "https://other.example/c", "", 'x"é'])
def test_a_client_with_a_document_must_name_itself(origin: Any, site: ProviderSite, client_id: str | None) -> None:
    # Else nothing is revoked.
    owner, own = site.owner(), publish_client(origin)
    tokens = owner.tokens(own)
    answer = owner.post("/revoke", {"token": tokens["access_token"], "client_id": client_id})
    assert answer.status_code == 401
    assert is_alive(owner, tokens["access_token"])


@proves("IA-108")
def test_a_page_clients_token_is_enough(page_client: tuple[str, str], site: ProviderSite) -> None:
    owner = site.owner()
    token = owner.tokens(*page_client)["access_token"]
    assert owner.post("/revoke", {"token": token}).status_code == 200
    assert not is_alive(owner, token)


def test_a_loopback_clients_token_is_enough(site: ProviderSite) -> None:
    owner = site.owner()
    token = owner.tokens("http://localhost:8080/", "http://localhost:8080/cb")["access_token"]
    assert owner.post("/revoke", {"token": token}).status_code == 200
    assert not is_alive(owner, token)


def test_a_page_client_that_names_another_is_refused(page_client: tuple[str, str], site: ProviderSite) -> None:
    owner = site.owner()
    token = owner.tokens(*page_client)["access_token"]
    answer = owner.post("/revoke", {"token": token, "client_id": "https://other.example/"})
    assert answer.status_code == 401
    assert is_alive(owner, token)


@proves("O-110", "O-112", "A-18")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", '"é', ""])
def test_a_wrong_hint_does_not_matter(origin: Any, site: ProviderSite, hint: str) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["access_token"]
    form = {"token": token, "client_id": client_id, "token_type_hint": hint}
    assert owner.post("/revoke", form).status_code == 200
    assert not is_alive(owner, token)


@proves("O-110")
@pytest.mark.parametrize("token", ["unknown", 'é"\\', "x" * 10_000])
def test_an_unknown_token_is_as_good_as_revoked(site: ProviderSite, token: str) -> None:
    assert site.browser().post("/revoke", {"token": token}).status_code == 200


@proves("O-110")
def test_a_dead_token_is_as_good_as_revoked(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    form = {"token": owner.tokens(client_id)["access_token"], "client_id": client_id}
    assert [owner.post("/revoke", form).status_code for _ in range(2)] == [200, 200]


def test_without_a_token_the_request_is_invalid(site: ProviderSite) -> None:
    answer = site.browser().post("/revoke", {"token": ""})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@proves("C-109")
def test_no_document_is_fetched_to_revoke(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin, headers={"Cache-Control": "no-store"})
    tokens = owner.tokens(client_id)
    origin.forget("/client.json")
    before = len(origin.requests)
    assert owner.post("/revoke", {"token": tokens["access_token"], "client_id": client_id}).status_code == 200
    assert len(origin.requests) == before
