"""A sample MCP client with a page: finds the server behind a refused call, signs in, and uses the owner's notes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import requests
from flask import Flask, current_app, request, session
from werkzeug.wrappers import Response

from demo.samples.app import SampleError, create_sample, home, login, people, show
from flask_cimd import CIMDError
from flask_cimd.publish import PublishedClient, SignedIn

NAME = "mcp_client"
TITLE = "Assistant"
ABOUT = "Speaks MCP: reads your notes, and asks again before it writes one."
#: Members of the document.
MEMBERS = {"client_name": TITLE, "grant_types": ["authorization_code"]}
_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
_TIMEOUT = 10
#: Calls that wait for a consent, and characters of a note.
_MOST_WAITING = 100
_MOST_CHARACTERS = 20_000


def create_app(client: PublishedClient, redirect_uri: str, profile_url: str, mcp_url: str) -> Flask:
    """Build the app."""

    def use(tool: str, **arguments: str) -> Any:
        """Call a tool; where the token is not enough, ask for more first and call it afterwards."""
        answer = _call(client, mcp_url, tool, arguments)
        if answer.status_code in (401, 403):
            # RFC 6750 §3.1: the challenge names what is missing; one more consent brings it.
            _wait(tool, arguments)
            return sign_in(answer.headers.get("WWW-Authenticate", ""))
        return show(answer=_result(answer))

    def sign_in(challenge: str) -> Response:
        server = client.discover(mcp_url, kind="resource", challenge=challenge)
        return login().start(server, scope=server.scope)

    def signed_in(person: SignedIn) -> Any:
        people().remember(person)
        waiting = current_app.extensions["waiting"].pop(session.pop("waiting", ""), None)
        if waiting is None:
            return None
        answer = _call(client, mcp_url, *waiting)
        people().tell(_result(answer) if answer.ok else ["The notes still refuse that."])
        return None

    options: dict[str, Any] = {"template": "assistant.html", "redirect_uri": redirect_uri, "on_signed_in": signed_in}
    app = create_sample(NAME, TITLE, ABOUT, client, profile_url, **options)
    app.extensions["waiting"] = {}
    app.register_error_handler(CIMDError, lambda error: show(error.status, problem=error.public_message))

    @app.post("/connect")
    def connect() -> Any:
        return sign_in(_call(client, mcp_url, "list_notes", {}).headers.get("WWW-Authenticate", ""))

    @app.post("/notes")
    def read_notes() -> Any:
        return use("list_notes")

    @app.post("/write")
    def write_note() -> Any:
        return use("write_note", text=request.form.get("text", "")[:_MOST_CHARACTERS])

    for path in ("/notes", "/write"):
        app.add_url_rule(path, f"back{path}", home)
    return app


def _wait(tool: str, arguments: Mapping[str, str]) -> None:
    """Keep what the person was doing until they come back from the consent page."""
    waiting = current_app.extensions["waiting"]
    while len(waiting) >= _MOST_WAITING:
        waiting.pop(next(iter(waiting)))
    session["waiting"] = secrets.token_urlsafe(16)
    waiting[session["waiting"]] = (tool, arguments)


def _call(client: PublishedClient, mcp_url: str, tool: str, arguments: Mapping[str, str]) -> requests.Response:
    message: Any = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    person = people().current()
    options: dict[str, Any] = {"headers": _HEADERS, "timeout": _TIMEOUT, "allow_redirects": False}
    try:
        if person is None:
            with requests.Session() as http:
                http.trust_env = False
                return http.post(mcp_url, json=message, **options)
        with client.session(person.server, token=person.token) as signed_in:
            answer: requests.Response = signed_in.post(mcp_url, json=message, **options)
            return answer
    except (CIMDError, requests.RequestException) as exc:
        raise SampleError("The notes do not answer.") from exc


def _result(answer: requests.Response) -> list[str]:
    try:
        return [item["text"] for item in answer.json()["result"]["content"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise SampleError("The notes answer something else.") from exc
