"""Parameters without a value are as if omitted, at every endpoint (RFC 6749 §3.1, §3.2)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from flask_cimd.oauth.server.parameters import SINGLE
from tests.support.browser import SignIn, publish_client, redirect_parameters
from tests.support.keys import KeyHolder
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

SERVER = Path(__file__).parents[2] / "flask_cimd/oauth/server"


def with_empty(form: dict[str, Any]) -> dict[str, Any]:
    """Return a form with each parameter that it lacks, without a value; ``resource`` may be repeated."""
    return {**dict.fromkeys(sorted(SINGLE | {"resource", "unknown"}), ""), **form}


@proves("O-04")
def test_an_authorization_request_with_every_other_parameter_empty_gets_its_code(
    origin: Any, site: ProviderSite
) -> None:
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope="profile")
    page = owner.get("/authorize", params=with_empty(sign_in.parameters))
    code = owner.approve(page)["code"]
    assert owner.redeem(sign_in, code).status_code == 200


def test_a_pushed_request_with_every_other_parameter_empty_is_kept(origin: Any, site: ProviderSite) -> None:
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    assert site.browser().post("/par", with_empty(sign_in.parameters)).status_code == 201


def test_a_public_client_redeems_refreshes_and_revokes_with_an_empty_secret_and_assertion(
    origin: Any, site: ProviderSite
) -> None:
    owner, client_id = site.owner(), publish_client(origin)
    sign_in, code = owner.code(client_id)
    empty = with_empty({})
    own = {"grant_type", "code", "client_id", "redirect_uri", "code_verifier", "refresh_token", "token"}
    extra = {name: "" for name in empty if name not in own}
    tokens = owner.redeem(sign_in, code, **extra)
    assert tokens.status_code == 200, tokens.text
    renewed = owner.refresh(client_id, tokens.json()["refresh_token"], **extra)
    assert renewed.status_code == 200, renewed.text
    end = {**extra, "token": renewed.json()["refresh_token"], "client_id": client_id}
    assert owner.post("/revoke", end).status_code == 200
    assert owner.refresh(client_id, renewed.json()["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_resource_server_introspects_with_every_other_parameter_empty(origin: Any, site: ProviderSite) -> None:
    token = site.owner().tokens(publish_client(origin))["access_token"]
    name, secret = site.add_resource_server(site.base_url)
    answer = site.browser().post("/introspect", with_empty({"token": token}), auth=(name, secret))
    assert answer.json()["active"] is True


def test_an_identity_is_redeemed_with_every_other_parameter_empty(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin), scope="")
    own = {"code", "client_id", "redirect_uri", "code_verifier"}
    answer = owner.redeem(sign_in, code, "/authorize", **{n: "" for n in with_empty({}) if n not in own})
    assert answer.json() == {"me": site.base_url + "/"}


@pytest.mark.parametrize("name", sorted(SINGLE - {"client_id", "redirect_uri"}))
def test_a_parameter_given_with_and_without_a_value_is_repeated(origin: Any, site: ProviderSite, name: str) -> None:
    # Whoever looks at the first value alone and whoever looks at the last one would see different requests.
    owner, sign_in = site.owner(), SignIn.begin(publish_client(origin), scope="profile", nonce="n", prompt="consent")
    values = [*sign_in.parameters.items(), (name, ""), (name, sign_in.parameters.get(name, ""))]
    answer = redirect_parameters(owner.get("/authorize", params=values))
    assert answer["error"] == "invalid_request"
    assert name in answer["error_description"]


@pytest.mark.parametrize("name", ["code", "client_secret", "client_assertion", "redirect_uri"])
def test_a_repeated_parameter_of_a_direct_request_is_refused_even_if_empty(
    origin: Any, site: ProviderSite, name: str
) -> None:
    owner = site.owner()
    sign_in, code = owner.code(publish_client(origin))
    answer = owner.redeem(sign_in, code, **{name: ["", ""]})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_secret_with_a_value_is_still_refused(origin: Any, site: ProviderSite) -> None:
    owner = site.owner()
    answer = owner.redeem(*owner.code(publish_client(origin)), client_secret="s")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_empty_assertion_of_a_client_with_keys_proves_nothing(origin: Any, site: ProviderSite) -> None:
    keys = KeyHolder(client_id=origin.url("/client.json"), clock=site.clock).jwks
    client_id = publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=keys)
    sign_in = SignIn.begin(client_id, scope="profile")
    form = {**sign_in.parameters, "client_assertion": "", "client_assertion_type": ""}
    answer = site.browser().post("/par", form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_no_endpoint_reads_a_form_past_the_one_place_that_drops_empty_parameters() -> None:
    found = []
    for path in sorted(SERVER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_read = isinstance(node, ast.Attribute) and node.attr in ("form", "values", "args")
            if is_read and isinstance(node.value, ast.Name) and node.value.id.endswith("request"):
                found.append(f"{path.name}: {ast.unparse(node)}")
    allowed = {
        "parameters.py",  # the place itself
        "authorization_request.py: request.values",  # repeats are judged with the empty ones
        "plain.py: request.values",  # the same, in front of Authlib's own server
        "private_key_jwt.py: request.form",  # Authlib's request, not Flask's
    }
    assert {entry for entry in found if entry not in allowed and entry.split(":")[0] not in allowed} == set()
