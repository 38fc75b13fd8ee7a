"""Pushed requests, one guard at a time: what the snapshot is bound to, what may come again, and what an error tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd import ClientIdentifier, FetchLimitError
from flask_cimd.oauth import AuthorizationRequest, Resource
from tests.support.atproto import HOST, App, development_hosts, publish_app
from tests.support.browser import SignIn, publish_client
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.own_client import REDIRECT, OwnClient
from tests.support.provider_app import ProviderSite

MakeSite = Callable[..., ProviderSite]
CLIENT_ID = f"https://{HOST}/client-metadata.json"
CALLBACK = f"https://{HOST}/callback"
KEYS = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
BARE = Resource(identifier="https://bare.example/mcp", name="Bare", scopes=(), default_scope=())


def kept(site: ProviderSite) -> AuthorizationRequest:
    """Return the request that was pushed last."""
    return list(site.storage._pushed.values())[-1][0]


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def plain(site: ProviderSite, client_id: str, redirect_uri: str, **changes: Any) -> Any:
    return site.browser().post("/par", SignIn.begin(client_id, redirect_uri, **changes).parameters)


# -- what the snapshot is bound to -------------------------------------------------------------------------------------


@pytest.fixture
def holder(origin: TLSOrigin, site: ProviderSite) -> KeyHolder:
    found = KeyHolder(origin.url("/keys.json"), site.clock)
    publish_client(origin, "/keys.json", token_endpoint_auth_method="private_key_jwt", jwks=found.jwks)
    return found


def test_an_ordinary_session_is_bound_to_the_method_and_not_to_the_key(site: ProviderSite, holder: KeyHolder) -> None:
    form = {**SignIn.begin(holder.client_id, scope="profile").parameters, **holder.proof()}
    assert site.browser().post("/par", form).status_code == 201
    assert (kept(site).auth_method, kept(site).client_key, kept(site).dpop_jkt) == ("private_key_jwt", None, None)


def test_a_session_of_the_at_protocol_is_bound_to_both_keys(make_site: MakeSite, ca: Any) -> None:
    with TLSOrigin(ca, HOST) as named:
        site = make_site(**development_hosts(named))
        holder = KeyHolder(CLIENT_ID, site.clock)
        publish_app(named, **KEYS, jwks=holder.jwks)
        app = App(site, CLIENT_ID, CALLBACK, authenticate=holder.proof)
        assert app.push().status_code == 201
        found = kept(site)
        assert (found.auth_method, found.dpop_jkt) == ("private_key_jwt", app.key.thumbprint)
        assert found.client_key is not None
        assert found.client_key.endswith(" ES256 one")
        for changes in ({"iat": None}, {"header": {"kid": None}}):  # AT Protocol OAuth: both are required
            proof = holder.proof(holder.assertion(**changes)) if "header" in changes else holder.proof(**changes)
            assert told(app.post("/par", {**app.begin().parameters, **proof})) == (401, "invalid_client")


def test_a_thumbprint_without_proof_is_kept_as_announced(site: ProviderSite, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    assert site.browser().post("/par", SignIn.begin(client_id, dpop_jkt="j" * 43).parameters).status_code == 201
    assert kept(site).dpop_jkt == "j" * 43


# -- what may come again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["state", "code_challenge"])
def test_a_value_comes_again_after_a_day(site: ProviderSite, name: str) -> None:
    app = App(site)
    first = app.begin()
    assert app.push(first).status_code == 201
    again = {name: first.parameters[name]}
    site.clock.forward(hours=23, minutes=59)
    refused = app.push(**again)
    assert told(refused) == (400, "invalid_request")
    assert refused.json()["error_description"] == f"The {name} was used before; make one for every request."
    site.clock.forward(minutes=1)
    assert app.push(**again).status_code == 201


def test_ordinary_apps_may_push_the_same_request_twice(site: ProviderSite, origin: TLSOrigin) -> None:
    form = SignIn.begin(publish_client(origin), scope="profile").parameters
    assert [site.browser().post("/par", form).status_code for _ in range(2)] == [201, 201]


# -- a request without scope -------------------------------------------------------------------------------------------


def test_a_request_without_scope_is_a_mistake_of_apps_of_the_profile_alone(
    make_site: MakeSite, origin: TLSOrigin
) -> None:
    site = make_site(registered={"own": OwnClient("own")}.get, resources=[BARE])
    app = App(site)
    missing = app.push(scope=None)
    assert told(missing) == (400, "invalid_request")
    assert missing.json()["error_description"] == "The parameter scope is missing."
    assert app.push(scope="profile").status_code == 201
    assert app.push(scope=None, resource=BARE.identifier).status_code == 201
    page = origin.serve("/", b'<div class="h-app"><a class="u-url" href="/">Old</a></div>')
    origin.serve(
        "/", b'<div class="h-app"><a class="u-url" href="/">Old</a></div>', headers={"Content-Type": "text/html"}
    )
    for client_id, redirect_uri in (
        ("own", REDIRECT),
        (publish_client(origin), "http://127.0.0.1:7777/callback"),
        (page, origin.url("/cb")),
        ("http://localhost:4000/", "http://localhost:4000/cb"),
    ):
        assert plain(site, client_id, redirect_uri).status_code == 201


# -- what an error tells -----------------------------------------------------------------------------------------------


def test_only_apps_of_the_at_protocol_hear_what_is_wrong_with_their_document(site: ProviderSite) -> None:
    app = App(site, "http://localhost:3000")
    found = app.push()
    assert told(found) == (400, "invalid_client_metadata")
    ordinary = plain(site, "https://localhost/../c", CALLBACK, scope="profile")
    assert told(ordinary) == (401, "invalid_client")


def test_a_limit_of_fetches_is_told_as_one_to_apps_of_the_at_protocol(make_site: MakeSite, ca: Any) -> None:
    with TLSOrigin(ca, HOST) as named:
        site = make_site(**development_hosts(named))
        publish_app(named)

        @site.cimd.allow_fetch
        def never(identifier: ClientIdentifier) -> bool:
            raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=600)

        refused = App(site, CLIENT_ID, CALLBACK).push()
        assert told(refused) == (429, "temporarily_unavailable")
        assert refused.headers["Retry-After"] == "600"
        assert named.connections == 0


def test_success_and_error_bring_a_nonce_and_stay_out_of_caches(site: ProviderSite) -> None:
    app = App(site)
    app.push()
    good, bad = app.push(), app.push(prompt="none")
    assert (good.status_code, told(bad)) == (201, (400, "consent_required"))
    for answer in (good, bad):
        assert answer.headers["DPoP-Nonce"]
        assert answer.headers["Cache-Control"] == "no-store"
