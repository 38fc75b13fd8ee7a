"""The official Node clients of the AT Protocol, unmodified, at a running demo (AT-01 to AT-99 from the other side)."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import trustme
from joserfc.jwk import ECKey

from tests.support.atproto import HOST, development_hosts
from tests.support.browser import Browser
from tests.support.demo import RunningDemo, running_demo
from tests.support.node import node_executable, node_project
from tests.support.origin import TLSOrigin
from tests.support.programs import Program, running_program
from tests.support.proves import proves

LOOPBACK_REDIRECT = "http://127.0.0.1:8080/callback"
#: Documents are stored by the demo, so every test has an address of its own.
_numbers = itertools.count()


@pytest.fixture(scope="module")
def named_origin(ca: trustme.CA) -> Iterator[TLSOrigin]:
    """Run the https origin of the clients that have documents."""
    with TLSOrigin(ca, HOST) as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path, named_origin: TLSOrigin) -> Iterator[RunningDemo]:
    """Run a demo that finds that origin."""
    environment = {**development_hosts(named_origin), "CIMD_CA_BUNDLE": str(ca_bundle)}
    with running_demo(tmp_path_factory.mktemp("atproto"), **environment) as running:
        yield running


@pytest.fixture(scope="module")
def owner(demo: RunningDemo) -> Browser:
    """Return the owner's browser."""
    return demo.owner()


@pytest.fixture(params=["older", "newer"])
def start(request: pytest.FixtureRequest, demo: RunningDemo) -> Iterator[Callable[..., Program]]:
    """Return a function that starts a client: 0.3.17 on the installed Node.js, 0.5.3 on Node.js 22."""
    folder = node_project("atproto_node")
    node = shutil.which("node") if request.param == "older" else node_executable(folder)
    with ExitStack() as stack:

        def begin(metadata: dict[str, Any], keys: list[dict[str, Any]] | None = None) -> Program:
            command = [node or "node", folder / "client.mjs", request.param, demo.base_url]
            program = stack.enter_context(running_program(command, cwd=folder))
            created = program.ask(command="create", metadata=metadata, keys=keys)
            assert created == {"client_id": metadata["client_id"]}
            return program

        yield begin


def loopback_client() -> dict[str, Any]:
    """Return the metadata of a client that needs no document."""
    query = urlencode({"redirect_uri": LOOPBACK_REDIRECT, "scope": "atproto"})
    return {
        "client_id": f"http://localhost?{query}",
        "redirect_uris": [LOOPBACK_REDIRECT],
        "scope": "atproto",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "dpop_bound_access_tokens": True,
    }


def published_client(origin: TLSOrigin, **members: Any) -> dict[str, Any]:
    """Publish a document and return it."""
    path = f"/client-{next(_numbers)}.json"
    document = {
        **loopback_client(),
        "client_id": f"https://{HOST}{path}",
        "client_name": "Example",
        "client_uri": f"https://{HOST}",
        "application_type": "web",
        "redirect_uris": [f"https://{HOST}/callback"],
        **members,
    }
    origin.serve(path, json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    return document


def key(kid: str) -> dict[str, Any]:
    """Return a new private key as a client keeps it."""
    return {**ECKey.generate_key("P-256").as_dict(private=True), "kid": kid, "alg": "ES256"}


def public(key: dict[str, Any]) -> dict[str, Any]:
    """Return the public half."""
    return {name: value for name, value in key.items() if name != "d"}


def did_of(demo: RunningDemo) -> str:
    """Return the owner's DID."""
    return f"did:web:localhost%3A{urlsplit(demo.base_url).port}"


def answer_of(owner: Browser, url: str, button: str = "Approve") -> str:
    """Open the authorization URL, decide, and return what the client is told."""
    page = owner.get(url)
    assert page.status_code == 200, page.text
    answer = owner.press(page, button)
    assert answer.status_code == 303, answer.text
    location = urlsplit(answer.headers["Location"])
    return location.query or location.fragment


def sign_in(program: Program, owner: Browser, entered: str, **options: Any) -> dict[str, Any]:
    """Sign in from what a person enters."""
    begun = program.ask(command="authorize", input=entered, options={"scope": "atproto", **options})
    assert "url" in begun, begun
    found: dict[str, Any] = program.ask(command="callback", params=answer_of(owner, begun["url"]))
    assert "did" in found, found
    return found


def whole_life(program: Program, owner: Browser, demo: RunningDemo, entered: str) -> None:
    """Sign in, call, refresh, restore and sign out."""
    did = did_of(demo)

    signed_in = sign_in(program, owner, entered, state="of the app")
    called = program.ask(command="call", path="/xrpc/com.atproto.server.getSession")
    refreshed = program.ask(command="refresh")
    restored = program.ask(command="restore", did=did, refresh=True)
    called_again = program.ask(command="call", path="/xrpc/com.atproto.server.getSession")
    foreign = program.ask(command="call", path="/xrpc/com.atproto.repo.getRecord")
    ended = program.ask(command="signOut")

    assert (signed_in["did"], signed_in["scope"], signed_in["state"]) == (did, "atproto", "of the app")
    assert called == {"status": 200, "body": {"handle": "owner.test", "did": did, "active": True}}
    assert (refreshed["sub"], restored["did"], called_again["status"]) == (did, did, 200)
    assert (foreign["status"], foreign["body"]["error"]) == (501, "MethodNotImplemented")
    assert ended == {"sessions": 0}


@proves("AT-27", "AT-42")
@pytest.mark.parametrize("entered", ["handle", "did", "url"])
def test_a_loopback_client(start: Any, owner: Browser, demo: RunningDemo, entered: str) -> None:
    typed = {"handle": "owner.test", "did": did_of(demo), "url": demo.base_url}[entered]

    whole_life(start(loopback_client()), owner, demo, typed)


def test_a_public_web_client(start: Any, owner: Browser, demo: RunningDemo, named_origin: TLSOrigin) -> None:
    whole_life(start(published_client(named_origin)), owner, demo, "owner.test")


@proves("AT-12")
def test_a_native_client(start: Any, owner: Browser, demo: RunningDemo, named_origin: TLSOrigin) -> None:
    document = published_client(named_origin, application_type="native", redirect_uris=["com.example.app:/callback"])

    whole_life(start(document), owner, demo, did_of(demo))


@proves("AT-65", "AT-66", "AT-67")
@pytest.mark.parametrize("where", ["jwks", "jwks_uri"])
def test_a_confidential_client(
    start: Any, owner: Browser, demo: RunningDemo, named_origin: TLSOrigin, where: str
) -> None:
    private = key("kid-1")
    key_set = {"keys": [public(private)]}
    named_origin.serve("/jwks.json", json.dumps(key_set).encode(), headers={"Content-Type": "application/json"})
    document = published_client(
        named_origin,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="ES256",
        **{where: key_set if where == "jwks" else f"https://{HOST}/jwks.json"},
    )

    whole_life(start(document, [private]), owner, demo, "owner.test")


@proves("AT-80")
def test_a_denial_reaches_the_client(start: Any, owner: Browser) -> None:
    program = start(loopback_client())
    begun = program.ask(command="authorize", input="owner.test", options={"scope": "atproto"})

    told = program.ask(command="callback", params=answer_of(owner, begun["url"], "Deny"))

    assert told["error"] == "access_denied"
    assert program.ask(command="sessions") == {"sessions": 0}


@proves("AT-44")
@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_response_modes(start: Any, owner: Browser, demo: RunningDemo, mode: str) -> None:
    assert sign_in(start(loopback_client()), owner, demo.base_url, response_mode=mode)["did"] == did_of(demo)


@proves("AT-82", "AT-93")
def test_a_session_that_the_owner_ended_is_gone(start: Any, owner: Browser, demo: RunningDemo) -> None:
    program = start(loopback_client())
    sign_in(program, owner, "owner.test")

    while "Revoke access" in (page := owner.get("/apps")).text:
        owner.press(page, "Revoke access")
    failed = program.ask(command="restore", did=did_of(demo), refresh=True)

    assert "failed" in failed
    assert program.ask(command="sessions") == {"sessions": 0}


@proves("AT-33", "AT-35")
def test_what_the_client_asks_for_is_pushed(start: Any, owner: Browser) -> None:
    begun = start(loopback_client()).ask(command="authorize", input="owner.test", options={"scope": "atproto"})

    assert set(parse_qs(urlsplit(begun["url"]).query)) == {"client_id", "request_uri"}


# -- oauth4webapi, a general client ------------------------------------------------------------------------------


@proves("O-90 … O-101")
@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
@pytest.mark.parametrize("scope", ["atproto", "profile"])
def test_oauth4webapi_with_pushed_requests_and_dpop(
    owner: Browser, demo: RunningDemo, named_origin: TLSOrigin, method: str, scope: str
) -> None:
    private = key("kid-1") if method == "private_key_jwt" else None
    keys = {"token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [public(private)]}} if private else {}
    client = published_client(named_origin, scope="atproto profile", token_endpoint_auth_method=method, **keys)
    path = "/xrpc/com.atproto.server.getSession" if scope == "atproto" else "/userinfo"
    folder = node_project("atproto_node")

    with running_program([node_executable(folder), folder / "oauth4webapi.mjs", demo.base_url], cwd=folder) as program:
        begun = {"clientId": client["client_id"], "redirect": client["redirect_uris"][0], "key": private}
        assert program.ask(command="create", **begun) == {}
        pushed = program.ask(command="push", scope=scope)
        tokens = program.ask(command="redeem", params=answer_of(owner, pushed["url"]))
        called = program.ask(command="call", path=path)
        refreshed = program.ask(command="refresh")
        called_again = program.ask(command="call", path=path)
        revoked = program.ask(command="revoke")
        after = program.ask(command="refresh")

    assert pushed["challenged"], "the first request of a client has no nonce"
    assert tokens["token_type"] == "dpop", "the library lower-cases it"
    assert tokens["scope"] == scope
    assert (called["status"], called_again["status"]) == (200, 200)
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert revoked == {"status": 200}
    assert after["error"] == "invalid_grant"
