"""A small MCP client made of our own session, for the conformance suite; argument: the MCP server's URL."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import urlsplit

import requests

from flask_cimd.fetch.fetcher import FetchSettings
from flask_cimd.publish import DiscoveryError, PublishedClient
from flask_cimd.publish.protected_resource import challenge_parameters

#: The suite expects this client URL; it never fetches it.
CLIENT_ID = "https://conformance-test.local/client-metadata.json"
REDIRECT = "http://localhost:3000/callback"
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


class Client:
    """One connection to one MCP server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = PublishedClient(
            client_id=CLIENT_ID, members={"redirect_uris": [REDIRECT]}, fetch=FetchSettings(allow_loopback=True)
        )
        self.http: Any = requests.Session()
        self.headers = dict(HEADERS)
        self.scope: set[str] = set()

    def call(self, method: str, number: int | None = 1, **parameters: Any) -> Any:
        """Send a message, and sign in where the server asks for it."""
        message = {"jsonrpc": "2.0", "method": method, "params": parameters}
        message |= {} if number is None else {"id": number}
        answer = self._send(message)
        for refusal in (401, 403):  # first no usable token, then a scope too few
            if answer.status_code == refusal:
                self.sign_in(answer.headers.get("WWW-Authenticate", ""))
                answer = self._send(message)
        if 400 <= answer.status_code < 500:
            raise SystemExit(f"the server still refuses: {answer.status_code}")
        self.headers |= (
            {"Mcp-Session-Id": answer.headers["mcp-session-id"]} if "mcp-session-id" in answer.headers else {}
        )
        return answer

    def sign_in(self, challenge: str) -> None:
        """Sign in at the server behind the resource; scopes of earlier rounds are asked for again."""
        server = self.find(challenge)
        asked = challenge_parameters(challenge).get("scope") or (server.scope if not self.scope else None)
        self.scope |= set((asked or "").split())
        session = self.client.session(server, scope=" ".join(sorted(self.scope)) or None)
        url, remembered = session.begin()
        with requests.Session() as person:
            location = person.get(url, allow_redirects=False, timeout=10).headers["Location"]
        session.finish(remembered, location)
        self.http = session

    def find(self, challenge: str) -> Any:
        """Find the server; earlier versions of MCP had it at the origin of the resource."""
        try:
            return self.client.discover(self.url, kind="resource", challenge=challenge or None)
        except DiscoveryError as error:
            if error.slug != "no-server":
                raise
            parts = urlsplit(self.url)
            return self.client.discover(f"{parts.scheme}://{parts.netloc}", kind="issuer")

    def _send(self, message: dict[str, Any]) -> Any:
        return self.http.post(self.url, json=message, headers=self.headers, timeout=10)


def main() -> None:
    """Initialize, list the tools and call the first."""
    client = Client(sys.argv[1])
    info = {"name": "ours", "version": "1"}
    client.call("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
    client.call("notifications/initialized", None)
    client.call("tools/list", 2)
    client.call("tools/call", 3, name=os.environ.get("TOOL", "test-tool"), arguments={})


main()
