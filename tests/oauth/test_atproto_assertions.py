"""Key-holding apps of the AT Protocol: every fault of an assertion at the push, and what survives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.atproto import HOST, App, development_hosts, publish_app
from tests.support.browser import Browser, SignIn
from tests.support.dpop import ProofKey
from tests.support.keys import KeyHolder, make_key
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

CLIENT_ID = f"https://{HOST}/client-metadata.json"
MEMBERS = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}


@pytest.fixture
def named_origin(ca: Any) -> Iterator[TLSOrigin]:
    """Run the app's https origin."""
    with TLSOrigin(ca, HOST) as running:
        yield running


@pytest.fixture
def named_site(make_site: Callable[..., ProviderSite], named_origin: TLSOrigin) -> ProviderSite:
    """Return a site that finds it."""
    return make_site(**development_hosts(named_origin))


@pytest.fixture
def holder(named_origin: TLSOrigin, named_site: ProviderSite) -> KeyHolder:
    """Return the key of a published app."""
    found = KeyHolder(CLIENT_ID, named_site.clock)
    publish_app(named_origin, **MEMBERS, jwks=found.jwks)
    return found


@pytest.fixture
def app(named_site: ProviderSite, holder: KeyHolder) -> App:
    """Return an app that authenticates itself, and knows the site's nonce."""
    found = App(named_site, CLIENT_ID, f"https://{HOST}/callback", authenticate=holder.proof)
    found.push()
    return found


def told(answer: Any) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["error"]


FAULTS: dict[str, Callable[[KeyHolder], dict[str, str]]] = {
    "iss": lambda holder: holder.proof(iss="https://other.example/x.json"),
    "sub": lambda holder: holder.proof(sub="https://other.example/x.json"),
    "aud-token-endpoint": lambda holder: holder.proof(aud=f"{holder.issuer}/token"),
    "aud-other": lambda holder: holder.proof(aud="https://other.example"),
    "exp-past": lambda holder: holder.proof(exp=int(holder.clock().timestamp()) - 120),
    "iat-old-without-exp": lambda holder: holder.proof(iat=int(holder.clock().timestamp()) - 3600, exp=None),
    "iat-future": lambda holder: holder.proof(iat=int(holder.clock().timestamp()) + 3600),
    "jti-missing": lambda holder: holder.proof(jti=None),
    "alg": lambda holder: holder.proof(replace(holder, alg="RS256").assertion()),
    "kid-unknown": lambda holder: holder.proof(holder.assertion(header={"kid": "other"})),
    "signature": lambda holder: holder.proof(holder.assertion(key=make_key("ES256", 7))),
    "type": lambda holder: {**holder.proof(), "client_assertion_type": "urn:other"},
    "missing": lambda _: {},
}  # fmt: skip


@proves("AT-65", "AT-66", "AT-71")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_assertion_is_refused_and_spends_nothing(
    app: App, holder: KeyHolder, fault: Callable[[KeyHolder], dict[str, str]]
) -> None:
    sign_in = app.begin()
    faulty = fault(holder)

    refused = app.send("POST", "/par", {**sign_in.parameters, **faulty})

    assert told(refused) == (401, "invalid_client")
    assert app.push(sign_in).status_code == 201


@proves("AT-67")
def test_an_assertion_works_once(app: App, holder: KeyHolder) -> None:
    assertion = holder.proof()

    first = app.send("POST", "/par", {**app.begin().parameters, **assertion})
    second = app.send("POST", "/par", {**app.begin().parameters, **assertion})

    assert first.status_code == 201
    assert told(second) == (401, "invalid_client")


@proves("AT-66", "AT-68")
@pytest.mark.parametrize("claims", [{"iat": -50}, {"iat": -50, "exp": None}, {"exp": None}], ids=str)
def test_a_fresh_assertion_is_accepted(app: App, holder: KeyHolder, claims: dict[str, Any]) -> None:
    now = int(holder.clock().timestamp())
    given = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}

    assert app.send("POST", "/par", {**app.begin().parameters, **holder.proof(**given)}).status_code == 201


def signed_in(app: App, owner: Browser) -> tuple[SignIn, dict[str, Any]]:
    """Sign in."""
    sign_in, code = app.code(owner)
    answer = app.redeem(sign_in, code)
    assert answer.status_code == 200, answer.text
    return sign_in, answer.json()


@proves("AT-49", "AT-69")
def test_the_session_belongs_to_its_key(
    app: App, holder: KeyHolder, named_origin: TLSOrigin, named_site: ProviderSite
) -> None:
    other = replace(holder, kid="two", number=2)
    publish_app(named_origin, **MEMBERS, jwks={"keys": [holder.jwk, other.jwk]})
    named_site.clock.forward(days=2)
    sign_in, code = app.code(named_site.owner())

    stolen = app.redeem(sign_in, code, **other.proof())
    tokens = app.redeem(sign_in, code, **holder.proof()).json()
    stolen_later = app.refresh(tokens["refresh_token"], **other.proof())

    assert told(stolen) == (400, "invalid_grant")
    assert told(stolen_later) == (400, "invalid_grant")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-70")
def test_the_session_ends_with_its_key(
    app: App, holder: KeyHolder, named_origin: TLSOrigin, named_site: ProviderSite
) -> None:
    _, tokens = signed_in(app, named_site.owner())
    publish_app(named_origin, **MEMBERS, jwks=replace(holder, kid="two", number=2).jwks)
    named_site.clock.forward(days=2)

    assert told(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    publish_app(named_origin, **MEMBERS, jwks=holder.jwks)
    named_site.clock.forward(days=2)
    assert told(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@proves("AT-93")
def test_a_host_that_is_down_keeps_the_session(
    app: App, named_origin: TLSOrigin, named_site: ProviderSite, holder: KeyHolder
) -> None:
    _, tokens = signed_in(app, named_site.owner())
    named_origin.serve("/client-metadata.json", b"", status=503)
    named_site.clock.forward(days=2)

    down = app.refresh(tokens["refresh_token"])
    publish_app(named_origin, **MEMBERS, jwks=holder.jwks)
    named_site.clock.forward(minutes=10)

    assert told(down) == (503, "temporarily_unavailable")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-89")
def test_a_session_of_a_key_holder_outlives_two_weeks(app: App, named_site: ProviderSite) -> None:
    owner = named_site.owner()
    _, tokens = signed_in(app, owner)

    assert "two weeks" not in app.open(owner).text
    named_site.clock.forward(days=15)

    assert app.refresh(tokens["refresh_token"]).status_code == 200


@proves("AT-65", "AT-91")
def test_signing_out_needs_the_key(app: App, named_site: ProviderSite) -> None:
    _, tokens = signed_in(app, named_site.owner())

    bare = named_site.browser().post("/revoke", {"token": tokens["access_token"], "client_id": CLIENT_ID})
    proved = app.post("/revoke", {"token": tokens["access_token"]})

    assert told(bare) == (401, "invalid_client")
    assert proved.status_code == 200
    assert told(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@proves("AT-16")
def test_keys_behind_an_address_do_as_well(named_site: ProviderSite, named_origin: TLSOrigin) -> None:
    holder = KeyHolder(CLIENT_ID, named_site.clock)
    headers = {"Content-Type": "application/json"}
    named_origin.serve("/jwks.json", json.dumps(holder.jwks).encode(), headers=headers)
    publish_app(named_origin, **MEMBERS, jwks_uri=f"https://{HOST}/jwks.json")
    app = App(named_site, CLIENT_ID, f"https://{HOST}/callback", authenticate=holder.proof)

    assert signed_in(app, named_site.owner())[1]["token_type"] == "DPoP"


@proves("AT-62")
def test_a_key_holding_session_keeps_its_dpop_key(named_site: ProviderSite, app: App) -> None:
    # RFC 9449 §5 lets clients that authenticate change the key; the AT Protocol does not.
    tokens = app.sign_in(named_site.owner())
    own, app.key = app.key, ProofKey()
    assert told(app.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    app.key = own
    assert app.refresh(tokens["refresh_token"]).status_code == 200
