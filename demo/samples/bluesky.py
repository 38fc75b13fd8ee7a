"""A sample app of the AT Protocol: a loopback client with pushed requests and DPoP, and nothing to publish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.integrations.base_client import OAuthError
from flask import Flask
from werkzeug.wrappers import Response

from demo.samples.app import LOCAL, SampleError, create_sample, home, people, require_person, show
from flask_cimd import CIMDError
from flask_cimd.publish import PublishedClient, SignedIn

NAME = "bluesky"
TITLE = "Skyline"
ABOUT = "Signs in by handle, as apps for Bluesky do, with a key of its own."
_TIMEOUT = 10


def create_app(redirect_uri: str, handle: str, resolver: str) -> Flask:
    """Build the app.

    Args:
        redirect_uri: where the answer comes.
        handle: whom it signs in.
        resolver: origin that knows handles, in place of DNS.
    """
    client = PublishedClient(
        client_id=f"http://localhost?{urlencode({'redirect_uri': redirect_uri, 'scope': 'atproto'})}",
        members={"redirect_uris": [redirect_uri]},
        fetch=LOCAL,
        resolve_handle=lambda name: resolve(resolver, name),
    )
    options: dict[str, Any] = {
        "template": "sample_bluesky.html",
        "redirect_uri": redirect_uri,
        "scope": "atproto",
        "kind": "account",
    }
    app = create_sample(NAME, TITLE, ABOUT, client, handle, **options)
    app.context_processor(lambda: {"account": lambda: account(client)})

    @app.post("/refresh")
    def refresh() -> tuple[str, int]:
        person = require_person()
        try:
            token = client.session(person.server, token=person.token).refresh_token()
        except (OAuthError, CIMDError) as exc:
            people().forget()
            raise SampleError("The session has ended. Sign in again.") from exc
        people().remember(replace(person, token=token))
        return show(refreshed=True)

    def sign_out() -> Response:
        person = people().forget()
        if person is not None:
            client.session(person.server, token=person.token).revoke_token()
        return home()

    app.view_functions["sign_out"] = sign_out
    return app


def account(client: PublishedClient) -> dict[str, Any] | None:
    """Ask the account's own server whose session this is; ``None`` if it has ended."""
    person: SignedIn = require_person()
    with client.session(person.server, token=person.token) as http:
        answer = http.get(f"{person.server.account}/xrpc/com.atproto.server.getSession")
    return answer.json() if answer.ok else None


def resolve(resolver: str, handle: str) -> list[str]:
    """Return the DID that an origin knows for a handle."""
    with requests.Session() as http:
        http.trust_env = False
        url = f"{resolver}/xrpc/com.atproto.identity.resolveHandle"
        answer = http.get(url, params={"handle": handle}, timeout=_TIMEOUT, allow_redirects=False)
    return [str(answer.json()["did"])] if answer.ok else []
