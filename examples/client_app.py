"""An app whose people sign in with their own site, handle or server.

The address of a client is https. To try it, make a certificate (`pip install trustme`, `python -m trustme`), then
`flask --app "examples/client_app.py:create_app(CIMD_CA_BUNDLE='client.pem')" run -p 5001 --cert server.pem --key
server.key`, and run `minimal.py` with the same CIMD_CA_BUNDLE. Enter http://127.0.0.1:5000 at https://localhost:5001.
"""

from flask import Flask, session

from flask_cimd import CIMD


def create_app(**config):
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": "change me", "ORIGIN": "https://localhost:5001", "CIMD_ALLOW_LOOPBACK": True})
    app.config.update(config)
    kept = {}  # a real app keeps servers and tokens in its database
    client = CIMD().publish_client(
        app,
        "/client.json",
        origin=app.config["ORIGIN"],
        redirect_uris=[app.config["ORIGIN"] + "/sign-in/callback"],
        client_name="Example app",
        allow_loopback=True,
    )

    def signed_in(person):
        session.clear()
        session["who"] = person.identity
        kept[person.identity] = person.server, person.token

    app.register_blueprint(client.login_blueprint("/sign-in", on_signed_in=signed_in, scope="profile"))

    @app.get("/")
    def home():
        who = session.get("who")
        if who not in kept:
            return '<a href="/sign-in">Sign in</a>'
        server, token = kept[who]

        def update(new, **_):
            kept[who] = server, new

        known = client.session(server, token=token, update_token=update).get(server["userinfo_endpoint"])
        return {"you": who, "server": server.issuer, "userinfo": known.json()}

    return app
