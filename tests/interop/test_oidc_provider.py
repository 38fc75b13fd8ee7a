"""Our client at an authorization server of other people: oidc-provider from npm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from flask_cimd.publish import SessionEndedError
from tests.interop.client_half import certificate, client_app
from tests.support.demo import free_ports
from tests.support.node import running_node
from tests.support.walker import Walker


@pytest.fixture(scope="module")
def issuer(ca: trustme.CA, ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run oidc-provider with client URLs, pushed requests and DPoP with nonces."""
    pem = certificate(ca, tmp_path_factory.mktemp("oidc"))
    arguments = (str(free_ports()), str(pem))
    trust = {"NODE_EXTRA_CA_CERTS": str(ca_bundle)}
    with running_node("oidc_provider_node", "server.mjs", *arguments, environment=trust, patience=300) as server:
        yield server.receive()["issuer"]


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("bound", [False, True])
def test_our_client_signs_in_refreshes_and_revokes(
    issuer: str, ca: trustme.CA, ca_bundle: Path, tmp_path: Path, keys: bool, bound: bool
) -> None:
    with client_app(ca, ca_bundle, tmp_path, keys=keys, dpop_bound_access_tokens=bound) as client:
        server = client.discover(issuer)
        assert server.found_by == "issuer"
        session = client.session(server, scope="openid email")
        url, remembered = session.begin(prompt="consent")
        assert "request_uri=" in url
        answer = Walker(str(ca_bundle), {"login": "someone", "password": "x"}).walk(
            url, client.members["redirect_uris"][0]
        )
        token = session.finish(remembered, answer)
        assert token["token_type"] == ("DPoP" if bound else "Bearer")
        assert session.get(server["userinfo_endpoint"]).json()["email"] == "someone@example.com"
        again = client.session(server, token=token)
        renewed = again.refresh_token()
        assert renewed["access_token"] != token["access_token"]
        assert again.get(server["userinfo_endpoint"]).status_code == 200
        assert again.revoke_token().status_code == 200
        with pytest.raises(SessionEndedError):
            again.refresh_token()
