"""The server of `before.py` with five changed lines: clients that identify themselves by URL sign in as well.

`psql existing < upgrade.sql` makes room for their URLs. `flask --app examples/existing_authlib/after.py run`
"""

import os
import time

from authlib.integrations import sqla_oauth2
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, redirect, render_template_string, request, session, url_for
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, ForeignKey, Integer, String

from flask_cimd import CIMD, provider

app = Flask(__name__)
app.config["SECRET_KEY"] = "change me"
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://postgres@127.0.0.1/existing"
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600}
app.config.from_mapping({key: value for key, value in os.environ.items() if key.startswith(("CIMD_", "SQLALCHEMY_"))})
db = SQLAlchemy(app)


class User(db.Model):
    id = Column(Integer, primary_key=True)
    name = Column(String(40), unique=True)

    def get_user_id(self):
        return self.id


class Client(db.Model, sqla_oauth2.OAuth2ClientMixin):
    id = Column(Integer, primary_key=True)


class Code(db.Model, provider.URLClientCodeMixin):
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey(User.id))


class Token(db.Model, provider.URLClientTokenMixin):
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey(User.id))


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "none")

    def save_authorization_code(self, code, request):
        data = request.payload.data
        kept = Code(
            code=code,
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope,
            user_id=request.user.id,
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )
        db.session.add(kept)
        db.session.commit()

    def query_authorization_code(self, code, client):
        found = db.session.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return found if found is not None and found.auth_time + 300 > time.time() else None

    def delete_authorization_code(self, authorization_code):
        db.session.delete(authorization_code)
        db.session.commit()

    def authenticate_user(self, authorization_code):
        return db.session.get(User, authorization_code.user_id)


server = AuthorizationServer(
    app,
    query_client=CIMD(app, registered=sqla_oauth2.create_query_client_func(db.session, Client)).query_client,
    save_token=sqla_oauth2.create_save_token_func(db.session, Token),
)
server.register_grant(CodeGrant, [CodeChallenge(required=True)])
protect = ResourceProtector()
protect.register_token_validator(sqla_oauth2.create_bearer_token_validator(db.session, Token)())


@app.route("/login", methods=["GET", "POST"])
def log_in():
    user = db.session.query(User).filter_by(name=request.form.get("name")).first()
    if user is None:
        return render_template_string('<form method="post"><input name="name"><button>Log in</button></form>')
    session["user"] = user.id
    return redirect(session.pop("next", "/"), code=303)


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    app.extensions["cimd"].check_authorization_request()
    user = db.session.get(User, session.get("user", 0))
    if user is None:
        session["next"] = request.full_path
        return redirect(url_for("log_in"), code=303)
    grant = server.get_consent_grant(end_user=user)
    if request.method == "GET":
        page = '<p>{{ client.client_name }} wants: {{ scope }}</p><form method="post"><button>Approve</button></form>'
        return render_template_string(page, client=grant.client, scope=grant.request.payload.scope)
    return server.create_authorization_response(grant=grant, grant_user=user)


@app.post("/token")
def token():
    return server.create_token_response()


@app.get("/me")
@protect("profile")
def me():
    return {"name": db.session.get(User, current_token.user_id).name}
