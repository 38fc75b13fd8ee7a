"""How often one request asks its storage: once for each code or token that it presents."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.oauth.test_parts_alone import AuthlibApp
from tests.support.browser import SignIn, publish_client
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin


@pytest.fixture
def counted(ca_bundle: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[AuthlibApp, Counter[str]]:
    """Return an app with both grants, and how often each method of its storage was called."""
    made, calls = AuthlibApp(ca_bundle, clock).with_grants(), Counter[str]()

    def counting(name: str, method: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return method(*args, **kwargs)

        return counted

    for name in ("find_code", "find_token", "redeem_code", "rotate", "add_code", "revoke_grant"):
        monkeypatch.setattr(made.storage, name, counting(name, getattr(made.storage, name)))
    return made, calls


def test_a_redemption_looks_its_code_up_once(counted: tuple[AuthlibApp, Counter[str]], origin: TLSOrigin) -> None:
    made, calls = counted
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    code = made.decide(sign_in.parameters)["code"]
    calls.clear()
    assert made.redeem(sign_in, code).status_code == 200
    assert calls == {"find_code": 1, "redeem_code": 1}


def test_a_refresh_looks_its_token_up_once(counted: tuple[AuthlibApp, Counter[str]], origin: TLSOrigin) -> None:
    made, calls = counted
    client_id = publish_client(origin)
    token = made.tokens(client_id)["refresh_token"]
    calls.clear()
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id}
    assert made.post("/token", form).status_code == 200
    assert calls == {"find_token": 1, "rotate": 1}
