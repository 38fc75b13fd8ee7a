"""A FastMCP server with a provider of its own that takes client URLs; argument: the port."""

from __future__ import annotations

import json
import logging
import sys

from fastmcp import FastMCP
from fastmcp.server.auth import ssrf
from fastmcp.server.auth.cimd import CIMDClientManager
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

logging.disable(logging.CRITICAL)
ssrf.is_ip_allowed = lambda address: True  # the client is on this computer
port = int(sys.argv[1])


class Provider(InMemoryOAuthProvider):
    """Takes client URLs besides its own clients."""

    manager = CIMDClientManager()

    async def get_client(self, client_id):
        if self.manager.is_cimd_client_id(client_id):
            return await self.manager.get_client(client_id)
        return await super().get_client(client_id)

    async def authorize(self, client, params):
        self.clients.setdefault(client.client_id, client)
        return await super().authorize(client, params)


provider = Provider(
    base_url=f"http://localhost:{port}",
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read"]),
    revocation_options=RevocationOptions(enabled=True),
    required_scopes=["read"],
)
server = FastMCP("notes", auth=provider)


@server.tool
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello {name}"


print(json.dumps({"url": f"http://localhost:{port}/mcp"}), flush=True)
server.run(transport="http", host="127.0.0.1", port=port, show_banner=False, json_response=True, stateless_http=True)
