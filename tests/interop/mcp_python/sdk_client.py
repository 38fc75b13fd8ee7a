"""The official MCP client, version 1 or 2, as an application uses it; it speaks lines of JSON with the test.

Without a metadata URL the client registers itself. Arguments: the server's URL, the client's metadata URL, its
redirect URI. Each line that comes in is a command: ``{"call": tool, "arguments": {...}}``, ``{"expire": true}`` or
``{"tokens": true}``. A line with ``authorize`` going out asks for a person; the answer is the parameters of the
redirect.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

try:
    import httpx2 as httpx
    from mcp import Client
    from mcp.shared.auth import AuthorizationCodeResult
except ImportError:
    import httpx

    Client = None


def say(**message):
    print(json.dumps(message), flush=True)


async def hear():
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


class MemoryStorage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


async def send_person_to(url):
    say(authorize=url)


async def come_back():
    answer = await hear()
    if Client is None:
        return answer["code"], answer.get("state")
    return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


@asynccontextmanager
async def connected(url, http):
    if Client is not None:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            yield client
    else:
        transport = streamable_http_client(url, http_client=http)
        async with transport as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            yield session


async def main(url, client_id, redirect_uri):
    storage = MemoryStorage()
    metadata = OAuthClientMetadata(
        client_name="App", redirect_uris=[redirect_uri], grant_types=["authorization_code", "refresh_token"]
    )
    oauth = OAuthClientProvider(
        url,
        metadata,
        storage,
        redirect_handler=send_person_to,
        callback_handler=come_back,
        client_metadata_url=client_id or None,
    )
    async with httpx.AsyncClient(auth=oauth, timeout=30) as http, connected(url, http) as client:
        say(connected=True)
        while True:
            command = await hear()
            if "call" in command:
                result = await client.call_tool(command["call"], command.get("arguments", {}))
                say(text=[item.text for item in result.content])
            elif "expire" in command:
                oauth.context.token_expiry_time = 1
                say(expired=True)
            elif "tokens" in command:
                say(**storage.tokens.model_dump(mode="json"))


asyncio.run(main(*sys.argv[1:]))
