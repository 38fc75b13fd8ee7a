"""A complete provider in thirty lines: `flask --app examples/minimal.py run` (one user, password "secret")."""

from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.provider import Provider

db, cimd, logins = SQLAlchemy(), CIMD(), LoginManager()
provider = Provider(scopes={"profile": "See your name", "notes": "Read your notes"})


def create_app(**config):
    app = Flask(__name__)
    app.config.update(SECRET_KEY="change me", SQLALCHEMY_DATABASE_URI="sqlite:///minimal.db", CIMD_STORE="sqlalchemy")
    app.config.update(ISSUER="http://127.0.0.1:5000", CIMD_ALLOW_LOOPBACK=True, **config)  # a try on this computer
    for extension in (db, logins):
        extension.init_app(app)
    cimd.init_app(app, db=db)
    provider.init_app(app, cimd=cimd, db=db, issuer=app.config["ISSUER"])
    logins.login_view, logins.user_loader(lambda name: User(name))
    app.add_url_rule("/login", "log_in", log_in, methods=["GET", "POST"])
    with app.app_context():
        db.create_all()
    return app
