"""A sample app as the IndieWeb has known them for a decade: a web page with h-app, and sign-in without any token."""

from __future__ import annotations

from typing import Any

from flask import Flask

from demo.samples.app import LOCAL, create_sample
from flask_cimd.publish import PublishedClient

NAME = "legacy"
TITLE = "Who am I"
ABOUT = "Describes itself with a web page (h-app), asks who you are, and gets no token."


def page(redirect_uri: str) -> str:
    """Return the web page that describes the app (IndieAuth of 2022 §4.2.1)."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{TITLE}</title><link rel="redirect_uri" href="{redirect_uri}"></head>
<body><div class="h-app"><h1><a class="p-name u-url" href="./">{TITLE}</a></h1><p>{ABOUT}</p></div></body>
</html>
"""


def create_app(client_id: str, redirect_uri: str, profile_url: str) -> Flask:
    """Build the app."""
    client = PublishedClient(client_id=client_id, members={"redirect_uris": [redirect_uri]}, fetch=LOCAL)
    options: dict[str, Any] = {"template": "sample_who.html", "redirect_uri": redirect_uri, "identity_only": True}
    return create_sample(NAME, TITLE, ABOUT, client, profile_url, **options)
