"""A home page on another server, with the links of the site: to try the check of a page elsewhere."""

from __future__ import annotations

from html import escape

from flask import Flask

#: The port of the samples' documents lies this much above the site's.
DOCUMENTS_OFFSET = 9
_PATH = "/elsewhere/"
_LINKS = {
    "indieauth-metadata": "/.well-known/oauth-authorization-server",
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "micropub": "/micropub",
}


def sample_home(port: int) -> str:
    """Return the address of the page beside a site at this port."""
    return f"https://localhost:{port + DOCUMENTS_OFFSET}{_PATH}"


def add_home(pages: Flask, site: str) -> None:
    """Serve the page.

    Args:
        pages: the app that serves documents by TLS.
        site: origin of the site that the page links to.
    """
    links = "".join(f'<link rel="{name}" href="{escape(site + path)}">' for name, path in _LINKS.items())

    @pages.get(_PATH)
    def home() -> str:
        return f'<!doctype html><html lang="en"><title>My page elsewhere</title>{links}<h1>My page elsewhere</h1>'
