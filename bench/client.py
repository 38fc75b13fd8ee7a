"""A sign-in by a client's session beside Authlib's own doing the same requests: CPU of the client's process.

The server is the demo as it runs for real, which keeps connections open for both. A round is one sign-in of each, one
right after the other and in alternating order, and has a ratio of its own: what else runs on the machine slows both
sides of a round, and the median leaves out the rounds in which it slowed one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from flask_cimd.publish import FetchSettings, PublishedClient
from tests.support.browser import REDIRECT, Browser, publish_client
from tests.support.gunicorn import running_gunicorn
from tests.support.origin import TLSOrigin

from .foundation import Row

#: Rounds that count, and those before them that warm both sides and the server up.
_ROUNDS, _WARM_UP = 80, 5
_LIMIT = 1.2


def run() -> list[Row]:
    """Measure one sign-in of each in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder, ca = Path(name), trustme.CA()
        bundle = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(bundle))
        database = f"sqlite:///{folder}/demo.db"
        with (
            TLSOrigin(ca) as origin,
            running_gunicorn(folder, database_url=database, workers=1, CIMD_CA_BUNDLE=str(bundle)) as owner,
        ):
            client_id, url = publish_client(origin), owner.base_url
            client = PublishedClient(
                client_id=client_id, members={"redirect_uris": [REDIRECT]}, fetch=FetchSettings(allow_loopback=True)
            )
            approve = _approval(owner)
            rounds = _rounds(lambda: _ours(client, url, approve), lambda: _theirs(client_id, url, approve))
    ours, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(mine / its for mine, its in rounds)
    note = f"{ours * 1000:.1f} ms beside {theirs * 1000:.1f} ms of CPU"
    return [Row(name="a client's sign-in / Authlib's OAuth2Session", figure=ratio, limit=_LIMIT, note=note)]


Approve = Callable[[str], str]


def _rounds(ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple[float, float]]:
    """Return the CPU seconds of both sides of each round; every second round begins with theirs."""
    found = []
    for number in range(_WARM_UP + _ROUNDS):
        if number % 2:
            its, mine = theirs(), ours()
        else:
            mine, its = ours(), theirs()
        found.append((mine, its))
    return found[_WARM_UP:]


def _approval(owner: Browser) -> Approve:
    def approve(url: str) -> str:
        page = owner.get(url.removeprefix(owner.base_url))
        return str(owner.press(page, "Approve").headers["Location"])

    return approve


def _ours(client: PublishedClient, issuer: str, approve: Approve) -> float:
    started = time.process_time()
    session: Any = client.session(client.discover(issuer), scope="profile")
    url, remembered = session.begin()
    spent = time.process_time() - started
    answer = approve(url)
    started = time.process_time()
    session.finish(remembered, answer)
    assert session.get(f"{issuer}/userinfo").status_code == 200
    return spent + time.process_time() - started


def _theirs(client_id: str, issuer: str, approve: Approve) -> float:
    started = time.process_time()
    session = OAuth2Session(client_id, redirect_uri=REDIRECT, scope="profile", token_endpoint_auth_method="none")
    session.trust_env = False
    server = session.get(f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()
    verifier, state = generate_token(64), generate_token(32)
    form = {
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "profile",
        "state": state,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    endpoint = server["pushed_authorization_request_endpoint"]
    pushed = session.post(endpoint, data=form, withhold_token=True).json()["request_uri"]
    url = add_params_to_uri(server["authorization_endpoint"], [("client_id", client_id), ("request_uri", pushed)])
    spent = time.process_time() - started
    answer = approve(url)
    started = time.process_time()
    session.fetch_token(server["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier)
    assert session.get(f"{issuer}/userinfo").status_code == 200
    return spent + time.process_time() - started
