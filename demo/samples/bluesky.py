"""A sample app of the AT Protocol: a loopback client with pushed requests and DPoP, and nothing to publish."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from flask import Flask, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from demo.samples import atproto
from demo.samples.app import empty_app
from demo.samples.signin import SignInError

NAME = "bluesky"
TITLE = "Skyline"
ABOUT = "Signs in by handle, as apps for Bluesky do, with a key of its own."
#: So many people's sessions are remembered.
_MOST_SESSIONS = 100


def create_app(redirect_uri: str, handle: str, resolver: str) -> Flask:
    """Build the app.

    Args:
        redirect_uri: where the answer comes.
        handle: whom it signs in.
        resolver: origin that knows handles.
    """
    client_id = f"http://localhost?{urlencode({'redirect_uri': redirect_uri, 'scope': 'atproto'})}"
    app = empty_app(NAME)
    # Keys and tokens stay here; the browser only has a random name for them.
    sessions: dict[str, atproto.Session] = {}

    def page(status: int = 200, *, problem: str | None = None, refreshed: bool = False) -> tuple[str, int]:
        mine = sessions.get(session.get("signed_in", ""))
        known = {
            "person": atproto.who_is_it(mine) if mine and not problem else None,
            "tokens": mine.tokens if mine else None,
            "site": f"@{handle}",
            "problem": problem,
            "refreshed": refreshed,
        }
        return render_template("sample_bluesky.html", about={"title": TITLE, "text": ABOUT}, **known), status

    @app.get("/")
    def home() -> tuple[str, int]:
        return page()

    @app.post("/sign-in")
    def sign_in() -> Response:
        url, begun = atproto.begin(handle, resolver, client_id, redirect_uri)
        session["pending"] = _remember(sessions, begun)
        return redirect(url, code=303)

    @app.get("/callback")
    def callback() -> Response:
        name = session.pop("pending", "")
        if name not in sessions:
            raise SignInError("No sign-in was started here. Start again.")
        atproto.finish(sessions[name], request.args, client_id, redirect_uri)
        session["signed_in"] = name
        return redirect(url_for("home"), code=303)

    @app.post("/refresh")
    def refresh() -> tuple[str, int]:
        mine = sessions.get(session.get("signed_in", ""))
        if mine is None:
            raise SignInError("Nobody is signed in here.")
        atproto.refresh(mine, client_id)
        return page(refreshed=True)

    @app.post("/sign-out")
    def sign_out() -> Response:
        mine = sessions.pop(session.pop("signed_in", ""), None)
        if mine is not None:
            atproto.sign_out(mine, client_id)
        return redirect(url_for("home"), code=303)

    @app.errorhandler(SignInError)
    def explain(error: SignInError) -> tuple[str, int]:
        sessions.pop(session.pop("signed_in", ""), None)
        return page(400, problem=str(error))

    return app


def _remember(sessions: dict[str, atproto.Session], begun: atproto.Session) -> str:
    """Keep a session under a new name; the oldest makes room."""
    while len(sessions) >= _MOST_SESSIONS:
        del sessions[next(iter(sessions))]
    name = secrets.token_urlsafe(16)
    sessions[name] = begun
    return name
