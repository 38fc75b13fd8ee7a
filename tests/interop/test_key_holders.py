"""A real client library that signs its own assertions: oauth4webapi, with every algorithm it shares with the server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import REDIRECT, publish_client
from tests.support.clock import Clock
from tests.support.demo import RunningDemo
from tests.support.keys import KeyHolder
from tests.support.node import node_executable, node_project
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


def run(folder: Path, step: str, **given: Any) -> dict[str, Any]:
    done = subprocess.run(
        [node_executable(folder), "sign_in.mjs", step],
        cwd=folder,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@proves("C-78", "O-80 … O-84")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "Ed25519"])
def test_oauth4webapi_signs_in_with_its_key(origin: TLSOrigin, running_site: RunningDemo, alg: str) -> None:
    folder = node_project("key_holders_node")
    holder = KeyHolder(origin.url("/client.json"), Clock(), alg=alg)
    publish_client(origin, token_endpoint_auth_method="private_key_jwt", jwks=holder.jwks)
    client = {
        "issuer": running_site.base_url,
        "client_id": holder.client_id,
        "redirect_uri": REDIRECT,
        "alg": alg,
        "jwk": holder.key.as_dict(private=True),
        "kid": holder.kid,
    }
    begun = run(folder, "begin", **client)
    owner = running_site.owner()
    page = owner.get(begun["url"].removeprefix(running_site.base_url))
    answer = owner.press(page, "Approve").headers["Location"]
    finished = run(folder, "finish", **client, **begun, answer=answer)
    assert finished["tokens"]["scope"] == "profile"
    assert finished["renewed"]["access_token"] != finished["tokens"]["access_token"]
