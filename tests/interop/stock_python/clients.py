"""OAuth clients from PyPI, each with its own defaults: sign in, ask who it is, refresh."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from urllib.parse import urlencode

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the demo is on loopback
NAME, ISSUER, CLIENT_ID, REDIRECT, *SCOPE = sys.argv[1:]


def person(url: str) -> dict[str, str]:
    """Send the person away, and return the parameters with which they come back."""
    print(json.dumps({"authorize": url}), flush=True)
    return json.loads(sys.stdin.readline())


def requests_oauthlib() -> dict[str, object]:
    from requests_oauthlib import OAuth2Session

    session = OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT, scope=SCOPE, pkce="S256")
    url, _ = session.authorization_url(f"{ISSUER}/authorize")
    back = f"{REDIRECT}?{urlencode(person(url))}"
    first = session.fetch_token(f"{ISSUER}/token", authorization_response=back, include_client_id=True)["access_token"]
    # Its plain refresh: the scope of the beginning is sent again, the client_id only on demand.
    renewed = session.refresh_token(f"{ISSUER}/token", client_id=CLIENT_ID)["access_token"]
    return {"sub": session.get(f"{ISSUER}/userinfo").json()["sub"], "renewed": renewed != first}


async def httpx_oauth() -> dict[str, object]:
    import base64
    import hashlib
    import secrets

    import httpx
    from httpx_oauth.oauth2 import OAuth2

    endpoints = f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/token", f"{ISSUER}/revoke"
    client = OAuth2(CLIENT_ID, "", *endpoints, base_scopes=SCOPE, revocation_endpoint_auth_method="client_secret_post")
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = await client.get_authorization_url(
        REDIRECT, state="s", code_challenge=challenge, code_challenge_method="S256"
    )
    token = await client.get_access_token(person(url)["code"], REDIRECT, verifier)
    renewed = await client.refresh_token(token["refresh_token"])
    async with httpx.AsyncClient(trust_env=False) as session:
        headers = {"Authorization": f"Bearer {renewed['access_token']}"}
        told = (await session.get(f"{ISSUER}/userinfo", headers=headers)).json()
    await client.revoke_token(renewed["access_token"])
    return {"sub": told["sub"], "renewed": renewed["access_token"] != token["access_token"]}


def main() -> None:
    """Run the client that the first argument names."""
    found = asyncio.run(httpx_oauth()) if NAME == "httpx-oauth" else requests_oauthlib()
    print(json.dumps(found), flush=True)


main()
