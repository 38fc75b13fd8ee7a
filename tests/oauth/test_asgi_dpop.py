"""Key-bound tokens at an ASGI app: no Flask app, no Flask request, only the ASGI messages themselves (RFC 9449 §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd.oauth import Access, BearerScheme, DPoP, DPoPScheme, MemoryReplayCache, ProtectedASGI, ResourceProtector
from tests.support.clock import Clock
from tests.support.dpop import ProofKey, token_hash

ORIGIN = "https://me.example"
RESOURCE = ORIGIN + "/mcp"
KEY = ProofKey()


def access(key: str | None, scope: str = "read") -> Access:
    return Access(
        subject=ORIGIN, client_id="c", scope=frozenset({scope}), audience=frozenset({RESOURCE}), key_thumbprint=key
    )


TOKENS = {"bound": access(KEY.thumbprint), "free": access(None), "other": access(ProofKey().thumbprint)}


class Caller:
    """A client of one protected app; keeps the newest nonce, as RFC 9449 §8.2 asks of clients."""

    def __init__(self, clock: Clock, needs: Callable[[bytes], Any] = lambda body: ()) -> None:
        self.clock = clock
        self.nonce: str | None = None
        dpop = DPoP(replay_cache=MemoryReplayCache(), origin=ORIGIN, clock=clock)
        protector = ResourceProtector(TOKENS.get, audience=RESOURCE, schemes=(BearerScheme(), DPoPScheme(dpop)))
        self._app = ProtectedASGI(self._answer, protector, metadata={}, needs=needs)

    @staticmethod
    async def _answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"x-subject", b"me")]})
        await send({"type": "http.response.body", "body": b""})

    def send(self, *headers: tuple[str, str], path: str = "/mcp") -> tuple[int, dict[str, str]]:
        """Send one request and return status and headers."""
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
        scope = {"type": "http", "method": "POST", "path": path, "headers": encoded}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self._app(scope, receive, send))
        received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self.nonce = received.get("dpop-nonce", self.nonce)
        return sent[0]["status"], received

    def proof(self, token: str = "bound", url: str = RESOURCE, **claims: Any) -> str:
        """Return a proof for a POST with the newest nonce."""
        usual = {"nonce": self.nonce, "ath": token_hash(token)}
        return KEY.proof("POST", url, self.clock(), **{**usual, **claims})

    def present(self, token: str = "bound", **claims: Any) -> tuple[int, dict[str, str]]:
        """Present a token with a proof."""
        return self.send(("Authorization", f"DPoP {token}"), ("DPoP", self.proof(token, **claims)))


@pytest.fixture
def caller(clock: Clock) -> Caller:
    """Return a caller that has the newest nonce already."""
    found = Caller(clock)
    found.present()
    return found


def test_a_bound_token_reaches_the_app_after_one_nonce_challenge(clock: Clock) -> None:
    caller = Caller(clock)
    status, headers = caller.present()
    assert (status, headers["www-authenticate"].partition(",")[0]) == (401, 'DPoP error="use_dpop_nonce"')
    assert headers["dpop-nonce"]

    status, headers = caller.present()
    assert (status, headers["x-subject"]) == (204, "me")
    assert headers["dpop-nonce"] == caller.nonce


def test_the_newest_nonce_is_on_every_answer(caller: Caller) -> None:
    first = caller.nonce
    caller.clock.forward(minutes=1)
    assert caller.present()[0] == 204
    assert caller.nonce != first


@pytest.mark.parametrize(
    ("token", "claims", "error"),
    [
        ("bound", {"htm": "GET"}, "invalid_dpop_proof"),
        ("bound", {"htu": "https://other.example/mcp"}, "invalid_dpop_proof"),
        ("bound", {"ath": token_hash("other")}, "invalid_dpop_proof"),
        ("bound", {"nonce": None}, "use_dpop_nonce"),
        ("other", {}, "invalid_token"),
        ("free", {}, "invalid_token"),
    ],
)
def test_a_refusal_carries_the_nonce(caller: Caller, token: str, claims: dict[str, Any], error: str) -> None:
    status, headers = caller.present(token, **claims)
    assert (status, headers["www-authenticate"].partition(",")[0]) == (401, f'DPoP error="{error}"')
    assert headers["dpop-nonce"] == caller.nonce


def test_a_missing_scope_is_refused_with_the_nonce(clock: Clock) -> None:
    caller = Caller(clock, needs=lambda body: ["write"])
    caller.present()
    status, headers = caller.present()
    assert (status, headers["dpop-nonce"]) == (403, caller.nonce)


def test_a_proof_counts_once(caller: Caller) -> None:
    proof = caller.proof()
    headers = (("Authorization", "DPoP bound"), ("DPoP", proof))
    assert caller.send(*headers)[0] == 204
    assert caller.send(*headers)[0] == 401


def test_the_configured_origin_counts_and_not_the_host_header(caller: Caller) -> None:
    token = ("Authorization", "DPoP bound")
    forged = ("Host", "attacker.example")
    assert caller.send(token, forged, ("DPoP", caller.proof(url="http://attacker.example/mcp")))[0] == 401
    assert caller.send(token, forged, ("DPoP", caller.proof()))[0] == 204


@pytest.mark.parametrize("host", ["[", "a b", "https://me.example/", ""])
def test_a_malformed_host_header_is_ignored(caller: Caller, host: str) -> None:
    headers = (("Authorization", "DPoP bound"), ("DPoP", caller.proof()), ("Host", host))
    assert caller.send(*headers)[0] == 204


@pytest.mark.parametrize("path", ["/a b", "/é", "/100%", "/a%2Fb", "/a;b=c,d"])
def test_the_path_is_compared_as_clients_encode_it(clock: Clock, path: str) -> None:
    caller = Caller(clock)
    caller.present()
    encoded = {"/a b": "/a%20b", "/é": "/%c3%a9", "/100%": "/100%25", "/a%2Fb": "/a%252Fb"}.get(path, path)
    proof = caller.proof(url=ORIGIN + encoded)
    assert caller.send(("Authorization", "DPoP bound"), ("DPoP", proof), path=path)[0] == 204


def test_a_bearer_token_needs_no_proof_and_gets_no_nonce(clock: Clock) -> None:
    status, headers = Caller(clock).send(("Authorization", "Bearer free"))
    assert (status, "dpop-nonce" in headers) == (204, False)


def test_objects_with_one_secret_key_accept_each_others_nonces(clock: Clock) -> None:
    one, two, other = (
        DPoP(replay_cache=MemoryReplayCache(), origin=ORIGIN, secret_key=key, clock=clock)
        for key in ("k", b"k", "other")
    )
    assert one.nonce_header() == two.nonce_header() != other.nonce_header()
