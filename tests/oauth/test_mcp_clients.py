"""Documents in the shapes that well-known MCP clients publish, and requests as those clients send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from tests.support.browser import Browser, SignIn
from tests.support.clock import Clock
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin
from tests.support.proves import NO_CORPUS, proves
from tests.support.provider_app import NOTES, ProviderSite

CORPUS = Path(__file__).parents[2] / "../shared/corpus/documents"
HOSTS = ("claude.example.com", "chatgpt.example.com", "vscode.example.com", "zed.example.com", "code.example.com")
MCP = NOTES.identifier
REFRESHABLE = ["authorization_code", "refresh_token"]
CONNECTOR = KeyHolder("https://chatgpt.example.com/oauth/client.json", Clock(), alg="RS256")

#: Name, client_id, members of the document, redirect URIs as the client sends them, and ones that must not pass.
SHAPES: list[tuple[str, str, dict[str, Any], list[str], list[str]]] = [
    (
        "web chat",
        "https://claude.example.com/oauth/mcp-oauth-client-metadata",
        {
            "redirect_uris": ["https://claude.example.com/api/mcp/auth_callback"],
            "grant_types": [*REFRESHABLE, "urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "token_endpoint_auth_method": "none",
        },
        ["https://claude.example.com/api/mcp/auth_callback"],
        ["https://claude.example.com:8443/api/mcp/auth_callback", "https://claude.example.com/api/mcp/auth_callback/"],
    ),
    (
        "command line without port and application type",
        "https://claude.example.com/oauth/claude-code-client-metadata",
        {
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": REFRESHABLE,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
        ["http://localhost:51234/callback", "http://127.0.0.1:1/callback", "http://localhost:65535/callback"],
        [
            "http://[::1]:51234/callback",
            "http://localhost:51234/other",
            "http://localhost:0/callback",
            "http://localhost:65536/callback",
            "http://localhost.evil.example:51234/callback",
            "https://localhost:51234/callback",
        ],
    ),
    (
        "connector with keys that also takes none",
        "https://chatgpt.example.com/oauth/client.json",
        {
            "client_uri": "https://chatgpt.example.com/",
            "redirect_uris": ["https://chatgpt.example.com/connector_platform_oauth_redirect"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": "https://chatgpt.example.com/oauth/jwks.json",
            "logo_uri": "https://persistent.elsewhere.example/logo.png",
            "grant_types": REFRESHABLE,
        },
        ["https://chatgpt.example.com/connector_platform_oauth_redirect"],
        ["https://chatgpt.example.com/connector/oauth/one"],
    ),
    (
        "second client of one host",
        "https://chatgpt.example.com/oauth/codex/client.json",
        {
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": REFRESHABLE,
            "token_endpoint_auth_method": "none",
        },
        ["http://127.0.0.1:1455/callback", "http://localhost:1455/callback"],
        ["https://chatgpt.example.com/connector_platform_oauth_redirect"],
    ),
    (
        "editor with a port, a bare path and the device grant",
        "https://vscode.example.com/oauth/client-metadata.json",
        {
            "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.example.com/redirect"],
            "grant_types": [*REFRESHABLE, "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        ["http://127.0.0.1:33418/", "http://127.0.0.1:40123/", "https://vscode.example.com/redirect"],
        ["http://127.0.0.1:33418", "http://localhost:33418/", "https://vscode.example.com:33418/redirect"],
    ),
    (
        "editor with scopes of other servers",
        "https://zed.example.com/oauth/zed-metadata.json",
        {
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": REFRESHABLE,
            "token_endpoint_auth_method": "none",
            "scope": "mcp:*",
        },
        ["http://127.0.0.1:45999/callback"],
        ["http://127.0.0.2:45999/callback"],
    ),
    (
        "native client with methods listed",
        "https://code.example.com/oauth/opencode/client.json",
        {
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback"],
            "grant_types": REFRESHABLE,
            "application_type": "native",
            "token_endpoint_auth_methods_supported": ["none"],
            "software_id": "1234",
            "unknown_member": {"nested": [1, 2]},
        },
        ["http://127.0.0.1:19876/callback", "http://[::1]:19876/callback"],
        ["http://127.0.0.1:19876/callback?x=1"],
    ),
]
BY_NAME = {shape[0]: shape for shape in SHAPES}


@pytest.fixture(scope="module")
def hosts(ca: trustme.CA) -> Iterator[TLSOrigin]:
    """Serve every document under the name of its host."""
    with TLSOrigin(ca, *HOSTS) as origin:
        for _, client_id, members, _, _ in SHAPES:
            document = {"client_id": client_id, "client_name": "An app", **members}
            headers = {"Content-Type": "application/json"}
            origin.serve(urlsplit(client_id).path, json.dumps(document).encode(), headers=headers)
        keys = json.dumps(CONNECTOR.jwks).encode()
        origin.serve("/oauth/jwks.json", keys, headers={"Content-Type": "application/json"})
        yield origin


@pytest.fixture
def notes(hosts: TLSOrigin, make_site: Callable[..., ProviderSite]) -> ProviderSite:
    """Return a site that knows where these hosts are."""
    places = ",".join(f"{name}=127.0.0.1:{hosts.port}" for name in HOSTS)
    return make_site(CIMD_DEVELOPMENT_HOSTS=places, resources=[NOTES])


def _proof(site: ProviderSite, client_id: str, members: dict[str, Any]) -> dict[str, str]:
    if "jwks_uri" not in members:
        return {}
    return KeyHolder(client_id, site.clock, alg="RS256", issuer=site.base_url).proof()


@proves("M-33", "M-37", "M-41", "M-43", "M-44")
@pytest.mark.parametrize("name", BY_NAME)
def test_client_signs_in_at_every_redirect_uri_it_sends(notes: ProviderSite, name: str) -> None:
    _, client_id, members, sent, _ = BY_NAME[name]
    owner = notes.owner()
    for redirect_uri in sent:
        sign_in = SignIn.begin(client_id, redirect_uri, resource=MCP, scope="notes:read")
        page = owner.authorize(sign_in)
        answer = owner.press(page, "Approve")
        assert answer.headers["Location"].startswith(redirect_uri + "?code="), redirect_uri
        code = answer.headers["Location"].split("code=")[1].split("&")[0]
        tokens = owner.redeem(sign_in, code, resource=MCP, **_proof(notes, client_id, members))
        assert tokens.status_code == 200, tokens.text
        assert tokens.json()["scope"] == "notes:read"
        proof = _proof(notes, client_id, members)
        refreshed = owner.refresh(client_id, tokens.json()["refresh_token"], resource=MCP, **proof)
        assert refreshed.status_code == 200, refreshed.text


@proves("M-39", "M-43", "M-85", "O-01", "O-08", "O-09")
@pytest.mark.parametrize("name", BY_NAME)
def test_client_is_never_sent_anywhere_else(notes: ProviderSite, name: str) -> None:
    _, client_id, _, _, refused = BY_NAME[name]
    owner = notes.owner()
    for redirect_uri in refused:
        # Whatever else is wrong with the request, it does not leave by an address that is not the client's.
        for fault in ({}, {"response_type": "token"}, {"resource": "nonsense"}, {"code_challenge": None}):
            page = owner.authorize(SignIn.begin(client_id, redirect_uri, **fault))
            assert (page.status_code, page.headers.get("Location")) == (400, None), redirect_uri


@proves("M-35")
def test_server_without_key_proofs_settles_on_none(hosts: TLSOrigin, make_site: Callable[..., ProviderSite]) -> None:
    _, client_id, _, sent, _ = BY_NAME["connector with keys that also takes none"]
    place = f"chatgpt.example.com=127.0.0.1:{hosts.port}"
    plain = make_site(CIMD_DEVELOPMENT_HOSTS=place, resources=[NOTES], CIMD_AUTH_METHODS="none")
    sign_in, code = plain.owner().code(client_id, sent[0], resource=MCP, scope="notes:read")
    assert plain.browser().redeem(sign_in, code, resource=MCP).status_code == 200


@proves("M-49")
def test_visiting_twice_changes_nothing(notes: ProviderSite) -> None:
    _, client_id, _, sent, _ = BY_NAME["command line without port and application type"]
    owner: Browser = notes.owner()
    sign_in = SignIn.begin(client_id, sent[0], resource=MCP, scope="notes:read")
    stranger = notes.browser().authorize(sign_in)
    assert (stranger.status_code, urlsplit(stranger.headers["Location"]).path) == (303, "/login")
    owner.authorize(sign_in)
    assert "code" in owner.approve(owner.authorize(sign_in))


@proves("M-39", "M-49")
@pytest.mark.parametrize(
    ("client_id", "slug"), [("unknown", "bad-scheme"), ("https://claude.example.com/gone", "status")]
)
def test_unknown_client_is_answered_with_400(notes: ProviderSite, client_id: str, slug: str) -> None:
    page = notes.owner().authorize(SignIn.begin(client_id, "http://localhost:1/callback"))
    assert (page.status_code, f"<code>{slug}</code>" in page.text) == (400, True)


@proves("M-43", "M-44")
@pytest.mark.skipif(not CORPUS.exists(), reason=NO_CORPUS)
@pytest.mark.parametrize(
    ("name", "requested"),
    [
        ("claude-code", "http://localhost:53682/callback"),
        ("claude-code", "http://127.0.0.1:53682/callback"),
        ("chatgpt", "https://chatgpt.com/connector_platform_oauth_redirect"),
        ("chatgpt-connector", "https://chatgpt.com/connector/oauth/IbUR3zxyNQ16"),
        ("vscode", "http://127.0.0.1:33418/"),
        ("vscode", "http://127.0.0.1:49200/"),
        ("vscode", "https://vscode.dev/redirect"),
        ("zed", "http://127.0.0.1:40000/callback"),
        ("mcp-debug", "http://localhost:8765/callback"),
        ("client-dev-local", "http://localhost:3000/oauth/callback"),
    ],
)
def test_real_documents_take_the_redirects_of_their_clients(name: str, requested: str) -> None:
    from flask_cimd.core.document import parse_document
    from flask_cimd.core.identifier import IdentifierRules, parse_identifier
    from flask_cimd.core.redirects import match_redirect
    from flask_cimd.core.rules import DocumentRules

    found = json.loads((CORPUS / f"{name}.json").read_text())
    identifier = parse_identifier(found["url"], IdentifierRules())
    metadata = parse_document(json.dumps(found["document"]).encode(), identifier, DocumentRules())
    assert match_redirect(requested, metadata) == requested
