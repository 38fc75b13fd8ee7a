"""A sample app that describes itself with a JSON document: a small Micropub editor for the owner's site."""

from __future__ import annotations

from typing import Any

from flask import Flask, request, session
from werkzeug.wrappers import Response

from demo.samples.app import SampleError, create_sample, home, people, require_person
from demo.samples.publishing import Publisher, Written
from flask_cimd import CIMDError
from flask_cimd.publish import PublishedClient, SignedIn

NAME = "indieweb"
TITLE = "Notebook"
ABOUT = "Describes itself with a JSON document, asks for your profile, and writes notes on your site."
SCOPE = "profile create update delete"
#: Members of the document.
MEMBERS = {"client_name": TITLE, "grant_types": ["authorization_code"], "scope": f"{SCOPE} email"}


def create_app(client: PublishedClient, redirect_uri: str, profile_url: str) -> Flask:
    """Build the app."""

    def keep(person: SignedIn) -> None:
        people().remember(person)
        session["micropub"] = find_micropub(client, person)

    def publisher() -> Publisher:
        person, endpoint = require_person(), session.get("micropub")
        if not endpoint or "create" not in str(person.token.get("scope")).split():
            raise SampleError("Sign in first, and let the app write on your site.")
        return Publisher(endpoint, client.session(person.server, token=person.token))

    def posts() -> list[Written]:
        """Return what is there already; a site that does not tell leaves only the empty form."""
        try:
            return publisher().posts()
        except SampleError:
            return []

    options: dict[str, Any] = {
        "template": "editor.html",
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "on_signed_in": keep,
    }
    app = create_sample(NAME, TITLE, ABOUT, client, profile_url, **options)
    app.context_processor(lambda: {"posts": posts, "may_post": may_post()})

    @app.post("/notes")
    def write() -> Response:
        publisher().create(_text(), is_draft="draft" in request.form)
        return home()

    @app.post("/notes/change")
    def change() -> Response:
        url = request.form.get("url", "")
        match request.form.get("do"):
            case "save":
                publisher().change(url, _text())
            case "publish":
                publisher().publish(url)
            case "delete":
                publisher().delete(url)
        return home()

    return app


def may_post() -> bool:
    """Return whether the person let this app write on their site."""
    person = people().current()
    granted = str(person.token.get("scope")).split() if person else []
    return "create" in granted and bool(session.get("micropub"))


def find_micropub(client: PublishedClient, person: SignedIn) -> str | None:
    """Return where the person's posts go; ``None`` if their site takes none."""
    try:
        return next(iter(client.links(person.me or "", "micropub")["micropub"]), None)
    except CIMDError:
        return None


def _text() -> str:
    text = request.form.get("content", "").strip()
    if not text:
        raise SampleError("Write something first.")
    return text
