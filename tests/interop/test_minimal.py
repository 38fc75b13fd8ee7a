"""The clients of this folder, unmodified, at ``examples/minimal.py``: whatever its thirty lines offer.

Each test runs the cheapest part of its family that proves it; the demo is where every client runs at length.

| client | at minimal.py | why not |
|---|---|---|
| @squeep/indieauth-helper | signs in, denied, introspects | |
| authl, indieauth-helper, indieauth-authentication, datasette-indieauth, Flask-Micropub | no | need links to endpoints on the person's page, or PKCE to be left out: IndieAuth before 2022; the page names the metadata alone |
| indieweb-utils | no | asks for the scope ``create`` of a Micropub server |
| micropub-helper | no | no Micropub endpoint |
| oauth4webapi with pushed requests and DPoP, public and with a key | whole life, scope ``profile`` | scope ``atproto``: the account has no DID |
| oauth4webapi with an assertion | one algorithm | the other three differ in the library's tables alone |
| @atproto/oauth-client-node, -browser | no | no DID, no handle |
| MCP's conformance suite for authorization servers | its metadata | its code grant wants a token without any scope, which only a resource of its own gives; it runs at ``examples/mcp_server`` |
| MCP clients (mcp, fastmcp, TypeScript SDKs, openid-client) | no | they demand a token for their MCP server's URL (RFC 8707), and the example has no other resource; they run at ``examples/mcp_server`` |
| openid-client, passport-oauth2, simple-oauth2, oidc-client-ts, @openid/appauth, @auth/core, httpx-oauth, requests-oauthlib | whole life, in `test_stock_clients` | |
| mcp-remote | no | bridges to an MCP server, as above |
| Authlib's client with its keys | no | needs the token endpoint as audience, a switch of the issuer's rules |
| our own session | plain, pushed, bound by DPoP and keys | |
"""  # noqa: E501  rows of a table

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from flask_cimd.publish import SessionEndedError
from tests.interop.client_half import client_app, in_each_mode
from tests.interop.test_indieauth_node import CLIENT, client
from tests.interop.test_key_holders import run
from tests.support.browser import REDIRECT, publish_client, redirect_parameters
from tests.support.clock import Clock
from tests.support.examples import RunningExample, running_minimal
from tests.support.keys import KeyHolder
from tests.support.node import node_executable, node_project
from tests.support.origin import TLSOrigin
from tests.support.programs import running_program


@pytest.fixture(scope="module")
def minimal(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExample]:
    """Run the example with loopback clients and keys switched on by settings; its code stays as it is."""
    settings = {
        "CIMD_PROFILE": "draft, allow_loopback_clients, allow_virtual_clients",
        "CIMD_AUTH_METHODS": "none, private_key_jwt",
    }
    with running_minimal(tmp_path_factory.mktemp("minimal"), ca_bundle, **settings) as running:
        yield running


# -- IndieAuth ---------------------------------------------------------------------------------------------------------


def test_squeep_indieauth_helper_signs_in_and_gets_a_token(minimal: RunningExample) -> None:
    owner, me = minimal.owner(), minimal.base_url + "/"
    with client("squeep") as program:
        begun = program.ask(step="begin", me=me, **CLIENT, scope="profile notes")
        assert begun["issuer"] == minimal.base_url
        answer = owner.approve(owner.get(begun["url"]))
        assert (answer["state"], answer["iss"]) == ("state-of-the-app", minimal.base_url)
        tokens = program.ask(step="redeem", code=answer["code"], token=True, **CLIENT)
        assert (tokens["me"], tokens["scope"]) == (me, "profile notes")
        found = program.ask(step="introspect", token=tokens["access_token"])
        assert (found["active"], found["me"], found["scope"]) == (True, me, ["profile", "notes"])
        begun = program.ask(step="begin", me=me, **CLIENT)
        code = owner.approve(owner.get(begun["url"]))["code"]
        assert program.ask(step="redeem", code=code, token=False, **CLIENT) == {"me": me}
        begun = program.ask(step="begin", me=me, **CLIENT)
        denied = redirect_parameters(owner.press(owner.get(begun["url"]), "Deny"))
        assert (denied["error"], denied["iss"]) == ("access_denied", minimal.base_url)


# -- pushed requests, DPoP and keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
def test_oauth4webapi_with_pushed_requests_and_dpop(minimal: RunningExample, origin: TLSOrigin, method: str) -> None:
    owner, holder = minimal.owner(), KeyHolder(origin.url("/client.json"), Clock(), alg="ES256")
    has_key = method == "private_key_jwt"
    keys = {"jwks": holder.jwks, "token_endpoint_auth_signing_alg": "ES256"} if has_key else {}
    client_id = publish_client(
        origin, token_endpoint_auth_method=method, dpop_bound_access_tokens=True, scope="profile", **keys
    )
    key = {**holder.key.as_dict(private=True), "kid": holder.kid} if has_key else None
    folder = node_project("atproto_node")
    with running_program(
        [node_executable(folder), folder / "oauth4webapi.mjs", minimal.base_url], cwd=folder
    ) as program:
        assert program.ask(command="create", clientId=client_id, redirect=REDIRECT, key=key) == {}
        pushed = program.ask(command="push", scope="profile")
        answer = owner.press(owner.get(pushed["url"]), "Approve").headers["Location"]
        tokens = program.ask(command="redeem", params=urlsplit(answer).query)
        called = program.ask(command="call", path="/userinfo")
        refreshed = program.ask(command="refresh")
        revoked = program.ask(command="revoke")
        after = program.ask(command="refresh")
    assert pushed["challenged"], "the first request of a client has no nonce"
    assert (tokens["token_type"], tokens["scope"]) == ("dpop", "profile")
    assert (called["status"], called["body"]["sub"]) == (200, minimal.base_url + "/")
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert (revoked, after["error"]) == ({"status": 200}, "invalid_grant")


def test_oauth4webapi_signs_in_with_its_key(minimal: RunningExample, origin: TLSOrigin) -> None:
    folder, holder = node_project("key_holders_node"), KeyHolder(origin.url("/client.json"), Clock(), alg="ES256")
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    client = {
        "issuer": minimal.base_url,
        "client_id": holder.client_id,
        "redirect_uri": REDIRECT,
        "alg": "ES256",
        "jwk": holder.key.as_dict(private=True),
        "kid": holder.kid,
    }
    begun = run(folder, "begin", **client)
    owner = minimal.owner()
    answer = owner.press(owner.get(begun["url"]), "Approve").headers["Location"]
    finished = run(folder, "finish", **client, **begun, answer=answer)
    assert finished["tokens"]["scope"] == "profile"
    assert finished["renewed"]["access_token"] != finished["tokens"]["access_token"]


# -- MCP ---------------------------------------------------------------------------------------------------------------


def test_conformance_suite_finds_the_metadata_right(minimal: RunningExample) -> None:
    folder = node_project("mcp_node")
    suite = folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [node_executable(folder), str(suite), "authorization", "--url", minimal.base_url]
    command += ["--scenario", "authorization-server-metadata-endpoint", "--verbose"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "SUCCESS" in done.stdout
    assert "FAILURE" not in done.stdout


# -- our own client ----------------------------------------------------------------------------------------------------


@in_each_mode
def test_our_client_signs_in_calls_refreshes_and_revokes(
    minimal: RunningExample, ca: trustme.CA, ca_bundle: Path, tmp_path: Path, members: dict[str, Any]
) -> None:
    with client_app(ca, ca_bundle, tmp_path, **members) as client:
        server = client.discover(f"{minimal.base_url}/", kind="page")
        assert server.found_by == "page"
        session = client.session(server, scope="profile")
        url, remembered = session.begin()
        owner = minimal.owner()
        answer = owner.press(owner.get(url), "Approve").headers["Location"]
        token = session.finish(remembered, answer)
        assert token["me"] == f"{minimal.base_url}/"
        assert token["token_type"] == ("DPoP" if "keys" in members else "Bearer")
        assert session.get(f"{minimal.base_url}/userinfo").json()["sub"] == f"{minimal.base_url}/"
        again = client.session(server, token=token)
        assert again.refresh_token()["access_token"] != token["access_token"]
        assert again.revoke_token().status_code == 200
        with pytest.raises(SessionEndedError):
            again.refresh_token()
