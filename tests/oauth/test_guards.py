"""Guards of which nothing else would notice the loss: races between look-up and use, bounds, forged hosts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_cimd import ClientIdentifier, ConfigurationError, FetchLimitError
from flask_cimd.oauth import MemoryStorage
from tests.support.atproto import App
from tests.support.browser import Browser, SignIn, publish_client, redirect_parameters
from tests.support.dpop import ProofKey
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite
from tests.support.wsgi import WSGIAdapter


class Raced(MemoryStorage):
    """A storage in which another request is faster, after the look-up and before the use.

    Attributes:
        rivals: what the other requests do, each once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rivals: list[Callable[[], Any]] = []

    def redeem_code(self, *args: Any, **kwargs: Any) -> bool:
        self._lose()
        return super().redeem_code(*args, **kwargs)

    def rotate(self, *args: Any, **kwargs: Any) -> bool:
        self._lose()
        return super().rotate(*args, **kwargs)

    def _lose(self) -> None:
        if self.rivals:
            self.rivals.pop()()


@pytest.fixture
def raced(make_site: Callable[..., ProviderSite]) -> ProviderSite:
    return make_site(storage=Raced(), refresh_grace=timedelta())


def is_alive(site: ProviderSite, token: str) -> bool:
    return site.browser().get("/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 200


# -- races ---------------------------------------------------------------------------------------------------------


@proves("O-15", "O-16")
def test_who_loses_the_race_for_a_code_ends_the_grant_of_the_winner(raced: ProviderSite, origin: TLSOrigin) -> None:
    sign_in, code = raced.owner().code(publish_client(origin))
    won: list[dict[str, Any]] = []
    raced.storage.rivals.append(lambda: won.append(raced.browser().redeem(sign_in, code).json()))  # type: ignore[attr-defined]  # the storage of the fixture is a Raced
    lost = raced.browser().redeem(sign_in, code)
    assert (lost.status_code, lost.json()["error"]) == (400, "invalid_grant")
    assert not is_alive(raced, won[0]["access_token"])


@proves("O-61", "O-65")
def test_who_loses_the_race_for_a_refresh_token_ends_the_grant(raced: ProviderSite, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    token = raced.owner().tokens(client_id)["refresh_token"]
    won: list[dict[str, Any]] = []
    raced.storage.rivals.append(lambda: won.append(raced.browser().refresh(client_id, token).json()))  # type: ignore[attr-defined]  # the storage of the fixture is a Raced
    lost = raced.browser().refresh(client_id, token)
    assert (lost.status_code, lost.json()["error"]) == (400, "invalid_grant")
    assert not is_alive(raced, won[0]["access_token"])


@proves("O-15")
def test_who_loses_the_race_for_an_identity_ends_the_grant(raced: ProviderSite, origin: TLSOrigin) -> None:
    sign_in, code = raced.owner().code(publish_client(origin))
    won: list[dict[str, Any]] = []
    raced.storage.rivals.append(lambda: won.append(raced.browser().redeem(sign_in, code).json()))  # type: ignore[attr-defined]  # the storage of the fixture is a Raced
    assert raced.browser().redeem(sign_in, code, "/authorize").json()["error"] == "invalid_grant"
    assert not is_alive(raced, won[0]["access_token"])


# -- AT Protocol sessions -------------------------------------------------------------------------------------------


@proves("AT-86")
@pytest.mark.parametrize("wanted", [timedelta(minutes=16), timedelta(days=30)])
def test_an_access_token_of_the_at_protocol_lives_for_fifteen_minutes_at_most(
    site: ProviderSite, wanted: timedelta
) -> None:
    app = App(site)
    app.open(site.owner())
    (asked, _, _) = next(iter(site.storage._pushed.values()))
    with site.app.test_request_context():
        site.server.approve(asked, subject="me", access_lifetime=wanted)
        site.server.approve(asked, subject="me", access_lifetime=timedelta(minutes=5))
    lifetimes = [kept.grant.access_lifetime for kept in site.storage._grants.values()]
    assert lifetimes == [timedelta(minutes=15), timedelta(minutes=5)]


@proves("AT-49")
def test_a_session_of_the_at_protocol_keeps_its_dpop_key(site: ProviderSite) -> None:
    app = App(site)
    tokens = app.sign_in(site.owner(), scope="atproto profile")
    first = app.key
    app.key = ProofKey()
    refused = app.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    app.key = first
    assert app.refresh(tokens["refresh_token"]).status_code == 200


# -- bounds and hosts -----------------------------------------------------------------------------------------------


@proves("O-90")
def test_a_fetch_limit_of_the_app_bounds_pushed_requests(site: ProviderSite, origin: TLSOrigin) -> None:
    known = publish_client(origin, "/known.json")
    assert site.browser().post("/par", SignIn.begin(known).parameters).status_code == 201

    @site.cimd.allow_fetch
    def never(identifier: ClientIdentifier) -> bool:
        raise FetchLimitError("too-many-new-clients", identifier.raw, retry_after=600)

    stranger = publish_client(origin, "/stranger.json")
    refused = site.browser().post("/par", SignIn.begin(stranger).parameters)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "600"
    assert origin.count("/stranger.json") == 0
    assert site.browser().post("/par", SignIn.begin(known).parameters).status_code == 201


@proves("AT-36")
def test_a_pushed_request_waits_for_five_minutes(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    first = app.address(app.push().json()["request_uri"])
    site.clock.forward(seconds=299)
    assert owner.get("/authorize", params=first).status_code == 200
    site.clock.forward(seconds=1)
    assert owner.get("/authorize", params=first).status_code == 400


@proves("O-40", "AT-54")
def test_a_forged_host_changes_neither_the_proofs_url_nor_the_issuer(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in, code = app.code(owner)
    form = sign_in.redemption(code)
    forged = app.key.proof("POST", "http://attacker.example/token", app.now, nonce=app.nonce)
    host = {"Host": "attacker.example"}
    refused = site.browser().post("/token", form, headers={**host, "DPoP": forged})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    accepted = site.browser().post("/token", form, headers={**host, "DPoP": app.proof("POST", "/token")})
    assert accepted.status_code == 200
    assert site.browser().get("/.well-known/oauth-authorization-server", headers=host).json()["issuer"] == site.base_url


def test_a_forged_host_does_not_change_who_answers(site: ProviderSite, origin: TLSOrigin) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin)))
    inner = site.app.wsgi_app
    site.app.wsgi_app = lambda environ, start: inner({**environ, "HTTP_HOST": "attacker.example"}, start)  # type: ignore[method-assign]  # Flask documents this assignment
    answer = owner.press(page, "Approve")
    assert redirect_parameters(answer)["iss"] == site.base_url


@proves("O-123", "A-17")
def test_the_scheme_comes_from_the_issuer_and_not_from_the_socket(
    make_site: Callable[..., ProviderSite], origin: TLSOrigin
) -> None:
    # Behind a TLS proxy the request itself comes by http; Authlib alone would refuse it.
    site = make_site(base_url="https://me.example")
    sign_in, code = site.owner().code(publish_client(origin))
    inside = Browser("http://me.example", WSGIAdapter(site.app))
    assert inside.redeem(sign_in, code).status_code == 200


@pytest.mark.parametrize("issuer", ["", "http://me.example", "https://me.example/", "https://me.example?a=b"])
def test_a_server_without_a_usable_issuer_does_not_start(make_site: Callable[..., ProviderSite], issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="issuer"):
        make_site(base_url=issuer)


def test_a_token_has_no_life_without_its_grant(site: ProviderSite, origin: TLSOrigin) -> None:
    sign_in, code = site.owner().code(publish_client(origin))
    token = site.browser().redeem(sign_in, code).json()["access_token"]
    (grant,) = (kept.grant for kept in site.storage._grants.values())
    kinds: set[str] = {kept.token.kind for kept in site.storage._tokens.values()}
    assert kinds == {"access", "refresh"}
    assert is_alive(site, token)
    site.storage.revoke_grant(grant.id, site.clock())
    assert not is_alive(site, token)


def test_a_refresh_token_is_no_access_token(site: ProviderSite, origin: TLSOrigin) -> None:
    tokens = site.owner().tokens(publish_client(origin))
    assert is_alive(site, tokens["access_token"])
    assert not is_alive(site, tokens["refresh_token"])
