"""An MCP server whose people sign in at a Flask provider: `python examples/mcp_server`, then log in with "secret".

`pip install "flask-cimd[provider,mcp]" flask-login` first. The provider is at http://127.0.0.1:5000, the tools are at
http://127.0.0.1:5001/mcp: give that address to an MCP client that identifies itself by URL.
"""

import os
from threading import Thread
from urllib.parse import urlsplit

import uvicorn
from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from mcp.server import MCPServer

from flask_cimd import CIMD
from flask_cimd.core import StrictJSONError, read_object
from flask_cimd.oauth import (
    IntrospectedTokens,
    ProtectedASGI,
    Resource,
    ResourceProtector,
    ResourceServer,
    TokenRefused,
)
from flask_cimd.provider import Provider

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
MCP_URL = os.environ.get("MCP_URL", "http://127.0.0.1:5001/mcp")
NEEDED = {"list_notes": "notes:read", "write_note": "notes:write"}  # the scope of each tool
notes = Resource(identifier=MCP_URL, name="Notes", scopes=("notes:read", "notes:write"), default_scope=("notes:read",))


def provider_app(tools):
    """Return the provider; `tools` may ask it what tokens for the notes are worth."""
    app, db, cimd = Flask(__name__), SQLAlchemy(), CIMD()
    app.config.update(SECRET_KEY="change me", SQLALCHEMY_DATABASE_URI="sqlite:///mcp.db", CIMD_ALLOW_LOOPBACK=True)
    app.config.update({name: value for name, value in os.environ.items() if name.startswith(("CIMD_", "SQLALCHEMY_"))})
    texts = {"notes:read": "Read your notes", "notes:write": "Write notes"}
    provider = Provider(
        scopes={"profile": "See your name"},
        texts=texts,
        resources=[notes],
        login_view="log_in",
        find_resource_server={tools.id: tools}.get,
    )
    logins = LoginManager(app)
    db.init_app(app)
    cimd.init_app(app, db=db)
    provider.init_app(app, cimd=cimd, db=db, issuer=ISSUER)

    @logins.user_loader
    def load_user(user_id):
        user = UserMixin()
        user.id = user_id
        return user

    @app.route("/login", methods=["GET", "POST"])
    def log_in():
        if request.form.get("password") == "secret" and request.args.get("next", "").startswith("/authorize/"):
            login_user(load_user("ada"))
            return redirect(request.args["next"])
        return '<form method="post"><input type="password" name="password"><button>Log in</button></form>'

    with app.app_context():
        db.create_all()
    return app


def scopes_needed(body):
    """Return the scopes that one JSON-RPC message needs."""
    try:
        message = read_object(body or b"{}")
    except StrictJSONError as error:
        raise TokenRefused(400, "invalid_request", "The body must be one JSON-RPC message.") from error
    parameters = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(parameters, dict):
        return []
    needed = NEEDED.get(str(parameters.get("name")))
    return [needed] if needed else []


def mcp_app(tools, secret):
    """Return the MCP server behind a check of tokens, with its RFC 9728 document beside it."""
    server, kept = MCPServer("notes", log_level="WARNING"), []

    @server.tool()
    def list_notes() -> list[str]:
        """List all notes."""
        return kept

    @server.tool()
    def write_note(text: str) -> str:
        """Write a note."""
        kept.append(text)
        return text

    tokens = IntrospectedTokens(f"{ISSUER}/introspect", server_id=tools.id, secret=secret, issuer=ISSUER)
    protector = ResourceProtector(tokens.find, audience=MCP_URL)
    inner = server.streamable_http_app(
        streamable_http_path=urlsplit(MCP_URL).path, stateless_http=True, json_response=True
    )
    document = notes.metadata(ISSUER)
    return ProtectedASGI(inner, protector, metadata=document, needs=scopes_needed, entry=notes.default_scope)


if __name__ == "__main__":
    tools, secret = ResourceServer.create(MCP_URL)
    app = provider_app(tools)
    Thread(target=app.run, kwargs={"port": urlsplit(ISSUER).port, "threaded": True}, daemon=True).start()
    uvicorn.run(mcp_app(tools, secret), port=urlsplit(MCP_URL).port, log_level="warning")
