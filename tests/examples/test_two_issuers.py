"""``examples/two_issuers.py``: Authlib's client at both providers of one app, found by their metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.browser import REDIRECT, publish_client
from tests.support.demo import free_ports
from tests.support.examples import running_flask
from tests.support.origin import TLSOrigin
from tests.support.walker import Walker


@pytest.fixture(scope="module")
def address(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_ports(), tmp_path_factory.mktemp("two")
    config = {
        "ORIGIN": f"http://127.0.0.1:{port}",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/two.db",
        "CIMD_CA_BUNDLE": str(ca_bundle),
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
    with running_flask(f"two_issuers.py:create_app({arguments})", port, folder) as running:
        yield running


def metadata(address: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{address}/.well-known/oauth-authorization-server/{name}", timeout=10).json()
    assert found["issuer"] == f"{address}/{name}"
    return found


def sign_in(server: dict[str, Any], client_id: str, password: str, scope: str) -> OAuth2Session:
    app = OAuth2Session(
        client_id,
        redirect_uri=REDIRECT,
        scope=scope,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    url, _ = app.create_authorization_url(server["authorization_endpoint"], code_verifier="v" * 43)
    answer = Walker("", {"password": password}, ("Approve",)).walk(url, REDIRECT)
    app.fetch_token(server["token_endpoint"], authorization_response=answer, code_verifier="v" * 43)
    return app


def test_each_issuer_signs_its_own_people_in(address: str, origin: TLSOrigin) -> None:
    client_id = publish_client(origin)
    readers, staff = metadata(address, "readers"), metadata(address, "staff")
    assert (readers["scopes_supported"], staff["scopes_supported"]) == (["profile"], ["profile", "orders"])

    reader = sign_in(readers, client_id, "secret", "profile")
    employee = sign_in(staff, client_id, "other secret", "profile orders")

    assert reader.get(readers["userinfo_endpoint"]).json() == {"sub": "readers-1"}
    assert employee.get(staff["userinfo_endpoint"]).json() == {"sub": "staff-1"}
    assert reader.get(staff["userinfo_endpoint"]).status_code == 401
    assert employee.get(readers["userinfo_endpoint"]).status_code == 401


def test_a_refresh_token_of_one_issuer_is_unknown_to_the_other(address: str, origin: TLSOrigin) -> None:
    readers, staff = metadata(address, "readers"), metadata(address, "staff")
    reader = sign_in(readers, publish_client(origin), "secret", "profile")
    with pytest.raises(OAuthError) as refused:
        reader.refresh_token(staff["token_endpoint"], refresh_token=reader.token["refresh_token"])
    assert refused.value.error == "invalid_grant"
    assert reader.refresh_token(readers["token_endpoint"])["access_token"]
