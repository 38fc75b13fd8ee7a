"""The pages that every sample app has: sign in, come back, see who you are."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from demo.samples.signin import Client, Provider, SignInError, begin, discover, finish

#: So many people's tokens are remembered.
_MOST_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Access:
    """What one person let the app do: the token stays here, the browser only has a random name for it."""

    endpoint: str
    token: str
    scope: frozenset[str]


def current_access() -> Access | None:
    """Return the access of whoever is signed in in this browser."""
    found: Access | None = _tokens().get(session.get("access", ""))
    return found


def empty_app(name: str) -> Flask:
    """Return an app without pages; its cookie has a name of its own, because cookies do not tell ports apart."""
    app = Flask(f"{__package__}.{name}", root_path=__file__.rpartition("/samples/")[0])
    app.config.update(
        SECRET_KEY=secrets.token_urlsafe(32),
        SESSION_COOKIE_NAME=f"{name}_session",
        SESSION_COOKIE_SAMESITE="Lax",
        # Lax holds other sites off, but all ports of this computer are one site.
        WTF_CSRF_TIME_LIMIT=None,
    )
    CSRFProtect(app)
    return app


def create_sample(
    name: str,
    about: dict[str, str],
    client: Client,
    profile_url: str,
    *,
    template: str = "sample.html",
    find: Callable[[], Provider] | None = None,
) -> Flask:
    """Build one app that signs in with plain requests.

    Args:
        find: finds the server to sign in at; by the profile URL if it is not given.
    """
    app = empty_app(name)
    app.extensions["sample_tokens"] = {}

    def page(status: int = 200, *, problem: str | None = None) -> tuple[str, int]:
        person = session.get("person")
        access = current_access()
        known = {"person": person, "may_post": access is not None and "create" in access.scope}
        return render_template(template, about=about, site=profile_url, problem=problem, **known), status

    @app.get("/")
    def home() -> tuple[str, int]:
        return page()

    @app.post("/sign-in")
    def sign_in() -> Response:
        url, session["pending"] = begin(find() if find else discover(profile_url), client, profile_url)
        return redirect(url, code=303)

    @app.get("/callback")
    def callback() -> Response:
        pending = session.pop("pending", None)
        if pending is None:
            raise SignInError("No sign-in was started here. Start again.")
        person = finish(request.args, pending, client, profile_url)
        token, scope = person.pop("access_token", None), person.pop("scope", "")
        endpoint = pending["resource"] or pending["micropub"]
        if token and endpoint:
            _remember(Access(endpoint, token, frozenset(scope.split())))
        session["person"] = person
        return redirect(url_for("home"), code=303)

    @app.post("/sign-out")
    def sign_out() -> Response:
        _tokens().pop(session.get("access", ""), None)
        session.clear()
        return redirect(url_for("home"), code=303)

    @app.errorhandler(SignInError)
    def explain(error: SignInError) -> tuple[str, int]:
        return page(400, problem=str(error))

    return app


def _tokens() -> dict[str, Access]:
    tokens: dict[str, Access] = current_app.extensions["sample_tokens"]
    return tokens


def _remember(access: Access) -> None:
    tokens = _tokens()
    while len(tokens) >= _MOST_TOKENS:
        tokens.pop(next(iter(tokens)))
    session["access"] = secrets.token_urlsafe(16)
    tokens[session["access"]] = access
