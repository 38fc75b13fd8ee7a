"""The grants at the token endpoint: which guard refuses, and what a refusal ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd.oauth import Resource
from tests.support.atproto import App
from tests.support.browser import Browser, SignIn, publish_client
from tests.support.origin import TLSOrigin
from tests.support.own_client import REDIRECT, OwnClient
from tests.support.provider_app import ProviderSite

MakeSite = Callable[..., ProviderSite]
UNKNOWN = "https://unknown.example/"
BARE = Resource(identifier="https://bare.example/mcp", name="Bare", scopes=(), default_scope=())


class Listed(OwnClient):
    """A registered client whose grant types the app changes later."""

    grant_types = ("authorization_code", "refresh_token")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def code_of(owner: Browser, **parameters: Any) -> tuple[SignIn, str]:
    sign_in = SignIn.begin("own", REDIRECT, **{"scope": "profile", **parameters})
    return sign_in, owner.approve(owner.authorize(sign_in))["code"]


def test_a_registered_client_redeems_what_it_may_use_today(make_site: MakeSite) -> None:
    client = Listed("own")
    owner = make_site(registered={"own": client}.get).owner()
    tokens = owner.redeem(*code_of(owner)).json()
    code = code_of(owner)
    client.grant_types = ("refresh_token",)
    assert told(owner.redeem(*code)) == (400, "unauthorized_client")
    client.grant_types = ("authorization_code",)
    assert told(owner.refresh("own", tokens["refresh_token"])) == (400, "unauthorized_client")
    assert "refresh_token" not in owner.redeem(*code).json()
    client.grant_types = ("authorization_code", "refresh_token")
    assert owner.refresh("own", tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("fault", ["spent", "revoked", "expired"])
def test_a_dead_code_is_refused_before_the_rest_of_its_request(
    site: ProviderSite, origin: TLSOrigin, fault: str
) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    assert told(owner.redeem(sign_in, code, resource=UNKNOWN)) == (400, "invalid_target")
    (grant,) = (kept.grant for kept in site.storage._grants.values())
    if fault == "spent":
        assert owner.redeem(sign_in, code).status_code == 200
    elif fault == "revoked":
        site.storage.revoke_grant(grant.id, site.clock())
    else:
        site.clock.forward(seconds=60)
    assert told(owner.redeem(sign_in, code, resource=UNKNOWN)) == (400, "invalid_grant")
    assert site.storage._grants[grant.id].grant.revoked is (fault != "expired")


def test_an_expired_refresh_token_is_no_reuse_and_ends_nothing(site: ProviderSite, origin: TLSOrigin) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    token = owner.tokens(client_id)["refresh_token"]
    site.clock.forward(days=366)
    assert told(owner.refresh(client_id, token)) == (400, "invalid_grant")
    (kept,) = site.storage._grants.values()
    assert not kept.grant.revoked


def test_a_resource_without_scopes_has_tokens_without_scope(make_site: MakeSite) -> None:
    owner = make_site(registered={"own": OwnClient("own")}.get, resources=[BARE]).owner()
    answer = owner.redeem(*code_of(owner, scope=None, resource=BARE.identifier))
    assert answer.status_code == 200
    assert answer.json().get("scope", "") == ""
    assert owner.refresh("own", answer.json()["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", ["", None])
def test_a_refresh_names_its_token(site: ProviderSite, token: str | None) -> None:
    form = {"grant_type": "refresh_token", "client_id": "own", "refresh_token": token}
    answer = site.browser().post("/token", {name: value for name, value in form.items() if value is not None})
    assert told(answer) == (400, "invalid_request")
    assert answer.json()["error_description"] == "The parameter refresh_token is missing."


def test_an_access_token_refreshes_nothing(site: ProviderSite, origin: TLSOrigin) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    assert told(owner.refresh(client_id, tokens["access_token"])) == (400, "invalid_grant")
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200


def test_every_answer_to_a_proof_brings_a_nonce(site: ProviderSite) -> None:
    app = App(site)
    sign_in, code = app.code(site.owner())
    good = app.redeem(sign_in, code)
    bad = app.redeem(sign_in, code)
    assert (good.status_code, bad.status_code) == (200, 400)
    for answer in (good, bad):
        assert answer.headers["DPoP-Nonce"]
        assert answer.headers["Cache-Control"] == "no-store"
