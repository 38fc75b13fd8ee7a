"""HTTP endpoints, from the URL maps of a provider and of the personal site."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.routing import Rule

from flask_cimd import CIMD
from flask_cimd.provider import Provider

from .markdown import code, sentence, table

#: Views that are made by functions and have no docstring of their own.
_TEXTS = {
    "/.well-known/oauth-authorization-server": "Serve the server's metadata (RFC 8414).",
    "/.well-known/openid-configuration": "Serve the server's metadata where older clients look for it.",
    "/.well-known/oauth-protected-resource": "Serve the metadata of the issuer as a resource (RFC 9728).",
    "/.well-known/oauth-protected-resource/<path:path>": "Serve the metadata of another resource (RFC 9728).",
    "/authorize/probe": "Tell `flask cimd doctor` how its request arrived; needs a question signed with `SECRET_KEY`.",
    "/cimd/logo/<key>.png": "Serve the logo of a stored client, redrawn (with `CIMD_LOGOS`).",
    "/register": "Register a client (RFC 7591), with `DEMO_DYNAMIC_REGISTRATION`.",
}


def provider_endpoints() -> str:
    """Return what `flask_cimd.provider.Provider` serves at an issuer without a path."""
    app, db, cimd = Flask("provider"), SQLAlchemy(), CIMD()
    app.config.update(SECRET_KEY="documentation", SQLALCHEMY_DATABASE_URI="sqlite://", CIMD_LOGOS=True)
    db.init_app(app)
    cimd.init_app(app, db=db)
    provider = Provider(scopes={"profile": "See your name"}, login_view="log_in")
    provider.subject(lambda: None)
    provider.init_app(app, cimd=cimd, db=db, issuer="https://me.example")
    return _rows(app)


def site_endpoints() -> str:
    """Return what the personal site serves besides, with dynamic registration switched on."""
    from flask_cimd_site import create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            {
                "DEMO_BASE_URL": "https://me.example",
                "DEMO_OWNER_PASSWORD": "documentation",
                "DEMO_SECRET_KEY": "documentation",
                "DEMO_DATABASE_URL": f"sqlite:///{Path(folder) / 'site.db'}",
                "DEMO_DYNAMIC_REGISTRATION": "1",
                "DEMO_TRUSTED_PROXIES": "1",
                "DEMO_MCP_URL": "https://me.example/mcp",
                "DEMO_METRICS_TOKEN": "documentation-token",
            }
        )
        return _rows(app, _is_of_the_site)


def _is_of_the_site(app: Flask, rule: Rule) -> bool:
    view = app.view_functions[rule.endpoint]
    return _home(view).partition(".")[0] == "flask_cimd_site"


def _rows(app: Flask, keeps: Callable[[Flask, Rule], bool] | None = None) -> str:
    found: dict[str, tuple[set[str], str]] = {}
    for rule in app.url_map.iter_rules():
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not methods or rule.endpoint == "static" or (keeps and not keeps(app, rule)):
            continue
        text = _TEXTS.get(rule.rule) or sentence(app.view_functions[rule.endpoint].__doc__)
        known, told = found.get(rule.rule, (set(), ""))
        found[rule.rule] = (known | methods, " ".join(filter(None, (told, text if text != told else ""))))
    rows = [(code(path), " ".join(sorted(methods)), text) for path, (methods, text) in sorted(found.items())]
    return table(("path", "methods", "what it does"), rows)


def _home(view: Any) -> str:
    while hasattr(view, "__wrapped__"):
        view = view.__wrapped__
    return str(getattr(view, "__module__", ""))
