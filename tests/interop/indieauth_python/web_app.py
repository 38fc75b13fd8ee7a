"""Runs one of two web apps that sign people in: datasette with its plugin, or Flask-Micropub beside Flask-IndieAuth."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any


def listen() -> tuple[socket.socket, str]:
    """Return a listening socket and its address: who connects before the app is up waits in its queue."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def announce(url: str) -> None:
    print(json.dumps({"url": url}), flush=True)


def datasette() -> None:
    import uvicorn
    from datasette.app import Datasette

    listener, url = listen()
    app = Datasette(memory=True).app()
    announce(url)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


def micropub(token_endpoint: str, me: str) -> None:
    from flask import Flask, g, jsonify, request
    from flask_indieauth import requires_indieauth
    from flask_micropub import MicropubClient
    from werkzeug.serving import make_server

    listener, url = listen()
    app = Flask(__name__)
    app.config.update(SECRET_KEY="kept by the app", TOKEN_ENDPOINT=token_endpoint, ME=me)
    client = MicropubClient(app, client_id=url + "/")

    @app.get("/sign-in")
    def sign_in() -> Any:
        return client.authenticate(request.args["me"], state="/after")

    @app.get("/get-access")
    def get_access() -> Any:
        return client.authorize(request.args["me"], state="/after", scope="create")

    @app.get("/signed-in")
    @client.authenticated_handler
    def signed_in(answer: Any) -> Any:
        return jsonify(vars(answer))

    @app.get("/got-access")
    @client.authorized_handler
    def got_access(answer: Any) -> Any:
        return jsonify(vars(answer))

    @app.post("/protected")
    @requires_indieauth
    def protected() -> Any:
        return jsonify(g.user)

    announce(url)
    make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno()).serve_forever()


{"datasette": datasette, "micropub": micropub}[sys.argv[1]](*sys.argv[2:])
