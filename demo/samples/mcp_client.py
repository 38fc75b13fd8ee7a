"""A sample MCP client with a page: finds the server behind a refused call, signs in, and uses the owner's notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask, redirect, render_template, request, session, url_for
from requests.utils import parse_dict_header
from werkzeug.wrappers import Response

from demo.samples.app import create_sample, current_access
from demo.samples.signin import Client, Provider, SignInError, begin, fresh_session, get, read_metadata

NAME = "mcp_client"
TITLE = "Assistant"
ABOUT = "Speaks MCP: reads your notes, and asks again before it writes one."
_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
_TIMEOUT = 10


def document(client_id: str, redirect_uri: str) -> dict[str, Any]:
    """Return the client metadata document."""
    return {
        "client_id": client_id,
        "client_name": TITLE,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def create_app(client_id: str, redirect_uri: str, profile_url: str, mcp_url: str) -> Flask:
    """Build the app."""
    client = Client(client_id=client_id, redirect_uri=redirect_uri, scope="", wants_token=True)
    about = {"title": TITLE, "text": ABOUT}
    template = "assistant.html"
    app = create_sample(NAME, about, client, profile_url, template=template, find=lambda: discover_resource(mcp_url))

    def use(tool: str, **arguments: str) -> Any:
        access = current_access()
        answer = _call(mcp_url, access.token if access else None, tool, arguments)
        if answer.status_code in (401, 403):
            # RFC 6750 §3.1: the challenge names what is missing; one more consent brings it.
            url, session["pending"] = begin(_provider(answer, mcp_url), client, profile_url)
            return redirect(url, code=303)
        found = _result(answer)
        page = {"about": about, "site": profile_url, "person": session.get("person"), "problem": None}
        return render_template(template, **page, answer=found)

    @app.post("/notes")
    def read_notes() -> Any:
        return use("list_notes")

    @app.post("/write")
    def write_note() -> Any:
        return use("write_note", text=request.form.get("text", ""))

    @app.get("/notes")
    @app.get("/write")
    def back() -> Response:
        return redirect(url_for("home"), code=303)

    return app


def discover_resource(mcp_url: str) -> Provider:
    """Find the authorization server of an MCP server through a refused call (RFC 9728 §5)."""
    return _provider(_call(mcp_url, None, "list_notes", {}), mcp_url)


def _provider(refused: requests.Response, mcp_url: str) -> Provider:
    challenge = parse_dict_header(refused.headers.get("WWW-Authenticate", "").partition(" ")[2])
    metadata_url = challenge.get("resource_metadata") or ""
    # RFC 9728 §3.3: what is found must be about the very address that was asked, and come from its own host.
    if urlsplit(metadata_url).netloc != urlsplit(mcp_url).netloc:
        raise SignInError("The notes do not say where to sign in.")
    try:
        resource = get(metadata_url).json()
        issuer = resource["authorization_servers"][0]
        if resource["resource"] != mcp_url:
            raise SignInError("The notes are described for another address.")
    except (ValueError, KeyError, TypeError, IndexError) as exc:
        raise SignInError("The description of the notes cannot be read.") from exc
    metadata = f"{issuer}/.well-known/oauth-authorization-server"
    return read_metadata(metadata, issuer=issuer, resource=mcp_url, scope=challenge.get("scope") or "")


def _call(mcp_url: str, token: str | None, tool: str, arguments: Mapping[str, str]) -> requests.Response:
    message: Any = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    headers = {**_HEADERS, **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with fresh_session() as http:
            return http.post(mcp_url, json=message, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
    except requests.RequestException as exc:
        raise SignInError("The notes do not answer.") from exc


def _result(answer: requests.Response) -> list[str]:
    try:
        return [item["text"] for item in answer.json()["result"]["content"]]
    except (ValueError, KeyError, TypeError) as exc:
        raise SignInError("The notes answer something else.") from exc
