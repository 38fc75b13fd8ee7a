"""An app's half of Micropub: write, change and take away posts with the token of the sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from demo.samples.app import SampleError
from flask_cimd import CIMDError
from flask_cimd.publish import ClientSession


@dataclass(frozen=True, slots=True)
class Written:
    """A post as its site keeps it."""

    url: str
    text: str
    is_draft: bool


@dataclass(frozen=True, slots=True)
class Publisher:
    """One person's Micropub endpoint, and the session whose token it takes."""

    endpoint: str
    session: ClientSession

    def create(self, text: str, *, is_draft: bool) -> str:
        """Write a post and return its address."""
        status = ["draft" if is_draft else "published"]
        answer = self._send({"type": ["h-entry"], "properties": {"content": [text], "post-status": status}})
        return answer.headers.get("Location", "")

    def change(self, url: str, text: str) -> None:
        """Replace what a post says."""
        self._send({"action": "update", "url": url, "replace": {"content": [text]}})

    def publish(self, url: str) -> None:
        """Make a draft a post."""
        self._send({"action": "update", "url": url, "replace": {"post-status": ["published"]}})

    def delete(self, url: str) -> None:
        """Take a post away."""
        self._send({"action": "delete", "url": url})

    def posts(self) -> list[Written]:
        """Return the newest posts; those that are more than plain text are left out."""
        found = self._call("GET", params={"q": "source"}).json()
        items = found.get("items", []) if isinstance(found, dict) else []
        return [written for item in items if (written := _as_written(item))]

    def _send(self, body: dict[str, Any]) -> requests.Response:
        return self._call("POST", json=body)

    def _call(self, method: str, **content: Any) -> requests.Response:
        try:
            answer: requests.Response = self.session.request(method, self.endpoint, allow_redirects=False, **content)
        except (CIMDError, requests.RequestException) as exc:
            raise SampleError("Your site does not answer.") from exc
        if answer.status_code in (401, 403):
            raise SampleError("Your site does not let this app do that. Sign out and in again to ask for it.")
        if not answer.ok:
            raise SampleError("Your site did not take that.")
        return answer


def _as_written(item: Any) -> Written | None:
    try:
        properties = item["properties"]
        url, text = properties["url"][0], properties["content"][0]
        is_draft = properties.get("post-status") == ["draft"]
    except (KeyError, IndexError, TypeError):
        return None
    is_link = isinstance(url, str) and url.startswith(("https://", "http://"))
    return Written(url, text, is_draft) if is_link and isinstance(text, str) else None
