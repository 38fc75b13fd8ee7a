"""Scripts of other origins: preflights need no token, answers can be read, credentials are never allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from flask import Flask, Response

from flask_cimd.oauth import Access, ProtectedASGI, ResourceProtector
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite

NOTES = "https://me.example/notes"
APP = "https://app.example"
ACCESS = Access(subject="s", client_id="c", scope=frozenset({"read"}), audience=frozenset({NOTES}))
ASKED = "authorization,content-type,mcp-protocol-version,mcp-session-id,x-own"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ASKED}
EXPOSED = {"WWW-Authenticate", "DPoP-Nonce", "Mcp-Session-Id"}


def names(answer: Any, header: str) -> set[str]:
    return {name.strip() for name in answer.headers.get(header, "").split(",") if name.strip()}


def assert_allowed(answer: Any, method: str = "POST") -> None:
    assert answer.status_code == 204
    assert method in names(answer, "Access-Control-Allow-Methods")
    assert names(answer, "Access-Control-Allow-Headers") == set(ASKED.split(","))
    assert "Access-Control-Allow-Credentials" not in answer.headers


# -- documents ---------------------------------------------------------------------------------------------------


@proves("M-01", "AT-44")
@pytest.mark.parametrize(
    "path",
    ["oauth-authorization-server", "openid-configuration", "oauth-protected-resource",
     "oauth-protected-resource/api/profile"],
)  # fmt: skip
def test_preflights_of_the_well_known_documents_answer(site: ProviderSite, path: str) -> None:
    browser, asked = site.browser(), {**PREFLIGHT, "Access-Control-Request-Method": "GET"}
    answer = browser.request("OPTIONS", f"/.well-known/{path}", headers=asked)
    assert_allowed(answer, "GET")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    document = browser.get(f"/.well-known/{path}", headers={"Origin": APP})
    assert (document.status_code, document.headers["Access-Control-Allow-Origin"]) == (200, "*")


# -- views -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_client() -> Callable[..., Any]:
    def make(**options: Any) -> Any:
        app = Flask("resource")
        protect = ResourceProtector({"good": ACCESS}.get, audience=NOTES, **options)

        @app.get("/notes")
        @protect("read")
        def read() -> str:
            return "read"

        @app.post("/notes")
        @protect("write")
        def write() -> str:
            return "written"

        @app.get("/own")
        @protect("read")
        def own() -> Response:
            return Response("read", headers={"Access-Control-Allow-Origin": APP, "Vary": "Accept"})

        return app.test_client()

    return make


def test_a_protected_view_answers_the_preflight_before_it_asks_for_a_token(make_client: Callable[..., Any]) -> None:
    answer = make_client().options("/notes", headers=PREFLIGHT)
    assert_allowed(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert names(answer, "Access-Control-Allow-Methods") >= {"GET", "POST"}


@pytest.mark.parametrize(("token", "status"), [("good", 200), ("bad", 401), (None, 401), ("%", 400)])
def test_a_script_reads_answers_and_challenges(make_client: Callable[..., Any], token: str | None, status: int) -> None:
    headers = {"Origin": APP, **({"Authorization": f"Bearer {token}"} if token else {})}
    answer = make_client().get("/notes", headers=headers)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert names(answer, "Access-Control-Expose-Headers") >= EXPOSED
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_options_request_that_is_no_preflight_lists_the_methods_alone(make_client: Callable[..., Any]) -> None:
    answer = make_client().options("/notes")
    assert names(answer, "Allow") >= {"GET", "POST"}
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_headers_of_the_app_itself_stay(make_client: Callable[..., Any]) -> None:
    answer = make_client(origins=[APP]).get("/own", headers={"Origin": APP, "Authorization": "Bearer good"})
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [APP]
    assert names(answer, "Vary") == {"Accept", "Origin"}


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "null", "HTTPS://app.example"])
def test_a_listed_origin_alone_is_let_in(make_client: Callable[..., Any], origin: str) -> None:
    client = make_client(origins=[APP])
    assert_allowed(client.options("/notes", headers=PREFLIGHT))
    for method in ("OPTIONS", "GET"):
        mine = client.open("/notes", method=method, headers=PREFLIGHT)
        assert mine.headers["Access-Control-Allow-Origin"] == APP
        foreign = client.open("/notes", method=method, headers={**PREFLIGHT, "Origin": origin})
        assert not [name for name, _ in foreign.headers if name.startswith("Access-Control-")]
        assert "Origin" in names(mine, "Vary") & names(foreign, "Vary")


@pytest.mark.parametrize("asked", ["a\x01b", "x" * 9 + "," * 40, "a, b;c", ",".join("x" * 40)])
def test_a_list_of_headers_that_is_none_is_not_echoed(make_client: Callable[..., Any], asked: str) -> None:
    answer = make_client().options("/notes", headers={**PREFLIGHT, "Access-Control-Request-Headers": asked})
    assert "MCP-Protocol-Version" in names(answer, "Access-Control-Allow-Headers")


# -- ASGI --------------------------------------------------------------------------------------------------------


class Answer:
    """What an ASGI app sent."""

    def __init__(self, messages: list[MutableMapping[str, Any]]) -> None:
        self.status_code = messages[0]["status"]
        self.fields = [(name.decode().lower(), value.decode()) for name, value in messages[0]["headers"]]
        self.headers = {name.title(): value for name, value in self.fields}
        self.headers |= {"WWW-Authenticate": self.headers.get("Www-Authenticate", "")}


def ask(method: str, path: str, headers: dict[str, str], **options: Any) -> Answer:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        own = [(b"Access-Control-Expose-Headers", b"X-Own")]
        await send({"type": "http.response.start", "status": 200, "headers": own if method == "PUT" else []})
        await send({"type": "http.response.body", "body": b""})

    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    protector = ResourceProtector({"good": ACCESS}.get, audience=NOTES, **options)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": encoded}
    asyncio.run(ProtectedASGI(app, protector, metadata={"resource": NOTES})(scope, receive, send))
    return Answer(sent)


@pytest.mark.parametrize("path", ["/notes", "/.well-known/oauth-protected-resource/notes"])
def test_an_asgi_app_answers_the_preflight_before_it_asks_for_a_token(path: str) -> None:
    asked = {**PREFLIGHT, "Access-Control-Request-Method": "GET"}
    answer = ask("OPTIONS", path, asked)
    assert_allowed(answer, "GET")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(("token", "status"), [("good", 200), ("bad", 401), (None, 401)])
def test_a_script_reads_the_answers_of_an_asgi_app(token: str | None, status: int) -> None:
    answer = ask("POST", "/notes", {"Origin": APP, **({"Authorization": f"Bearer {token}"} if token else {})})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
    assert names(answer, "Access-Control-Expose-Headers") >= EXPOSED


def test_headers_of_the_app_behind_stay_and_come_once() -> None:
    answer = ask("PUT", "/notes", {"Origin": APP, "Authorization": "Bearer good"})
    assert [value for name, value in answer.fields if name == "access-control-expose-headers"] == ["X-Own"]


def test_an_asgi_app_lets_a_listed_origin_alone_in() -> None:
    assert_allowed(ask("OPTIONS", "/notes", PREFLIGHT, origins=[APP]))
    foreign = ask("OPTIONS", "/notes", {**PREFLIGHT, "Origin": "https://evil.example"}, origins=[APP])
    assert not [name for name, _ in foreign.fields if name.startswith("access-control-")]
    document = "/.well-known/oauth-protected-resource/notes"
    found = ask("GET", document, {"Origin": "https://evil.example"}, origins=[APP])
    assert found.headers["Access-Control-Allow-Origin"] == "*"  # a public document


def test_an_options_request_that_is_no_preflight_needs_a_token() -> None:
    assert ask("OPTIONS", "/notes", {"Origin": APP}).status_code == 401
