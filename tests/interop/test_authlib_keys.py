"""Authlib's own client for ``private_key_jwt``, with its defaults: RS256, an hour, the token endpoint as ``aud``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from tests.support.browser import REDIRECT, publish_client
from tests.support.clock import Clock
from tests.support.demo import RunningDemo, free_ports, running_demo
from tests.support.keys import KeyHolder
from tests.support.origin import TLSOrigin

SCOPE = "profile email"


@pytest.fixture(scope="module")
def lenient_site(tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path) -> Iterator[RunningDemo]:
    """Run a demo that takes its token endpoint as ``aud`` too."""
    base = f"http://127.0.0.1:{free_ports()}"
    settings = {"DEMO_PORT": base.rpartition(":")[2], "DEMO_BASE_URL": base}
    switch = {"CIMD_ASSERTION_AUDIENCES": f"{base}/token"}
    with running_demo(tmp_path_factory.mktemp("lenient"), CIMD_CA_BUNDLE=str(ca_bundle), **settings, **switch) as demo:
        yield demo


def client(origin: TLSOrigin, site: RunningDemo) -> OAuth2Session:
    """Return Authlib's session for a client that publishes its key in its document."""
    holder = KeyHolder(origin.url("/client.json"), Clock(), alg="RS256")
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    session = OAuth2Session(
        holder.client_id,
        holder.key,
        redirect_uri=REDIRECT,
        scope=SCOPE,
        code_challenge_method="S256",
        token_endpoint_auth_method="private_key_jwt",
    )
    session.trust_env = False
    session.register_client_auth_method(PrivateKeyJWT(f"{site.base_url}/token"))
    return session


def come_back(session: OAuth2Session, site: RunningDemo) -> str:
    """Let the owner approve, and return the address that leads back to the client."""
    url, _ = session.create_authorization_url(f"{site.base_url}/authorize", code_verifier="v" * 43)
    owner = site.owner()
    return str(owner.press(owner.get(url), "Approve").headers["Location"])


def test_authlibs_client_with_its_defaults_signs_in_and_refreshes(origin: TLSOrigin, lenient_site: RunningDemo) -> None:
    endpoint = f"{lenient_site.base_url}/token"
    with client(origin, lenient_site) as session:
        back = come_back(session, lenient_site)
        first = dict(session.fetch_token(endpoint, authorization_response=back, code_verifier="v" * 43))
        assert first["scope"] == SCOPE
        renewed = session.refresh_token(endpoint, refresh_token=first["refresh_token"])
        assert renewed["access_token"] != first["access_token"]
        told = session.get(f"{lenient_site.base_url}/userinfo").json()
    assert told["sub"] == f"{lenient_site.base_url}/"


def test_without_the_switch_it_is_refused_and_the_log_names_the_claim(
    origin: TLSOrigin, running_site: RunningDemo
) -> None:
    with client(origin, running_site) as session:
        back = come_back(session, running_site)
        logged = len(running_site.log.read_text())
        with pytest.raises(OAuthError) as refused:
            session.fetch_token(f"{running_site.base_url}/token", authorization_response=back, code_verifier="v" * 43)
    assert (refused.value.error, refused.value.description) == (
        "invalid_client",
        "The app did not prove who it is.",
    )
    assert "client not authenticated: aud is not this server alone" in running_site.log.read_text()[logged:]
