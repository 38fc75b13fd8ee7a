"""A token is for the places that were asked for, and for no other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from flask_cimd.oauth import Resource
from flask_cimd.oauth.server.resource_indicators import check_resources
from tests.support.browser import REDIRECT, Browser, SignIn, publish_client, redirect_parameters
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import NOTES, ProviderSite

MCP = NOTES.identifier
MakeSite = Callable[..., ProviderSite]


@pytest.fixture
def place(make_site: MakeSite) -> ProviderSite:
    """Return a site that offers its notes to MCP clients."""
    return make_site(resources=[NOTES])


@pytest.fixture
def client_id(origin: TLSOrigin) -> str:
    return publish_client(origin)


def profile_of(site: ProviderSite) -> str:
    return f"{site.base_url}/api/profile"


def call(site: ProviderSite, token: str, path: str = "/api/profile") -> requests.Response:
    return site.browser().get(path, headers={"Authorization": f"Bearer {token}"})


def audience(site: ProviderSite, secret: str) -> tuple[str, ...]:
    with site.app.app_context():
        found = site.server.find_access_token(secret)
    assert found is not None
    return found[1].resource


def redeemed(owner: Browser, client_id: str, *resource: str, scope: str = "profile", **at_token: Any) -> Any:
    """Ask for these resources at the authorization endpoint and return the token endpoint's answer."""
    sign_in = SignIn.begin(client_id, scope=scope)
    sign_in.parameters["resource"] = list(resource)  # type: ignore[assignment]  # requests sends a list as repeated parameters
    code = owner.approve(owner.authorize(sign_in))["code"]
    return owner.redeem(sign_in, code, **at_token)


def test_a_resource_that_is_named_often_is_looked_up_once() -> None:
    # a form has room for thousands, and each may be a look into a database
    asked: list[str] = []

    def known(resource: str) -> Resource:
        asked.append(resource)
        return Resource(identifier=resource, name="Notes", scopes=())

    assert check_resources([MCP, "", MCP, *[MCP] * 5000], known) == (MCP,)
    assert asked == [MCP]


@proves("M-41", "M-60", "O-72")
def test_token_is_for_the_resource_asked_for(place: ProviderSite, client_id: str) -> None:
    tokens = place.owner().tokens(client_id, resource=profile_of(place))
    assert audience(place, tokens["access_token"]) == (profile_of(place),)
    answer = call(place, tokens["access_token"])
    assert answer.status_code == 200
    assert answer.json()["url"] == f"{place.base_url}/"


@proves("M-10")
def test_token_without_resource_is_for_the_issuer(place: ProviderSite, client_id: str) -> None:
    tokens = place.owner().tokens(client_id)
    assert call(place, tokens["access_token"], "/userinfo").status_code == 200
    refused = call(place, tokens["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_issuer_may_be_named_as_the_resource(place: ProviderSite, client_id: str) -> None:
    tokens = place.owner().tokens(client_id, resource=place.base_url)
    assert call(place, tokens["access_token"], "/userinfo").status_code == 200


@proves("M-10")
def test_token_for_one_resource_is_refused_at_another(place: ProviderSite, client_id: str) -> None:
    tokens = place.owner().tokens(client_id, resource=MCP, scope="notes:read")
    for path in ("/api/profile", "/userinfo"):
        assert call(place, tokens["access_token"], path).status_code == 401


@proves("M-42", "O-23", "O-70")
@pytest.mark.parametrize(
    "resource",
    [
        "/api/profile",
        "api",
        "https://unknown.example/",
        "https://notes.example/mcp#fragment",
        "https://me@notes.example/mcp",
        "https://notes.example/mcp/",
        "https://notes.example/MCP",
        "https://notes.example/\u00e9",
        'https://notes.example/"',
        "https://notes.example/\\",
        "https://[",
    ],
)
def test_unknown_or_malformed_resource_is_invalid_target(place: ProviderSite, client_id: str, resource: str) -> None:
    owner = place.owner()
    answer = owner.authorize(SignIn.begin(client_id, scope="profile", resource=resource, state="s"))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    found = redirect_parameters(answer)
    assert (found["error"], found["state"], found["iss"]) == ("invalid_target", "s", place.base_url)


@proves("O-04")
def test_empty_resource_counts_as_none(place: ProviderSite, client_id: str) -> None:
    tokens = place.owner().tokens(client_id, resource="")
    assert audience(place, tokens["access_token"]) == ()


@proves("M-36", "O-120")
def test_one_client_url_serves_two_issuers(make_site: MakeSite, client_id: str) -> None:
    first, second = make_site(), make_site(base_url="http://127.0.0.1:5001")
    at_first, at_second = (site.owner().tokens(client_id, resource=profile_of(site)) for site in (first, second))
    assert call(first, at_first["access_token"]).status_code == 200
    assert call(second, at_second["access_token"]).status_code == 200
    assert call(first, at_second["access_token"]).status_code == 401
    assert second.owner().refresh(client_id, at_first["refresh_token"]).json()["error"] == "invalid_grant"


@proves("O-70", "O-71")
def test_token_request_narrows_several_resources_to_one(place: ProviderSite, client_id: str) -> None:
    owner, mine = place.owner(), profile_of(place)
    answer = redeemed(owner, client_id, mine, MCP, scope="profile notes:read", resource=mine)
    assert answer.status_code == 200
    assert audience(place, answer.json()["access_token"]) == (mine,)
    again = owner.refresh(client_id, answer.json()["refresh_token"], resource=MCP).json()
    assert audience(place, again["access_token"]) == (MCP,)
    both = owner.refresh(client_id, again["refresh_token"]).json()
    assert audience(place, both["access_token"]) == (mine, MCP)
    assert call(place, both["access_token"]).status_code == 200


@proves("O-124")
def test_narrowed_token_keeps_only_the_scopes_of_its_resource(place: ProviderSite, client_id: str) -> None:
    owner, mine = place.owner(), profile_of(place)
    answer = redeemed(owner, client_id, mine, MCP, scope="profile notes:read", resource=MCP).json()
    assert answer["scope"] == "notes:read"
    again = owner.refresh(client_id, answer["refresh_token"], resource=mine).json()
    assert again["scope"] == "profile"
    assert "email" not in again["scope"]


@proves("O-71")
def test_token_request_may_not_name_another_resource(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    sign_in, code = owner.code(client_id, resource=MCP, scope="notes:read")
    for other in (profile_of(place), place.base_url, "https://unknown.example/", "x#y", 'a"\\\u00e9'):
        refused = owner.redeem(sign_in, code, resource=other)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    assert owner.redeem(sign_in, code, resource=MCP).status_code == 200, "a wrong resource must not spend the code"


@proves("O-60", "O-71")
def test_refresh_may_not_name_another_resource(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    tokens = owner.tokens(client_id, resource=MCP, scope="notes:read")
    refused = owner.refresh(client_id, tokens["refresh_token"], resource=profile_of(place))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    renewed = owner.refresh(client_id, tokens["refresh_token"], resource=MCP)
    assert audience(place, renewed.json()["access_token"]) == (MCP,)


@proves("M-28", "M-48", "O-21")
def test_resource_brings_its_default_scope(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    assert owner.tokens(client_id, resource=profile_of(place), scope=None)["scope"] == "profile"
    assert owner.tokens(client_id, resource=MCP, scope=None)["scope"] == "notes:read"
    assert owner.tokens(client_id, resource=MCP, scope="openid offline_access")["scope"] == "notes:read"


@proves("IA-67")
def test_request_without_scope_and_resource_yields_no_token(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    sign_in, code = owner.code(client_id, scope=None)
    assert owner.redeem(sign_in, code).json()["error"] == "invalid_grant"


@proves("O-21", "O-124")
def test_scopes_are_known_per_resource(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    assert owner.tokens(client_id, resource=MCP, scope="notes:write profile email")["scope"] == "notes:write"
    assert owner.tokens(client_id, scope="notes:write profile")["scope"] == "profile"


def test_document_that_lists_scopes_bounds_what_is_asked_for_but_not_the_default(
    place: ProviderSite, origin: TLSOrigin
) -> None:
    owner = place.owner()
    bounded = publish_client(origin, scope="notes:read")
    assert owner.tokens(bounded, resource=MCP, scope="notes:read notes:write")["scope"] == "notes:read"
    foreign = publish_client(origin, "/foreign.json", scope="mcp:*")
    assert owner.tokens(foreign, resource=MCP, scope="notes:write")["scope"] == "notes:read"


def test_unticking_everything_at_a_resource_is_a_no(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    page = owner.authorize(SignIn.begin(client_id, resource=MCP, scope="notes:read"))
    assert owner.approve(page, scope=[])["error"] == "access_denied"


@proves("M-64", "O-63")
def test_refresh_never_widens_what_was_granted(place: ProviderSite, client_id: str) -> None:
    owner = place.owner()
    tokens = owner.tokens(client_id, resource=MCP, scope="notes:read")
    renewed = owner.refresh(client_id, tokens["refresh_token"], scope="notes:read notes:write").json()
    assert renewed["scope"] == "notes:read"
    refused = owner.refresh(client_id, renewed["refresh_token"], scope="notes:write")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@proves("M-07")
def test_step_up_takes_one_more_consent(place: ProviderSite, client_id: str) -> None:
    owner, mine = place.owner(), profile_of(place)
    tokens = owner.tokens(client_id, resource=mine, scope="email profile")
    assert "email" in tokens["scope"]
    little = owner.refresh(client_id, tokens["refresh_token"], scope="email").json()
    refused = call(place, little["access_token"])
    assert refused.status_code == 403
    challenge = requests.utils.parse_dict_header(refused.headers["WWW-Authenticate"].removeprefix("Bearer "))
    assert challenge["error"] == "insufficient_scope"
    wider = owner.tokens(client_id, resource=mine, scope=f"email {challenge['scope']}")
    assert call(place, wider["access_token"]).status_code == 200


@proves("O-16", "O-65")
def test_fifty_redemptions_with_a_resource_have_one_winner(site: ProviderSite, origin: TLSOrigin) -> None:
    client_id, owner, mine = publish_client(origin), site.owner(), profile_of(site)
    sign_in, code = owner.code(client_id, resource=mine)
    answers = _at_once(lambda: site.browser().redeem(sign_in, code, resource=mine))
    assert sorted({answer.status_code for answer in answers}) == [200, 400]
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert call(site, won[0]["access_token"]).status_code == 401, "a code that came back ends its grant"


@proves("O-65")
def test_nine_of_fifty_refreshes_with_a_resource_win_and_no_more(site: ProviderSite, origin: TLSOrigin) -> None:
    client_id, owner, mine = publish_client(origin), site.owner(), profile_of(site)
    tokens = owner.tokens(client_id, resource=mine)
    answers = _at_once(lambda: site.browser().refresh(client_id, tokens["refresh_token"], resource=mine))
    assert (
        sum(answer.status_code == 200 for answer in answers) == 9
    )  # the rotation and eight repetitions within its grace
    assert {answer.json()["error"] for answer in answers if answer.status_code != 200} == {"invalid_grant"}


def _at_once(ask: Callable[[], requests.Response]) -> list[requests.Response]:
    with ThreadPoolExecutor(50) as pool:
        return [future.result() for future in [pool.submit(ask) for _ in range(50)]]


# -- the documents of resources -----------------------------------------------------------------------------------


@proves("M-01", "M-03", "M-04", "M-09", "M-22")
def test_resource_metadata_names_resource_and_issuer(place: ProviderSite) -> None:
    answer = place.browser().get("/.well-known/oauth-protected-resource/api/profile")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json() == {
        "resource": profile_of(place),
        "resource_name": "Your profile",
        "authorization_servers": [place.base_url],
        "scopes_supported": ["profile", "email"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256"],
    }


@proves("M-02", "M-03")
def test_issuer_is_a_resource_at_the_root_form(place: ProviderSite) -> None:
    found = place.browser().get("/.well-known/oauth-protected-resource").json()
    assert (found["resource"], found["authorization_servers"]) == (place.base_url, [place.base_url])


@proves("M-04")
@pytest.mark.parametrize("path", ["/api", "/api/profile/", "/API/profile", "/api/profile?x=1", "/mcp", "/%E9"])
def test_no_document_for_what_is_no_resource(place: ProviderSite, path: str) -> None:
    assert place.browser().get(f"/.well-known/oauth-protected-resource{path}").status_code == 404


@proves("M-02", "M-05", "M-06", "M-13", "M-20", "M-21", "M-23 … M-27")
def test_challenge_leads_to_the_document_and_the_document_to_the_server(place: ProviderSite) -> None:
    visitor = place.browser()
    refused = visitor.get("/api/profile")
    assert refused.status_code == 401
    challenge = requests.utils.parse_dict_header(refused.headers["WWW-Authenticate"].removeprefix("Bearer "))
    assert challenge["scope"] == "profile"
    document = visitor.get(urlsplit(challenge["resource_metadata"]).path).json()
    issuer = document["authorization_servers"][0]
    for place_to_look in ("oauth-authorization-server", "openid-configuration"):
        metadata = visitor.get(f"/.well-known/{place_to_look}").json()
        assert metadata["issuer"] == issuer
        assert metadata["code_challenge_methods_supported"] == ["S256"]
        assert metadata["client_id_metadata_document_supported"] is True
        assert "none" in metadata["token_endpoint_auth_methods_supported"]
        assert metadata["authorization_response_iss_parameter_supported"] is True
        assert {"authorization_endpoint", "token_endpoint", "response_types_supported"} <= set(metadata)


@proves("M-11")
def test_token_in_the_query_is_refused(place: ProviderSite, client_id: str) -> None:
    secret = place.owner().tokens(client_id, resource=profile_of(place))["access_token"]
    assert place.browser().get(f"/api/profile?access_token={secret}").status_code == 401
