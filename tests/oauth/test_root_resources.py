"""``https://host`` and ``https://host/`` are one resource, at every endpoint (RFC 3986 §6.2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd import ConfigurationError
from flask_cimd.core.policy import Allowance
from flask_cimd.core.resources import resource_key
from flask_cimd.oauth import Access, Resource, ResourceProtector, TokenRefused
from flask_cimd.provider.checks import require_resources
from tests.support.browser import SignIn, publish_client
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

ROOT = ["https://tools.example", "https://tools.example/", "HTTPS://Tools.Example", "https://TOOLS.example/"]
SCOPES: dict[str, Any] = {"scopes": ("profile",), "default_scope": ("profile",)}


@proves("M-42")
@pytest.mark.parametrize("registered", ["https://tools.example", "https://tools.example/"])
@pytest.mark.parametrize("requested", ROOT)
def test_any_spelling_of_a_root_resource_is_granted_in_the_registered_one(
    origin: Any, make_site: Callable[..., ProviderSite], registered: str, requested: str
) -> None:
    site = make_site(resources=[Resource(identifier=registered, name="Tools", **SCOPES)])
    server_id, secret = site.add_resource_server(registered)
    owner, client_id = site.owner(), publish_client(origin)
    sign_in = SignIn.begin(client_id, scope="profile", resource=requested)
    code = owner.approve(owner.authorize(sign_in))["code"]
    tokens = owner.redeem(sign_in, code, resource=ROOT[2]).json()
    renewed = owner.refresh(client_id, tokens["refresh_token"], resource=ROOT[-1]).json()
    told = owner.post("/introspect", {"token": renewed["access_token"]}, auth=(server_id, secret)).json()
    assert (told["active"], told["aud"]) == (True, registered)


@pytest.mark.parametrize("spelling", ROOT)
def test_a_resource_server_that_spells_its_root_otherwise_still_sees_its_tokens(
    origin: Any, make_site: Callable[..., ProviderSite], spelling: str
) -> None:
    site = make_site(resources=[Resource(identifier=ROOT[0], name="Tools", **SCOPES)])
    token = site.owner().tokens(publish_client(origin), resource=ROOT[0])["access_token"]
    server_id, secret = site.add_resource_server(spelling)
    told = site.browser().post("/introspect", {"token": token}, auth=(server_id, secret)).json()
    assert told["active"] is True


@pytest.mark.parametrize("requested", ["http://127.0.0.1:5000", "http://127.0.0.1:5000/", "HTTP://127.0.0.1:5000"])
def test_the_bare_issuer_is_a_root_resource_too(origin: Any, site: ProviderSite, requested: str) -> None:
    tokens = site.owner().tokens(publish_client(origin), resource=requested)
    answer = site.browser().get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "requested",
    [
        "https://tools.example/mcp/", "https://tools.example/MCP", "https://tools.example//mcp",
        "https://tools.example/mcp?", "https://tools.example", "https://tools.example/%6dcp",
        "https://tools.example.evil/mcp", "https://evil@tools.example/mcp", "https://tools.example:444/mcp",
        "http://tools.example/mcp",
    ],
)  # fmt: skip
def test_a_resource_with_a_path_is_compared_exactly(
    origin: Any, make_site: Callable[..., ProviderSite], requested: str
) -> None:
    place = Resource(identifier="https://tools.example/mcp", name="Tools", **SCOPES)
    owner = make_site(resources=[place]).owner()
    answer = owner.authorize(SignIn.begin(publish_client(origin), scope="profile", resource=requested))
    assert "error=invalid_target" in answer.headers["Location"]


@pytest.mark.parametrize("audience", ROOT)
@pytest.mark.parametrize("named", ROOT)
def test_a_protector_takes_tokens_for_any_spelling_of_its_root(audience: str, named: str) -> None:
    access = Access(subject="s", client_id="c", scope=frozenset(), audience=frozenset({named}))
    protector = ResourceProtector(lambda _: access, audience=audience)
    assert protector._accepted("secret") is access  # the request around it is tested elsewhere


def test_a_protector_with_a_path_takes_no_token_for_the_root() -> None:
    access = Access(subject="s", client_id="c", scope=frozenset(), audience=frozenset(ROOT))
    protector = ResourceProtector(lambda _: access, audience="https://tools.example/mcp")
    with pytest.raises(TokenRefused):
        protector._accepted("secret")


def test_what_a_tier_may_request_is_compared_alike() -> None:
    allowance = Allowance(resources=frozenset({ROOT[0]}))
    assert allowance.refused_resources([*ROOT, "https://tools.example/mcp"]) == ("https://tools.example/mcp",)


def test_one_root_is_not_registered_twice() -> None:
    places = [Resource(identifier=uri, name="Tools", scopes=()) for uri in ROOT[:2]]
    with pytest.raises(ConfigurationError, match="listed twice"):
        require_resources(places, {})


@pytest.mark.parametrize("text", ["relative", "", "urn:x"])
def test_a_text_that_is_no_url_is_its_own_key(text: str) -> None:
    assert resource_key(text) == text
