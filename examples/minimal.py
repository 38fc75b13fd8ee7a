"""A complete provider: `flask --app examples/minimal.py run`, then log in with the password "secret"."""

from flask import Flask, current_app, redirect, request
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.provider import Provider

db, logins, cimd = SQLAlchemy(), LoginManager(), CIMD()
provider = Provider(scopes={"profile": "See your name", "notes": "Read your notes"}, login_view="log_in")
HOME = '<link rel="indieauth-metadata" href="/.well-known/oauth-authorization-server"><h1>Ada</h1>'  # her own page


@logins.user_loader
def load_user(user_id):
    user = UserMixin()
    user.id = user_id
    return user


def log_in():
    if request.form.get("password") == "secret" and request.args.get("next", "").startswith("/authorize/"):
        login_user(load_user(current_app.config["ISSUER"] + "/"))
        return redirect(request.args["next"])
    return '<form method="post"><input type="password" name="password"><button>Log in</button></form>'


def create_app(**config):
    app = Flask(__name__)
    app.config.update(SECRET_KEY="change me", SQLALCHEMY_DATABASE_URI="sqlite:///minimal.db", CIMD_STORE="sqlalchemy")
    app.config.update({"CIMD_ALLOW_LOOPBACK": True, "ISSUER": "http://127.0.0.1:5000", **config})  # for a try at home
    db.init_app(app), logins.init_app(app), cimd.init_app(app, db=db)
    provider.init_app(app, cimd=cimd, db=db, issuer=app.config["ISSUER"])
    app.add_url_rule("/login", "log_in", log_in, methods=["GET", "POST"])
    app.add_url_rule("/", "home", lambda: HOME)
    with app.app_context():
        db.create_all()
    return app
