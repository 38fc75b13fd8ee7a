"""The two apps whose sign-ins are compared, for gunicorn: `examples/minimal.py`, and plain Authlib as it is documented.

Both log people in with Flask-Login and without a table of accounts, and keep everything else in one database. Plain
Authlib uses its own SQLAlchemy mixins, and knows one client, which is registered. Environment variables: ``BENCH_DB``
(URL), ``BENCH_PRAGMAS`` (of SQLite, separated by commas), ``BENCH_ISSUER``, ``BENCH_CA``.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event

REDIRECT = "http://127.0.0.1:7777/callback"
REGISTERED = "registered-client"
_LIFETIME = 900


def _config() -> dict[str, Any]:
    return {"SECRET_KEY": "of the bench", "SQLALCHEMY_DATABASE_URI": os.environ["BENCH_DB"]}


def _set_pragmas(app: Flask, db: SQLAlchemy) -> None:
    """Set the same pragmas for both apps on every connection to SQLite."""
    with app.app_context():
        engine: Engine = db.engine
    pragmas = [pragma for pragma in os.environ.get("BENCH_PRAGMAS", "").split(",") if pragma]

    def configure(connection: Any, _: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    if pragmas:
        event.listen(engine, "connect", configure)
    engine.dispose()  # connections that were made before


def ours() -> Flask:
    """Return `examples/minimal.py` with limits as they are shipped, without the extra ``sites`` it does not install."""
    sys.modules["publicsuffixlist"] = None  # type: ignore[assignment]  # the tests' environment has it
    from examples.minimal import create_app, db

    app = create_app(**_config(), ISSUER=os.environ["BENCH_ISSUER"], CIMD_CA_BUNDLE=os.environ["BENCH_CA"])
    _set_pragmas(app, db)
    return app


_PAGE = """<!doctype html><title>Consent</title><p>{{ client.client_name }} asks for:</p>
<ul>{% for word in scopes %}<li>{{ word }}</li>{% endfor %}</ul>
<form method="post"><button name="confirm" value="yes">Approve</button></form>"""


def plain() -> Flask:
    """Return an app of Authlib's documentation with its SQLAlchemy mixins."""
    from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
    from authlib.integrations.sqla_oauth2 import (
        OAuth2AuthorizationCodeMixin,
        OAuth2ClientMixin,
        OAuth2TokenMixin,
        create_bearer_token_validator,
        create_query_client_func,
        create_save_token_func,
    )
    from authlib.oauth2 import OAuth2Error
    from authlib.oauth2.rfc6749 import grants
    from authlib.oauth2.rfc7636 import CodeChallenge
    from flask import jsonify, redirect, render_template, request
    from flask_login import LoginManager, UserMixin, current_user, login_user
    from jinja2 import DictLoader

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    app, db, logins = Flask("plain"), SQLAlchemy(), LoginManager()
    app.jinja_loader = DictLoader({"authorize.html": _PAGE})
    app.config.update(_config(), OAUTH2_REFRESH_TOKEN_GENERATOR=True)
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": _LIFETIME, "refresh_token": _LIFETIME}

    class Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id = db.Column(db.Integer, primary_key=True)

    class Code(db.Model, OAuth2AuthorizationCodeMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Text)

    class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]  # Authlib is untyped
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Text)

    class User(UserMixin):
        def __init__(self, user_id: str) -> None:
            self.id = user_id

        def get_user_id(self) -> str:
            return self.id

    logins.user_loader(User)

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            db.session.add(
                Code(
                    code=code,
                    client_id=request.client.client_id,
                    redirect_uri=request.payload.redirect_uri,
                    scope=request.payload.scope,
                    user_id=request.user.id,
                    code_challenge=data.get("code_challenge"),
                    code_challenge_method=data.get("code_challenge_method"),
                )
            )
            db.session.commit()

        def query_authorization_code(self, code: str, client: Any) -> Any:
            found = Code.query.filter_by(code=code, client_id=client.client_id).first()
            return found if found and not found.is_expired() else None

        def delete_authorization_code(self, authorization_code: Any) -> None:
            db.session.delete(authorization_code)
            db.session.commit()

        def authenticate_user(self, authorization_code: Any) -> User:
            return User(authorization_code.user_id)

    class RefreshGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Any:
            found = Token.query.filter_by(refresh_token=refresh_token).first()
            return found if found and not found.is_revoked() else None

        def authenticate_user(self, refresh_token: Any) -> User:
            return User(refresh_token.user_id)

        def revoke_old_credential(self, refresh_token: Any) -> None:
            refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = int(time.time())
            db.session.add(refresh_token)
            db.session.commit()

    server = AuthorizationServer(
        query_client=create_query_client_func(db.session, Client), save_token=create_save_token_func(db.session, Token)
    )
    protect = ResourceProtector()
    db.init_app(app), logins.init_app(app), server.init_app(app)
    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshGrant)
    protect.register_token_validator(create_bearer_token_validator(db.session, Token)())

    @app.route("/login", methods=["GET", "POST"])
    def log_in() -> Any:
        if request.form.get("password") == "secret":
            login_user(User("https://ada.example/"))
            return redirect("/")
        return '<form method="post"><input name="password"></form>'

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        if not current_user.is_authenticated:
            return redirect("/login")
        if request.method == "GET":
            try:
                grant = server.get_consent_grant(end_user=current_user)
            except OAuth2Error as error:
                return error.error, 400
            scopes = grant.request.payload.scope.split()
            return render_template("authorize.html", client=grant.client, scopes=scopes)
        user = current_user._get_current_object() if request.form.get("confirm") else None
        return server.create_authorization_response(grant_user=user)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/userinfo")
    @protect("profile")
    def userinfo() -> Any:
        return jsonify(sub=current_token.user_id)

    with app.app_context():
        db.create_all()
        if not Client.query.first():
            client = Client(client_id=REGISTERED, client_secret="", client_id_issued_at=int(time.time()))
            client.set_client_metadata(
                {
                    "client_name": "Bench",
                    "redirect_uris": [REDIRECT],
                    "grant_types": ["authorization_code", "refresh_token"],
                    "response_types": ["code"],
                    "scope": "profile",
                    "token_endpoint_auth_method": "none",
                }
            )
            db.session.add(client)
            db.session.commit()
    _set_pragmas(app, db)
    return app
