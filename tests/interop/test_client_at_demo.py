"""Our client at our own demo, each as it runs for real: plain, with pushed requests, with DPoP and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from flask_cimd.publish import SessionEndedError
from tests.interop.client_half import client_app, in_each_mode
from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="module")
def demo(ca_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run a demo that trusts the private authority."""
    with running_demo(tmp_path_factory.mktemp("demo"), CIMD_CA_BUNDLE=str(ca_bundle)) as running:
        yield running


@in_each_mode
def test_our_client_signs_in_calls_refreshes_and_revokes(
    demo: RunningDemo, ca: trustme.CA, ca_bundle: Path, tmp_path: Path, members: dict[str, Any]
) -> None:
    with client_app(ca, ca_bundle, tmp_path, **members) as client:
        server = client.discover(f"{demo.base_url}/")
        session = client.session(server, scope="profile")
        url, remembered = session.begin()
        owner = demo.owner()
        answer = owner.press(owner.get(url.removeprefix(demo.base_url)), "Approve").headers["Location"]
        token = session.finish(remembered, answer)
        assert token["me"] == f"{demo.base_url}/"
        assert token["token_type"] == ("DPoP" if "keys" in members else "Bearer")
        assert session.get(f"{demo.base_url}/userinfo").json()["name"] == "The owner"
        again = client.session(server, token=token)
        assert again.refresh_token()["access_token"] != token["access_token"]
        assert again.revoke_token().status_code == 200
        with pytest.raises(SessionEndedError):
            again.refresh_token()
