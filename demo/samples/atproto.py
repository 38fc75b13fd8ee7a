"""An app's half of the sign-in on the AT Protocol: find the server, push, prove the key, check who it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import requests
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey

from demo.samples.signin import SignInError

_TIMEOUT = 10


@dataclass
class Key:
    """A DPoP key of one person's session, with the newest nonce of the server; it never leaves this process."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    nonce: str | None = None

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        """Return a proof for one request (RFC 9449 §4.2)."""
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)}
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
        if self.nonce:
            claims["nonce"] = self.nonce
        if token:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        return jwt.encode(header, claims, self.key, algorithms=["ES256"])

    def send(self, method: str, url: str, form: Mapping[str, str] | None = None, token: str | None = None) -> Any:
        """Send a request with a proof, and once more if the server wants its nonce in it (RFC 9449 §8)."""
        for _ in range(2):
            headers = {"DPoP": self.proof(method, url, token)} | ({"Authorization": f"DPoP {token}"} if token else {})
            answer = _request(method, url, data=form, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", "") + answer.text:
                break
        return answer


@dataclass(frozen=True, slots=True)
class Server:
    """Where somebody's account lives, and who says who they are."""

    did: str
    account: str
    issuer: str
    push: str
    authorize: str
    token: str
    revoke: str


@dataclass
class Session:
    """One person's sign-in, from the first request to its end."""

    server: Server
    key: Key
    state: str
    verifier: str
    tokens: dict[str, Any] = field(default_factory=dict)


def find_server(handle: str, resolver: str) -> Server:
    """Follow the chain from a handle to the server of its account.

    Args:
        handle: as the person typed it.
        resolver: origin that knows handles; DNS would do as well.
    """
    try:
        did = _json(f"{resolver}/xrpc/com.atproto.identity.resolveHandle", handle=handle)["did"]
        document = _json(_document_url(did))
        if document["id"] != did or f"at://{handle}" not in document["alsoKnownAs"]:
            raise SignInError("The handle and its identity do not name each other.")
        account = next(s["serviceEndpoint"] for s in document["service"] if s["id"].endswith("#atproto_pds"))
        issuer = _json(f"{account}/.well-known/oauth-protected-resource")["authorization_servers"][0]
        members = _json(f"{issuer}/.well-known/oauth-authorization-server")
        if members["issuer"] != issuer:
            raise SignInError("The server names another issuer than itself.")
        return Server(
            did=did,
            account=account,
            issuer=issuer,
            push=members["pushed_authorization_request_endpoint"],
            authorize=members["authorization_endpoint"],
            token=members["token_endpoint"],
            revoke=members["revocation_endpoint"],
        )
    except (KeyError, TypeError, IndexError, StopIteration) as exc:
        raise SignInError("That handle does not lead to a server that this app understands.") from exc


def begin(handle: str, resolver: str, client_id: str, redirect_uri: str) -> tuple[str, Session]:
    """Push a request, and return the URL to send the person to with what to remember."""
    server = find_server(handle, resolver)
    session = Session(server, Key(), state=secrets.token_urlsafe(16), verifier=secrets.token_urlsafe(48))
    form = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "atproto",
        "state": session.state,
        "code_challenge": create_s256_code_challenge(session.verifier),
        "code_challenge_method": "S256",
        "login_hint": handle,
    }
    pushed = _member(session.key.send("POST", server.push, form), "request_uri")
    return f"{server.authorize}?{urlencode({'client_id': client_id, 'request_uri': pushed})}", session


def finish(session: Session, answer: Mapping[str, str], client_id: str, redirect_uri: str) -> None:
    """Check the answer and redeem the code."""
    if not hmac.compare_digest(answer.get("state", "").encode(), session.state.encode()):
        raise SignInError("This answer does not belong to the sign-in that you started here. Start again.")
    if answer.get("iss") != session.server.issuer:
        raise SignInError("The answer comes from another server than the one that you chose.")
    if "code" not in answer:
        raise SignInError("You said no, so nobody was signed in.")
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": session.verifier,
    }
    _keep(session, form, client_id)


def refresh(session: Session, client_id: str) -> None:
    """Exchange the refresh token, which then is spent."""
    _keep(session, {"grant_type": "refresh_token", "refresh_token": session.tokens["refresh_token"]}, client_id)


def who_is_it(session: Session) -> dict[str, Any]:
    """Ask the account's server whose session this is."""
    url = f"{session.server.account}/xrpc/com.atproto.server.getSession"
    answer = session.key.send("GET", url, token=session.tokens["access_token"])
    if answer.status_code != 200:
        raise SignInError("The session has ended. Sign in again.")
    found: dict[str, Any] = answer.json()
    return found


def sign_out(session: Session, client_id: str) -> None:
    """End the session at the server."""
    form = {"token": session.tokens["access_token"], "client_id": client_id}
    session.key.send("POST", session.server.revoke, form)


def _keep(session: Session, form: Mapping[str, str], client_id: str) -> None:
    answer = session.key.send("POST", session.server.token, {**form, "client_id": client_id})
    _member(answer, "access_token")
    tokens = answer.json()
    # The profile: the account must be the one that the chain of documents led from, or anybody could claim it.
    if tokens.get("sub") != session.server.did or "atproto" not in tokens.get("scope", "").split():
        raise SignInError("The server answered for somebody else.")
    session.tokens = tokens


def _member(answer: requests.Response, name: str) -> str:
    try:
        value = answer.json().get(name)
    except ValueError:
        value = None
    if not answer.ok or not isinstance(value, str):
        raise SignInError("The server did not accept the request. Start again.")
    return value


def _document_url(did: str) -> str:
    if not did.startswith("did:web:"):
        raise SignInError("This sample app knows the method did:web alone.")
    host = unquote(did.removeprefix("did:web:"))
    scheme = "http" if urlsplit(f"//{host}").hostname == "localhost" else "https"
    return f"{scheme}://{host}/.well-known/did.json"


def _json(url: str, **parameters: str) -> Any:
    try:
        return _request("GET", url, params=parameters).json()
    except ValueError as exc:
        raise SignInError("The server's description of itself cannot be read.") from exc


def _request(method: str, url: str, **more: Any) -> requests.Response:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **more)
    except requests.RequestException as exc:
        raise SignInError("The server does not answer.") from exc
