"""Attacks on the protocol: redirects, forged forms, replays, downgrades, mix-up, injected headers, floods."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import requests

from tests.support.browser import REDIRECT, SignIn, publish_client

from .fetching import is_refused
from .target import Outcome, Target

_ELSEWHERE = (
    "https://evil.example/", REDIRECT + "/../evil", REDIRECT + "?x=1", REDIRECT + "#x", "http://127.0.0.1:7777/callback/",
    "http://127.0.0.1:7777@evil.example/callback", "http://127.0.0.1.evil.example:7777/callback", "javascript:alert(1)",
    "//evil.example", "http://127.0.0.1:7777/%63allback", "HTTP://127.0.0.1:7777/callback", REDIRECT + "\r\nX: y", "",
)  # fmt: skip


def redirect_uris(target: Target) -> Iterator[Outcome]:
    """Ask for codes at addresses that the client does not list."""
    client_id = publish_client(target.origin, "/redirected.json")
    for uri in _ELSEWHERE:
        answer = target.owner.authorize(SignIn.begin(client_id, uri, scope="profile"))
        yield f"redirect_uri {uri!r}", is_refused(answer)


def forged_consent(target: Target) -> Iterator[Outcome]:
    """Send the consent form from a page of the attacker, or from another browser."""
    client_id = publish_client(target.origin, "/forged.json")
    page = target.owner.authorize(SignIn.begin(client_id, scope="profile"))
    bare = target.forged().post("/consent", {"decision": "approve", "scope": "profile"})
    yield (
        "consent without its token",
        bare.status_code in (400, 403) and "code=" not in bare.headers.get("Location", ""),
    )
    stolen = target.stranger().press(page, "Approve")
    yield "consent of another browser", "code=" not in stolen.headers.get("Location", "")
    got = target.owner.get("/consent", params={"decision": "approve"})
    yield "consent by GET", got.status_code == 405
    approved = target.owner.approve(page)
    yield "the owner's own press counts", "code" in approved
    again = target.owner.press(page, "Approve").headers.get("Location", "")
    # A second click repeats the answer of the first.
    yield "consent twice", "code=" not in again or f"code={approved['code']}" in again


def replays(target: Target) -> Iterator[Outcome]:
    """Use codes and refresh tokens twice, side by side, for other clients, and without the verifier."""
    client_id = publish_client(target.origin, "/replayed.json")
    other = publish_client(target.origin, "/thief.json")
    sign_in, code = target.owner.code(client_id)
    wrong = target.stranger().redeem(sign_in, code, code_verifier="w" * 43)
    yield "a code with a wrong verifier", wrong.status_code == 400
    sign_in, code = target.owner.code(client_id)
    yield "a code without verifier", target.stranger().redeem(sign_in, code, code_verifier="").status_code == 400
    sign_in, code = target.owner.code(client_id)
    yield "a code of another client", target.stranger().redeem(sign_in, code, client_id=other).status_code in (400, 401)
    sign_in, code = target.owner.code(client_id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: target.stranger().redeem(sign_in, code).status_code, range(8)))
    yield "a code eight times at once", answers.count(200) <= 1 and max(answers) < 500
    tokens = target.owner.tokens(client_id)
    stolen = target.stranger().refresh(other, tokens["refresh_token"])
    yield "a refresh token of another client", stolen.status_code in (400, 401)
    bearer = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    yield "a refresh token as access token", target.stranger().get("/userinfo", headers=bearer).status_code == 401


def downgrades(target: Target) -> Iterator[Outcome]:
    """Ask for less protection than the server gives."""
    client_id = publish_client(target.origin, "/downgraded.json")
    for name, changes in {
        "no challenge": {"code_challenge": None, "code_challenge_method": None},
        "a plain challenge": {"code_challenge_method": "plain"},
        "no method": {"code_challenge_method": None},
        "the implicit flow": {"response_type": "token"},
        "a hybrid flow": {"response_type": "code id_token"},
    }.items():
        answer = target.owner.authorize(SignIn.begin(client_id, scope="profile", **changes))
        location = answer.headers.get("Location", "")
        yield name, answer.status_code != 200 and "code=" not in location and "access_token=" not in location
    for grant in ("password", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"):
        answer = target.stranger().post("/token", {"grant_type": grant, "client_id": client_id, "username": "a"})
        yield f"grant_type {grant}", answer.status_code in (400, 401)


def mix_up(target: Target) -> Iterator[Outcome]:
    """Look for responses that do not say whose they are (RFC 9207)."""
    client_id = publish_client(target.origin, "/mixed.json")
    answer = target.owner.approve(target.owner.authorize(SignIn.begin(client_id, scope="profile")))
    yield "a code names its issuer", answer.get("iss") == target.owner.base_url
    denied = target.owner.deny(target.owner.authorize(SignIn.begin(client_id, scope="profile")))
    yield "an error names its issuer", denied.get("iss") == target.owner.base_url


def raw(target: Target, request: bytes) -> bytes:
    """Send bytes and return the beginning of the answer."""
    parts = urlsplit(target.owner.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(65536)
        except OSError:
            return b""


def headers(target: Target) -> Iterator[Outcome]:
    """Inject header fields, and forge the ones that proxies set."""
    client_id = publish_client(target.origin, "/injected.json")
    page = target.owner.authorize(SignIn.begin(client_id, scope="profile", state="a\r\nX-Injected: yes"))
    answer = target.owner.press(page, "Approve") if page.status_code == 200 else page
    yield "a line break in state", "X-Injected" not in answer.headers
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    metadata = target.stranger().get("/.well-known/oauth-authorization-server", headers=forged)
    yield "a forged host in the metadata", "evil.example" not in metadata.text
    for name, line in {
        "a line break in the path": b"GET /%0d%0aX-Injected:%20yes HTTP/1.1",
        "a zero byte in the path": b"GET /login?next=%00 HTTP/1.1",
        "a path that is another site": b"GET //evil.example/%2e%2e HTTP/1.1",
    }.items():
        got = raw(target, line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        yield name, b"X-Injected: yes\r\n" not in got and b" 500 " not in got.split(b"\r\n")[0]
    login = target.stranger().get(f"/login?next={quote('https://evil.example/')}")
    yield "a log-in that leads elsewhere", "evil.example" not in login.headers.get("Location", "")


def oversized(target: Target) -> Iterator[Outcome]:
    """Send more than any request needs."""
    client_id = publish_client(target.origin, "/oversized.json")
    for name, length in (("state", 100_000), ("scope", 100_000)):
        answer = _answered(lambda: target.owner.authorize(SignIn.begin(client_id, **{name: "x" * length})))  # noqa: B023  called at once
        yield f"a {name} of {length} characters", answer is None or 400 <= answer.status_code < 500
    for path in ("/token", "/par", "/revoke", "/introspect"):
        answer = _answered(lambda: target.stranger().post(path, {"client_id": client_id, "x": "y" * 5_000_000}))  # noqa: B023  called at once
        yield f"five megabytes at {path}", answer is None or 400 <= answer.status_code < 500
    many = [(f"a{number}", "b") for number in range(20_000)]
    answer = _answered(lambda: target.stranger().post("/token", many))
    yield "20,000 parameters", answer is None or 400 <= answer.status_code < 500


def _answered(send: object) -> requests.Response | None:
    """Return the answer, or ``None`` if the server ended the connection while it was being sent."""
    try:
        return send()  # type: ignore[operator, no-any-return]  # a function
    except requests.ConnectionError:
        return None


def guesses(target: Target) -> Iterator[Outcome]:
    """Guess codes, tokens and request names."""
    client_id = publish_client(target.origin, "/guessed.json")
    stranger, sign_in = target.stranger(), SignIn.begin(client_id)
    for number in range(5 if target.is_short else 50):
        guess = f"{number:043d}"
        yield "a guessed code", stranger.redeem(sign_in, guess).status_code == 400
        yield "a guessed refresh token", stranger.refresh(client_id, guess).status_code == 400
        bearer = {"Authorization": f"Bearer {guess}"}
        yield "a guessed access token", stranger.get("/userinfo", headers=bearer).status_code == 401
        uri = {"client_id": client_id, "request_uri": f"urn:ietf:params:oauth:request_uri:{guess}"}
        yield "a guessed request_uri", is_refused(target.owner.get("/authorize", params=uri))
    yield "a stranger at connected apps", "Revoke" not in target.stranger().get("/apps").text


def exhaustion(target: Target) -> Iterator[Outcome]:
    """Push requests of clients that do not exist, many at once; the owner must get in meanwhile."""
    client_id = publish_client(target.origin, "/known.json")
    target.owner.tokens(client_id)

    def push(number: int) -> int:
        parameters = SignIn.begin(target.origin.url(f"/nobody-{number}.json")).parameters
        return target.stranger().post("/par", parameters).status_code

    with ThreadPoolExecutor(8) as pool:
        flood = [pool.submit(push, number) for number in range(40 if target.is_short else 400)]
        yield "the owner signs in beside a flood", "access_token" in target.owner.tokens(client_id)
        yield "no push of the flood is a fault", all(push.result() in (400, 401, 429, 503) for push in flood)


ATTACKS = (
    redirect_uris, forged_consent, replays, downgrades, mix_up, headers, oversized, guesses, exhaustion,
)  # fmt: skip
