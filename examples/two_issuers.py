"""Two providers in one app: `flask --app examples/two_issuers.py run`.

Each has an issuer, scopes and people of its own: http://127.0.0.1:5000/readers and http://127.0.0.1:5000/staff.
"""

from flask import Flask, redirect, request, session
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import CIMD
from flask_cimd.provider import Provider

db, cimd = SQLAlchemy(), CIMD()
readers = Provider(scopes={"profile": "See your name"}, login_view="log_in")
staff = Provider(scopes={"profile": "See your name", "orders": "Read the orders"}, login_view="log_in")
PASSWORDS = {"readers": "secret", "staff": "other secret"}


@readers.subject
def reader():
    return session.get("readers")


@staff.subject
def employee():
    return session.get("staff")


def log_in():
    """Accept the password of the kind of account that the waiting request is for."""
    target = request.args.get("next", "")
    kind = next((kind for kind in PASSWORDS if target.startswith(f"/{kind}/authorize/")), None)
    if kind and request.form.get("password") == PASSWORDS[kind]:
        session[kind] = f"{kind}-1"
        return redirect(target, code=303)
    return '<form method="post"><input type="password" name="password"><button>Log in</button></form>'


def create_app(**config):
    app = Flask(__name__)
    app.config.update(SECRET_KEY="change me", SQLALCHEMY_DATABASE_URI="sqlite:///two.db", CIMD_STORE="sqlalchemy")
    app.config.update({"CIMD_ALLOW_LOOPBACK": True, "ORIGIN": "http://127.0.0.1:5000", **config})
    db.init_app(app)
    cimd.init_app(app, db=db)
    for name, provider in (("readers", readers), ("staff", staff)):
        provider.init_app(app, cimd=cimd, db=db, issuer=f"{app.config['ORIGIN']}/{name}", url_prefix=f"/{name}")
    app.add_url_rule("/login", "log_in", log_in, methods=["GET", "POST"])
    with app.app_context():
        db.create_all()
    return app
