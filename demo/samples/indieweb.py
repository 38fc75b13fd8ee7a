"""A sample app that describes itself with a JSON document: a small Micropub editor for the owner's site."""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect, request, url_for
from werkzeug.wrappers import Response

from demo.samples.app import create_sample, current_access
from demo.samples.publishing import Publisher, Written
from demo.samples.signin import Client, SignInError

NAME = "indieweb"
TITLE = "Notebook"
ABOUT = "Describes itself with a JSON document, asks for your profile, and writes notes on your site."
SCOPE = "profile create update delete"


def document(client_id: str, redirect_uri: str) -> dict[str, Any]:
    """Return the client metadata document."""
    return {
        "client_id": client_id,
        "client_name": TITLE,
        "client_uri": client_id.rpartition("/")[0] + "/",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": f"{SCOPE} email",
    }


def create_app(client_id: str, redirect_uri: str, profile_url: str) -> Flask:
    """Build the app."""
    client = Client(client_id=client_id, redirect_uri=redirect_uri, scope=SCOPE, wants_token=True)
    app = create_sample(NAME, {"title": TITLE, "text": ABOUT}, client, profile_url, template="editor.html")

    @app.context_processor
    def written() -> dict[str, Any]:
        return {"posts": _posts}

    @app.post("/notes")
    def write() -> Response:
        _publisher().create(_text(), is_draft="draft" in request.form)
        return _home()

    @app.post("/notes/change")
    def change() -> Response:
        publisher, url = _publisher(), request.form.get("url", "")
        match request.form.get("do"):
            case "save":
                publisher.change(url, _text())
            case "publish":
                publisher.publish(url)
            case "delete":
                publisher.delete(url)
        return _home()

    return app


def _posts() -> list[Written]:
    """Return what is there already; a site that does not tell leaves only the empty form."""
    try:
        return _publisher().posts()
    except SignInError:
        return []


def _publisher() -> Publisher:
    access = current_access()
    if access is None:
        raise SignInError("Sign in first, and let the app write on your site.")
    return Publisher(access.endpoint, access.token)


def _text() -> str:
    text = request.form.get("content", "").strip()
    if not text:
        raise SignInError("Write something first.")
    return text


def _home() -> Response:
    return redirect(url_for("home"), code=303)
