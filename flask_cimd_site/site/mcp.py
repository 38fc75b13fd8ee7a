"""The MCP endpoint for the notes of the owner, as a separate process: ``python -m flask_cimd_site.site.mcp``.

It uses the database of the site and introspects each token at the site. It needs the extra ``mcp`` and the environment
of the site, and in addition ``DEMO_MCP_ID`` and ``DEMO_MCP_SECRET``, which the command
``flask-cimd-site resource-server add NAME DEMO_MCP_URL`` prints.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from flask import Flask
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel
from starlette.responses import Response
from werkzeug.exceptions import RequestEntityTooLarge

from flask_cimd import ConfigurationError
from flask_cimd.core import StrictJSONError, read_object
from flask_cimd.oauth import IntrospectedTokens, ProtectedASGI, ResourceProtector, TokenRefused
from flask_cimd_site import create_app
from flask_cimd_site.provider.endpoints import INTROSPECTION_PATH
from flask_cimd_site.provider.resources import own_resources
from flask_cimd_site.services import services
from flask_cimd_site.site import posts
from flask_cimd_site.site import properties as mf2
from flask_cimd_site.site.content import permalink, view

#: Scope that each tool needs; tools without an entry cannot be called.
TOOL_SCOPES = {
    "list_notes": "notes:read",
    "read_note": "notes:read",
    "write_note": "notes:write",
    "delete_note": "notes:write",
}
_ENTRY = ("notes:read",)
_MOST = 50

_DEFAULT_PORT = 5008


class Note(BaseModel, frozen=True):
    """One note in the result of a tool."""

    slug: str
    url: str
    text: str
    published: str
    is_draft: bool


def scopes_needed(body: bytes) -> Collection[str]:
    """Return the scopes of the tool that a JSON-RPC message calls; other messages need a valid token only.

    Raises:
        TokenRefused: 400; duplicate members are refused, since two parsers could read two tools.
    """
    if not body:
        return ()
    try:
        message = read_object(body)
    except StrictJSONError as error:
        raise TokenRefused(400, "invalid_request", "The body must be one JSON-RPC message.") from error
    if message.get("method") != "tools/call":
        return ()
    parameters = message.get("params")
    name = parameters.get("name") if isinstance(parameters, dict) else None
    needed = TOOL_SCOPES.get(name) if isinstance(name, str) else None
    return (needed,) if needed else ()


class Tools:
    """The tools of the endpoint; scopes are checked before a tool is called."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def list_notes(self, limit: int = 20) -> list[Note]:
        """List the newest notes, drafts included."""
        with self._app.test_request_context():
            return [_as_note(post) for post in posts.editable(max(1, min(limit, _MOST)))]

    def read_note(self, slug: str) -> Note:
        """Read one note."""
        with self._app.test_request_context():
            return _as_note(_existing(slug))

    def write_note(self, text: str, draft: bool = False) -> Note:
        """Publish a note, or leave it as a draft."""
        with self._app.test_request_context():
            try:
                properties = mf2.read_known({"content": [text]})
                mf2.require_substance(properties)
            except mf2.PropertyError as error:
                raise ToolError(str(error)) from error
            now = services().clock()
            try:
                post = posts.add(properties, is_draft=draft, published_at=now, slug=None, images=(), now=now)
            except RequestEntityTooLarge as error:
                raise ToolError("The storage of the site is full.") from error
            return _as_note(post)

    def delete_note(self, slug: str) -> Note:
        """Delete a note."""
        with self._app.test_request_context():
            _existing(slug)
            changed = posts.change(slug, lambda post: replace(post, deleted_at=post.deleted_at or services().clock()))
            if changed is None:
                raise ToolError("There is no note with this slug.")
            return _as_note(changed)


def _existing(slug: str) -> posts.Post:
    post = posts.find(slug)
    if post is None or post.deleted_at is not None:
        raise ToolError("There is no note with this slug.")
    return post


def _as_note(post: posts.Post) -> Note:
    return Note(
        slug=post.slug,
        url=permalink(post.slug),
        text=view(post).content.striptags(),
        published=post.published_at.isoformat(timespec="seconds"),
        is_draft=post.is_draft,
    )


def create_server(app: Flask) -> MCPServer[Any]:
    """Return the MCP server with its tools."""
    about = "Read and write the notes of one person's site."
    server: MCPServer[Any] = MCPServer("notes", instructions=about, log_level="WARNING")
    tools = Tools(app)
    for name in TOOL_SCOPES:
        server.add_tool(getattr(tools, name))
    return server


def create_asgi(environment: Mapping[str, str]) -> ProtectedASGI:
    """Return the MCP endpoint as an ASGI application that checks tokens before it calls tools.

    Raises:
        ConfigurationError: a variable is missing or invalid.
    """
    app = create_app(environment)
    with app.app_context():
        configuration = services().configuration
    url, server_id, secret = configuration.mcp_url, environment.get("DEMO_MCP_ID"), environment.get("DEMO_MCP_SECRET")
    if not url or not server_id or not secret:
        raise ConfigurationError("DEMO_MCP_URL, DEMO_MCP_ID and DEMO_MCP_SECRET must be set")
    tokens = IntrospectedTokens(
        configuration.base_url + INTROSPECTION_PATH,
        server_id=server_id,
        secret=secret,
        issuer=configuration.base_url,
        # The certificate of the site may be of a private authority.
        ca_bundle=configuration.cimd.get("CIMD_CA_BUNDLE"),
    )
    place = urlsplit(url)
    # Browsers name the page's origin; a page that is not listed reaches no tool, whatever token it has.
    origins = [f"{place.scheme}://{place.netloc}", *configuration.mcp_origins]
    inner = create_server(app).streamable_http_app(
        streamable_http_path=place.path or "/",
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[place.netloc],
            allowed_origins=origins,
        ),
    )
    document = own_resources(configuration)[url].metadata(configuration.base_url)
    protector = ResourceProtector(tokens.find, audience=url, origins=origins)
    return ProtectedASGI(_without_streams(inner), protector, metadata=document, needs=scopes_needed, entry=_ENTRY)


def _without_streams(inner: Any) -> Any:
    """Answer 405 to GET: this server sends no event stream, and clients would reconnect for ever."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return answer


def main() -> int:
    """Serve the endpoint until Ctrl-C and return the exit code."""
    environment = dict(os.environ)
    try:
        app = create_asgi(environment)
    except ConfigurationError as error:
        print(f"The MCP endpoint cannot start: {error}", file=sys.stderr)
        return 2
    port = environment.get("DEMO_MCP_PORT") or urlsplit(environment["DEMO_MCP_URL"]).port or _DEFAULT_PORT
    with socket.create_server((environment.get("DEMO_HOST", "127.0.0.1"), int(port))) as listener:
        # After this line, connections succeed: the listener queues them until the server accepts them.
        print(f"The MCP endpoint: {environment['DEMO_MCP_URL']}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
