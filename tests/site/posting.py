"""A Micropub app for tests: it has a token with the scopes of its choice."""

from __future__ import annotations

import io
import secrets
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image

from tests.support.browser import Browser, Site, publish_client
from tests.support.origin import TLSOrigin

EVERYTHING = "create update delete undelete media"


class Poster:
    """An app that the owner let in."""

    def __init__(self, site: Site, origin: TLSOrigin, scope: str = EVERYTHING, *, token: str | None = None) -> None:
        self.token: str = token or _new_token(site, origin, scope)
        self.browser: Browser = site.browser()

    @property
    def bearer(self) -> dict[str, str]:
        """The header that lets the app in."""
        return {"Authorization": f"Bearer {self.token}"}

    def form(self, fields: Any, **kwargs: Any) -> requests.Response:
        """POST a form, multipart if there are files."""
        return self.browser.post("/micropub", fields, headers=self.bearer, **kwargs)

    def json(self, body: Any) -> requests.Response:
        """POST JSON."""
        return self.browser.request("POST", "/micropub", json=body, headers=self.bearer)

    def query(self, **parameters: Any) -> requests.Response:
        """Ask the endpoint."""
        return self.browser.get("/micropub", params=parameters, headers=self.bearer)

    def upload(self, content: bytes, name: str = "photo.png") -> requests.Response:
        """Send a file to the media endpoint."""
        return self.browser.request("POST", "/media", files={"file": (name, content)}, headers=self.bearer)

    def note(self, content: Any = "Hello", **properties: Any) -> str:
        """Create a post by JSON, and return its address."""
        values = {name.replace("_", "-"): value for name, value in properties.items()}
        answer = self.json({"type": ["h-entry"], "properties": {"content": [content], **values}})
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def update(self, url: str, **changes: Any) -> requests.Response:
        """Change a post."""
        return self.json({"action": "update", "url": url, **changes})

    def source(self, url: str) -> dict[str, Any]:
        """Return a post's properties."""
        found: dict[str, Any] = self.query(q="source", url=url).json()["properties"]
        return found

    def page(self, url: str) -> requests.Response:
        """Open a post as a visitor."""
        return self.browser.get(urlsplit(url).path)


def _new_token(site: Site, origin: TLSOrigin, scope: str) -> str:
    client_id = publish_client(origin, f"/{secrets.token_hex(4)}.json", grant_types=["authorization_code"])
    return str(site.owner().tokens(client_id, scope=scope)["access_token"])


def png(width: int = 8, height: int = 8, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image file."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind, **options)
    return out.getvalue()
