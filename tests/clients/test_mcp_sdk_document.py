"""The metadata class of the official MCP Python SDK as a document's source: it writes ``null`` for what is not set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp.shared.auth import OAuthClientMetadata

from flask_cimd.core.registration import parse_registration
from flask_cimd.core.rules import DocumentRules
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

REDIRECT = "http://localhost:3000/callback"
#: What version 1.30 writes.
OF_VERSION_1 = (
    '{"redirect_uris":["http://localhost:3000/callback"],"token_endpoint_auth_method":null,"grant_types":'
    '["authorization_code","refresh_token"],"response_types":["code"],"scope":null,"client_name":null,"client_uri":null,'
    '"logo_uri":null,"contacts":null,"tos_uri":null,"policy_uri":null,"jwks_uri":null,"jwks":null,"software_id":null,'
    '"software_version":null}'
)
WRITTEN = {
    "version 1": OF_VERSION_1,
    "installed": OAuthClientMetadata(redirect_uris=[REDIRECT]).model_dump_json(),
    "with a name": OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="App", scope="profile").model_dump_json(),
}


@proves("C-52")
@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_its_plain_output_is_a_document(make_app: Callable[..., Any], origin: TLSOrigin, text: str) -> None:
    url = origin.url("/client.json")
    body = json.dumps({"client_id": url, **json.loads(text)}).encode()
    origin.serve("/client.json", body, headers={"Content-Type": "application/json"})
    app, cimd = make_app()
    with app.app_context():
        client = cimd.resolve(url)
    assert client.redirect_uris == (REDIRECT,)
    assert client.auth_methods == ("none",)
    assert client.grant_types == ("authorization_code", "refresh_token")
    assert client.jwks_uri is client.jwks is client.logo_uri is None


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_its_plain_output_is_a_registration(text: str) -> None:
    client = parse_registration(json.loads(text), "registered-" + "0" * 32, DocumentRules())
    assert client.redirect_uris == (REDIRECT,)
