"""One scope word never shuts a client out: what cannot be granted is left out (RFC 6749 §3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd.oauth import Resource, server_metadata
from flask_cimd.oauth.server.indieauth import without_lonely_email
from tests.support.atproto import REDIRECT as APP_REDIRECT
from tests.support.atproto import VIRTUAL, App
from tests.support.browser import REDIRECT, SignIn, publish_client, redirect_parameters
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import NOTES, SCOPES, ProviderSite

ALL = " ".join(SCOPES)
PROTOCOL = {"scope": "atproto profile", "dpop_bound_access_tokens": True}


def publish_page(origin: TLSOrigin) -> str:
    page = f'<link rel="redirect_uri" href="{REDIRECT}"><div class="h-app"><b class="p-name">Old app</b></div>'
    return origin.serve("/app/", page.encode(), headers={"Content-Type": "text/html"})


@pytest.mark.parametrize("publish", [publish_client, publish_page])
@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_client_that_asks_for_every_scope_gets_all_but_atproto(
    origin: Any, site: ProviderSite, publish: Callable[[Any], str], is_pushed: bool
) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish(origin), scope=ALL)
    parameters = sign_in.parameters
    if is_pushed:
        pushed = owner.post("/par", parameters)
        assert pushed.status_code == 201, pushed.text
        parameters = {"client_id": sign_in.client_id, "request_uri": pushed.json()["request_uri"]}
    code = owner.approve(owner.get("/authorize", params=parameters))["code"]
    answer = owner.redeem(sign_in, code)
    assert answer.json()["scope"].split() == [word for word in SCOPES if word != "atproto"]
    assert answer.json()["token_type"] == "Bearer"


def test_a_client_with_a_key_that_asks_for_every_scope_needs_no_more_than_others(
    origin: Any, site: ProviderSite
) -> None:
    # The AT Protocol demands kid and iat; OAuth does not.
    holder = KeyHolder(origin.url("/client.json"), site.clock)
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [holder.jwk]})
    assertion = holder.assertion(header={"kid": None}, iat=None)
    form = {**SignIn.begin(holder.client_id, scope=ALL).parameters, **holder.proof(assertion)}
    answer = site.browser().post("/par", form)
    assert answer.status_code == 201, answer.text


def test_a_request_for_a_resource_elsewhere_is_none_of_the_at_protocol(
    origin: Any, make_site: Callable[..., ProviderSite]
) -> None:
    # Even by a client whose document is one of the AT Protocol.
    site = make_site(resources=[NOTES])
    owner = site.owner()
    client_id = publish_client(origin, scope="atproto notes:read", dpop_bound_access_tokens=False)
    sign_in = SignIn.begin(client_id, scope="atproto notes:read", resource=NOTES.identifier)
    answer = owner.redeem(sign_in, owner.approve(owner.authorize(sign_in))["code"])
    assert answer.json()["scope"] == "notes:read"


@proves("AT-35", "AT-81")
@pytest.mark.parametrize("members", [{"scope": "atproto profile"}, {"dpop_bound_access_tokens": True}])
@pytest.mark.parametrize("resource", [None, "http://127.0.0.1:5000", "http://127.0.0.1:5000/"])
def test_a_client_of_the_at_protocol_is_told_to_push_its_request(
    origin: Any, site: ProviderSite, members: dict[str, Any], resource: str | None
) -> None:
    sign_in = SignIn.begin(publish_client(origin, **members), scope="atproto profile", resource=resource)
    answer = redirect_parameters(site.owner().authorize(sign_in))
    assert answer["error"] == "invalid_request"
    assert "pushed" in answer["error_description"]
    assert answer["state"] == sign_in.parameters["state"]


def test_the_developers_client_is_told_to_push_its_request(site: ProviderSite) -> None:
    answer = redirect_parameters(site.owner().authorize(SignIn.begin(VIRTUAL, APP_REDIRECT, scope="atproto")))
    assert answer["error"] == "invalid_request"


def test_a_client_of_the_at_protocol_still_learns_at_par_what_its_document_lacks(
    origin: Any, site: ProviderSite
) -> None:
    client_id = publish_client(origin, dpop_bound_access_tokens=True)
    answer = App(site, client_id, REDIRECT).push()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("scope", ["atproto", "unknown", "openid offline_access", "email", "unknown email atproto"])
@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_request_of_which_nothing_is_left_ends_before_anybody_is_asked(
    origin: Any, site: ProviderSite, scope: str, is_pushed: bool
) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope=scope)
    if is_pushed:
        answer = site.browser().post("/par", sign_in.parameters)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    else:
        assert redirect_parameters(site.owner().authorize(sign_in))["error"] == "invalid_scope"


@proves("IA-91")
@pytest.mark.parametrize(
    ("words", "known", "kept"),
    [
        (["email"], ["profile", "email"], ()),
        (["email", "notes"], ["profile", "email", "notes"], ("notes",)),
        (["email", "profile"], ["profile", "email"], ("email", "profile")),
        (["email", "notes"], ["email", "notes"], ("email", "notes")),
    ],
)
def test_an_email_address_is_never_given_without_the_profile_where_there_is_one(
    words: list[str], known: list[str], kept: tuple[str, ...]
) -> None:
    assert without_lonely_email(words, known) == kept


@pytest.mark.parametrize("scope", [None, "", " "])
def test_an_omitted_scope_stays_an_identity_request(origin: Any, site: ProviderSite, scope: str | None) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin), scope=scope)
    assert owner.redeem(sign_in, code, "/authorize").json() == {"me": site.base_url + "/"}


def test_metadata_lists_atproto_last() -> None:
    words = ("atproto", "profile", "email")
    document = server_metadata("https://me.example", scopes=words, auth_methods=["none"], endpoints={})
    assert document["scopes_supported"] == ["profile", "email", "atproto"]
    place = Resource(identifier="https://me.example", name="Me", scopes=words)
    assert place.metadata("https://me.example")["scopes_supported"] == ["profile", "email", "atproto"]


# -- refresh -----------------------------------------------------------------------------------------------------


def test_a_refresh_may_name_what_was_requested_at_first(origin: Any, site: ProviderSite) -> None:
    # Libraries send the scope of the authorization request again, whatever was granted of it.
    owner, client_id = site.owner(), publish_client(origin)
    asked = "profile email create unknown atproto"
    sign_in = SignIn.begin(client_id, scope=asked)
    code = owner.approve(owner.authorize(sign_in), scope=["profile", "create"])["code"]
    first = owner.redeem(sign_in, code).json()
    renewed = owner.refresh(client_id, first["refresh_token"], scope=asked)
    assert renewed.json()["scope"] == "profile create"


def test_a_refresh_never_widens(origin: Any, site: ProviderSite) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    first = owner.tokens(client_id, scope="profile email")
    narrowed = owner.refresh(client_id, first["refresh_token"], scope="profile").json()
    assert narrowed["scope"] == "profile"
    again = owner.refresh(client_id, narrowed["refresh_token"], scope="profile email create").json()
    assert again["scope"] == "profile email"  # the grant's own, and no more


@pytest.mark.parametrize("scope", ["create", "unknown", "create unknown"])
def test_a_refresh_of_which_nothing_was_granted_is_refused_and_spends_nothing(
    origin: Any, site: ProviderSite, scope: str
) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    secret = owner.tokens(client_id)["refresh_token"]
    assert owner.refresh(client_id, secret, scope=scope).json()["error"] == "invalid_scope"
    assert owner.refresh(client_id, secret).status_code == 200


def test_a_refresh_for_a_resource_without_the_named_scope_is_refused(
    origin: Any, make_site: Callable[..., ProviderSite]
) -> None:
    site = make_site(resources=[NOTES])
    owner, client_id = site.owner(), publish_client(origin)
    both = [NOTES.identifier, site.base_url + "/api/profile"]
    sign_in = SignIn.begin(client_id, scope="notes:read profile", resource=both)  # type: ignore[arg-type]  # both values are sent
    secret = owner.redeem(sign_in, owner.approve(owner.authorize(sign_in))["code"]).json()["refresh_token"]
    refused = owner.refresh(client_id, secret, scope="profile", resource=NOTES.identifier)
    assert refused.json()["error"] == "invalid_scope"
    given = owner.refresh(client_id, secret, scope="notes:read profile", resource=NOTES.identifier)
    assert given.json()["scope"] == "notes:read"
