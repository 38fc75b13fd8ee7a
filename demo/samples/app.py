"""The pages that every sample app has: sign in, come back, see who you are."""

from __future__ import annotations

import secrets

from flask import Flask, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from demo.samples.signin import Client, SignInError, begin, discover, finish


def create_sample(name: str, about: dict[str, str], client: Client, profile_url: str) -> Flask:
    """Build one app; its cookie has a name of its own, because cookies do not tell ports apart."""
    app = Flask(f"{__package__}.{name}", root_path=__file__.rpartition("/samples/")[0])
    app.config.update(
        SECRET_KEY=secrets.token_urlsafe(32),
        SESSION_COOKIE_NAME=f"{name}_session",
        SESSION_COOKIE_SAMESITE="Lax",
    )

    def page(status: int = 200, *, problem: str | None = None) -> tuple[str, int]:
        person = session.get("person")
        return render_template("sample.html", about=about, person=person, site=profile_url, problem=problem), status

    @app.get("/")
    def home() -> tuple[str, int]:
        return page()

    @app.post("/sign-in")
    def sign_in() -> Response:
        url, session["pending"] = begin(discover(profile_url), client, profile_url)
        return redirect(url, code=303)

    @app.get("/callback")
    def callback() -> Response:
        pending = session.pop("pending", None)
        if pending is None:
            raise SignInError("No sign-in was started here. Start again.")
        session["person"] = finish(request.args, pending, client, profile_url)
        return redirect(url_for("home"), code=303)

    @app.post("/sign-out")
    def sign_out() -> Response:
        session.clear()
        return redirect(url_for("home"), code=303)

    @app.errorhandler(SignInError)
    def explain(error: SignInError) -> tuple[str, int]:
        return page(400, problem=str(error))

    return app
