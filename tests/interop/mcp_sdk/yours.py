"""A server that people have: an in-memory authorization server of the MCP SDK with one page, and one tool."""

import os
import secrets
import time

from mcp.server.auth.provider import AccessToken, AuthorizationCode, RefreshToken, construct_redirect_uri
from mcp.server.auth.settings import AuthSettings
from mcp.shared.auth import OAuthToken

ISSUER = f"http://127.0.0.1:{os.environ['PORT']}"
auth = AuthSettings(
    issuer_url=ISSUER,
    resource_server_url=f"{ISSUER}/mcp",
    required_scopes=["greet"],
    validate_token_resource=True,
)


def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello {name}"


class YourProvider:
    """Approves every request at once, as the examples of the SDK do."""

    def __init__(self):
        self.codes, self.access, self.refresh = {}, {}, {}

    async def get_client(self, client_id):
        return None

    async def register_client(self, client_info):
        raise NotImplementedError

    async def authorize(self, client, params):
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            client_id=client.client_id,
            expires_at=time.time() + 60,
            subject="ada",
            **params.model_dump(exclude={"state", "scopes"}),
            scopes=params.scopes or ["greet"],
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(self, client, authorization_code):
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self.codes[authorization_code.code]
        return self._issue(authorization_code)

    async def load_refresh_token(self, client, refresh_token):
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        del self.refresh[refresh_token.token]
        return self._issue(refresh_token)

    async def load_access_token(self, token):
        return self.access.get(token)

    async def revoke_token(self, token):
        self.access.pop(token.token, None)

    def _issue(self, grant):
        kept = {"client_id": grant.client_id, "scopes": grant.scopes, "resource": grant.resource, "subject": "ada"}
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.access[access] = AccessToken(token=access, expires_at=int(time.time()) + 600, **kept)
        self.refresh[refresh] = RefreshToken(token=refresh, **kept)
        return OAuthToken(access_token=access, expires_in=600, refresh_token=refresh, scope=" ".join(grant.scopes))
