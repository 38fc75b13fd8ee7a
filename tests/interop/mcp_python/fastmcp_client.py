"""The FastMCP client with its own browser hand-over and callback server; it speaks lines of JSON with the test.

Without a metadata URL the client registers itself. Arguments: the server's URL, the client's metadata URL, the port
of its callback. Commands as for ``sdk_client.py``; a line with ``authorize`` asks for a person, whose browser follows
the redirect to the callback server.
"""

import asyncio
import json
import sys
import webbrowser

from fastmcp import Client
from fastmcp.client.auth import OAuth


def say(**message):
    print(json.dumps(message), flush=True)


class TestBrowser(webbrowser.BaseBrowser):
    def open(self, url, new=0, autoraise=True):
        say(authorize=url)
        return True


webbrowser.register("test", None, TestBrowser(), preferred=True)


async def main(url, client_id, port):
    oauth = OAuth(client_metadata_url=client_id or None, callback_port=int(port))
    async with Client(url, auth=oauth) as client:
        say(connected=True)
        while True:
            command = json.loads(await asyncio.to_thread(sys.stdin.readline))
            if "call" in command:
                result = await client.call_tool(command["call"], command.get("arguments", {}))
                say(text=[item.text for item in result.content])
            elif "expire" in command:
                oauth.context.token_expiry_time = 1
                say(expired=True)
            elif "tokens" in command:
                say(**oauth.context.current_tokens.model_dump(mode="json"))


asyncio.run(main(*sys.argv[1:]))
