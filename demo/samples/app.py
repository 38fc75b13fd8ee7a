"""The pages that every sample app has: sign in, come back, see who you are."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, current_app, redirect, render_template, session, url_for
from jinja2 import FileSystemLoader
from werkzeug.wrappers import Response

import flask_cimd_site
from flask_cimd.publish import FetchSettings, LoginBlueprint, PublishedClient, SignedIn
from flask_cimd_site import assets, language
from flask_cimd_site.security import protect_forms

#: Settings of the samples' connections: the site is on this computer, by plain http.
LOCAL = FetchSettings(allow_loopback=True)
#: People whose tokens are remembered.
_MOST_PEOPLE = 100


class People:
    """The people who are signed in. Tokens stay in this process; the browser gets a random name for them."""

    def __init__(self) -> None:
        self._known: dict[str, SignedIn] = {}
        self._told: dict[str, list[str]] = {}

    def remember(self, person: SignedIn) -> None:
        """Keep a person; the one who came first goes when there are too many."""
        while len(self._known) >= _MOST_PEOPLE:
            gone = next(iter(self._known))
            self._known.pop(gone)
            self._told.pop(gone, None)
        session["person"] = secrets.token_urlsafe(16)
        self._known[session["person"]] = person

    def current(self) -> SignedIn | None:
        """Return who is signed in in this browser."""
        return self._known.get(session.get("person", ""))

    def tell(self, answer: list[str]) -> None:
        """Keep what a finished call answered for the next page."""
        self._told[session.get("person", "")] = answer

    def told(self) -> list[str] | None:
        """Return what is to be shown once."""
        return self._told.pop(session.get("person", ""), None)

    def forget(self) -> SignedIn | None:
        """Sign the person out of this app, and return who it was."""
        person = self._known.pop(session.get("person", ""), None)
        session.clear()
        return person


class SampleError(Exception):
    """The app cannot do what the person asked for; the message is for the person."""


def people() -> People:
    """Return the current app's people."""
    found: People = current_app.extensions["people"]
    return found


def require_person() -> SignedIn:
    """Return who is signed in in this browser.

    Raises:
        SampleError: nobody.
    """
    person = people().current()
    if person is None:
        raise SampleError("Sign in first.")
    return person


def show(status: int = 200, **more: Any) -> tuple[str, int]:
    """Render the app's page."""
    page: Mapping[str, Any] = current_app.extensions["sample"]
    known = {"person": people().current(), "answer": people().told(), "problem": None}
    return render_template(page["template"], **{**page, **known, **more}), status


def create_sample(
    name: str,
    title: str,
    about: str,
    client: PublishedClient,
    address: str,
    *,
    template: str = "sample.html",
    redirect_uri: str,
    **options: Any,
) -> Flask:
    """Build one app that signs people in.

    Args:
        client: how the app presents itself.
        address: what its button signs in with.
        options: of `PublishedClient.login_blueprint`.
    """
    # The apps look like the site: they use its style sheet and its base template.
    site_folder = Path(flask_cimd_site.__file__).parent
    app = Flask(f"{__package__}.{name}", root_path=str(Path(__file__).parent), static_folder=site_folder / "static")
    app.jinja_loader = FileSystemLoader([Path(__file__).parent / "templates", site_folder / "templates"])
    app.config.update(
        SECRET_KEY=secrets.token_urlsafe(32),
        SESSION_COOKIE_NAME=f"{name}_session",  # cookies do not tell ports apart
        SESSION_COOKIE_SAMESITE="Lax",
        # Lax holds other sites off, but all ports of this computer are one site.
        WTF_CSRF_TIME_LIMIT=None,
    )
    protect_forms(app)
    language.init_app(app)
    assets.init_app(app)
    app.extensions["people"] = People()
    app.extensions["sample"] = {
        "about": {"title": title, "text": about},
        "address": address,
        "site": address if address.startswith("http") else f"@{address}",
        "template": template,
    }

    def keep(person: SignedIn) -> None:
        people().remember(person)

    usual = {"on_signed_in": keep, "show": lambda message, status: show(status, problem=message)}
    login = client.login_blueprint("/sign-in", redirect_uri=redirect_uri, **{**usual, **options})
    app.register_blueprint(login)
    app.extensions["login"] = login
    app.add_url_rule("/", "home", show)
    app.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])
    app.register_error_handler(SampleError, lambda error: show(400, problem=str(error)))
    return app


def login() -> LoginBlueprint:
    """Return the current app's login."""
    found: LoginBlueprint = current_app.extensions["login"]
    return found


def sign_out() -> Response:
    """Forget the person."""
    people().forget()
    return home()


def home() -> Response:
    """Lead back to the app's page."""
    return redirect(url_for("home"), code=303)
