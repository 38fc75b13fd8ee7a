"""Signs in with one of two PyPI packages that leave the web framework to the app; the test plays browser and owner."""

from __future__ import annotations

import json
import sys
from typing import Any


class WithAuthl:
    """authl: PKCE, the older endpoints, no ``grant_type``."""

    def __init__(self) -> None:
        from authl.handlers.indieauth import IndieAuth
        from authl.tokens import DictStore

        self.handler = IndieAuth("http://127.0.0.1:7777/", DictStore())

    def begin(self, me: str, redirect_uri: str) -> Any:
        return {"url": self.handler.initiate_auth(me, redirect_uri, "/").url}

    def finish(self, answer: dict[str, str]) -> Any:
        verified = self.handler.check_callback("", answer, {})
        return {"kind": type(verified).__name__, **vars(verified)}


class WithUtilities:
    """indieweb-utils: the app builds the request itself, from discovered metadata."""

    def begin(self, me: str, redirect_uri: str, challenge: str) -> Any:
        from urllib.parse import urlencode

        from indieweb_utils import discover_indieauth_endpoints

        self.me, self.redirect_uri = me, redirect_uri
        self.found = discover_indieauth_endpoints(me)
        request = {
            "response_type": "code",
            "client_id": "http://127.0.0.1:7777/",
            "redirect_uri": redirect_uri,
            "state": "state-of-the-app",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "scope": "profile create",
            "me": me,
        }
        return {"url": f"{self.found.authorization_endpoint}?{urlencode(request)}", "issuer": self.found.issuer}

    def finish(self, answer: dict[str, str], verifier: str) -> Any:
        from indieweb_utils import indieauth_callback_handler, is_authenticated

        result = indieauth_callback_handler(
            code=answer["code"],
            state=answer["state"],
            token_endpoint=self.found.token_endpoint,
            code_verifier=verifier,
            session_state="state-of-the-app",
            me=self.me,
            callback_url=self.redirect_uri,
            client_id="http://127.0.0.1:7777/",
            required_scopes=["create"],
        )
        header = {"Authorization": f"Bearer {result.response['access_token']}"}
        return {
            "message": result.message,
            "response": result.response,
            "authenticated": is_authenticated(self.found.token_endpoint, header, {}, self.me),
            "stranger": is_authenticated(self.found.token_endpoint, {"Authorization": "Bearer unknown"}, {}, self.me),
        }


client: Any = {"authl": WithAuthl, "indieweb-utils": WithUtilities}[sys.argv[1]]()
for line in sys.stdin:
    message = json.loads(line)
    print(json.dumps(getattr(client, message.pop("step"))(**message)), flush=True)
