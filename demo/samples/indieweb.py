"""A sample app that describes itself with a JSON document, and asks for the owner's profile with a token."""

from __future__ import annotations

from typing import Any

from flask import Flask

from demo.samples.app import create_sample
from demo.samples.signin import Client

NAME = "indieweb"
TITLE = "Guestbook"
ABOUT = "Describes itself with a JSON document and asks for your profile."


def document(client_id: str, redirect_uri: str) -> dict[str, Any]:
    """Return the client metadata document."""
    return {
        "client_id": client_id,
        "client_name": TITLE,
        "client_uri": client_id.rpartition("/")[0] + "/",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "profile email",
    }


def create_app(client_id: str, redirect_uri: str, profile_url: str) -> Flask:
    """Build the app."""
    client = Client(client_id=client_id, redirect_uri=redirect_uri, scope="profile", wants_token=True)
    return create_sample(NAME, {"title": TITLE, "text": ABOUT}, client, profile_url)
