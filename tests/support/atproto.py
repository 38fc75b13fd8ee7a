"""An app of the AT Protocol as tests need it: pushed requests, DPoP with nonces, and mistakes on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import requests

from .browser import Browser, SignIn, Site
from .dpop import ProofKey, token_hash
from .origin import TLSOrigin

REDIRECT = "http://127.0.0.1:7778/callback"
#: The developers' client: nothing to publish.
VIRTUAL = f"http://localhost?{urlencode({'redirect_uri': REDIRECT, 'scope': 'atproto profile'})}"
#: The host of documents that `publish_app` serves; a site must be built with `development_hosts`.
HOST = "app.example.com"


def development_hosts(origin: TLSOrigin) -> dict[str, str]:
    """Return the environment in which a site finds `HOST` at an origin on this computer."""
    return {"CIMD_DEVELOPMENT_HOSTS": f"{HOST}=127.0.0.1:{origin.port}"}


def publish_app(origin: TLSOrigin, path: str = "/client-metadata.json", **members: Any) -> str:
    """Publish the document of a web app of the profile; a member that is ``None`` is left out."""
    client_id = f"https://{HOST}{path}"
    usual = {
        "client_id": client_id,
        "client_name": "Bluesky",
        "client_uri": f"https://{HOST}",
        "application_type": "web",
        "redirect_uris": [f"https://{HOST}/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "atproto profile transition:generic",
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": True,
    }
    document = {name: value for name, value in {**usual, **members}.items() if value is not None}
    origin.serve(path, json.dumps(document).encode(), headers={"Content-Type": "application/json"})
    return client_id


class App:
    """One installation of an app, with a DPoP key of its own.

    Attributes:
        nonce: the newest one that the site handed out.
        proofs: what to sign in place of the usual: members of `ProofKey.proof`.
    """

    def __init__(
        self,
        site: Site,
        client_id: str = VIRTUAL,
        redirect_uri: str = REDIRECT,
        *,
        authenticate: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.site = site
        self.client_id, self.redirect_uri = client_id, redirect_uri
        self.key = ProofKey()
        self.nonce: str | None = None
        self._authenticate = authenticate
        self._browser = site.browser()

    def proof(self, method: str, path: str, **changes: Any) -> str:
        """Return a proof for a request to the site; claims that are given replace the right ones."""
        usual = {"nonce": self.nonce}
        return self.key.proof(method, self.site.base_url + path, self.now, **{**usual, **changes})

    @property
    def now(self) -> datetime:
        """The site's time."""
        return self.site.clock.now

    def send(
        self, method: str, path: str, form: Mapping[str, Any] | None = None, *, token: str | None = None, **changes: Any
    ) -> requests.Response:
        """Send one request with a proof, and remember the nonce of the answer."""
        if token is not None:
            changes = {"ath": token_hash(token), **changes}
        headers = {"DPoP": self.proof(method, path, **changes)}
        if token is not None:
            headers["Authorization"] = f"DPoP {token}"
        answer = self._browser.request(method, path, data=form, headers=headers)
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        return answer

    def post(self, path: str, form: Mapping[str, Any], **changes: Any) -> requests.Response:
        """Send a form as libraries do: once more, with the same form, if a nonce is asked for."""
        filled = {"client_id": self.client_id, **self._authenticate(), **form}
        kept = {name: value for name, value in filled.items() if value is not None}
        answer = self.send("POST", path, kept, **changes)
        return self.send("POST", path, kept, **changes) if is_nonce_challenge(answer) else answer

    def begin(self, **parameters: str | None) -> SignIn:
        """Return a well-formed request."""
        usual = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "scope": "atproto"}
        return SignIn.begin(**{**usual, **parameters})  # type: ignore[arg-type]  # the mapping holds values of several types

    def push(self, sign_in: SignIn | None = None, **parameters: str | None) -> requests.Response:
        """Push a request."""
        return self.post("/par", {"client_id": None, **(sign_in or self.begin(**parameters)).parameters})

    def push_with(self, **changes: Any) -> requests.Response:
        """Push a request whose proof has other claims than usual."""
        return self.send("POST", "/par", self.begin().parameters, **changes)

    def address(self, request_uri: str) -> dict[str, str]:
        """Return the parameters of the authorization request."""
        return {"client_id": self.client_id, "request_uri": request_uri}

    def open(self, owner: Browser, sign_in: SignIn | None = None, **parameters: str | None) -> requests.Response:
        """Push a request and open it; the consent page."""
        pushed = self.push(sign_in, **parameters)
        assert pushed.status_code == 201, pushed.text
        return owner.get("/authorize", params=self.address(pushed.json()["request_uri"]))

    def code(self, owner: Browser, **parameters: str | None) -> tuple[SignIn, str]:
        """Go through a whole approval."""
        sign_in = self.begin(**parameters)
        return sign_in, owner.approve(self.open(owner, sign_in))["code"]

    def redeem(self, sign_in: SignIn, code: str, **changes: Any) -> requests.Response:
        """Redeem a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": sign_in.redirect_uri,
            "code_verifier": sign_in.verifier,
        }
        return self.post("/token", {**form, **changes})

    def refresh(self, refresh_token: str, **changes: Any) -> requests.Response:
        """Exchange a refresh token."""
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    def sign_in(self, owner: Browser, **parameters: str | None) -> dict[str, Any]:
        """Go all the way; the token answer."""
        answer = self.redeem(*self.code(owner, **parameters))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def call(self, token: str, path: str = "/userinfo", **changes: Any) -> requests.Response:
        """Call a resource, once more if a nonce is asked for."""
        answer = self.send("GET", path, token=token, **changes)
        return self.send("GET", path, token=token, **changes) if is_nonce_challenge(answer) else answer


def is_nonce_challenge(answer: requests.Response) -> bool:
    """Say whether a client is to repeat the request."""
    if answer.status_code == 401:
        return 'error="use_dpop_nonce"' in answer.headers.get("WWW-Authenticate", "")
    return answer.status_code == 400 and answer.json().get("error") == "use_dpop_nonce"
