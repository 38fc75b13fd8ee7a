"""An app's half of the sign-in: discover the site, send the person there, check what comes back (IndieAuth §4, §5)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from flask_cimd.clients.html import UnreadablePageError, page_links

_TIMEOUT = 10


class SignInError(Exception):
    """The sign-in ends here; the message is for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What discovery found: where to send the person, and whose answers to believe."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    #: Where the person's posts go; ``None`` if their site takes none.
    micropub: str | None = None
    #: What the token is for, if it is a place of its own, and what that place asks for (RFC 8707).
    resource: str | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How an app presents itself."""

    client_id: str
    redirect_uri: str
    scope: str
    #: Sign-in alone needs no token: the code is redeemed where it came from.
    wants_token: bool


def discover(profile_url: str) -> Provider:
    """Find the authorization server of a profile URL through its metadata link (IndieAuth §4.1)."""
    page = get(profile_url)
    links = _links(page)
    metadata_url = links["indieauth-metadata"]
    if metadata_url is None:
        raise SignInError("The site does not say where its owner signs in.")
    provider = read_metadata(metadata_url, micropub=links["micropub"])
    # IndieAuth §3.1: the issuer must be a prefix of the URL that names it.
    if not metadata_url.startswith(provider.issuer):
        raise SignInError("The site names another issuer than itself.")
    return provider


def read_metadata(metadata_url: str, *, issuer: str | None = None, **more: Any) -> Provider:
    """Read an authorization server's metadata (RFC 8414 §3.3: its issuer must be the one that was looked for)."""
    try:
        metadata = get(metadata_url).json()
        provider = Provider(
            issuer=metadata["issuer"],
            authorization_endpoint=metadata["authorization_endpoint"],
            token_endpoint=metadata["token_endpoint"],
            **more,
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise SignInError("The site's description of its sign-in cannot be read.") from exc
    if issuer is not None and provider.issuer != issuer:
        raise SignInError("The site names another issuer than itself.")
    return provider


def begin(provider: Provider, client: Client, profile_url: str) -> tuple[str, dict[str, str]]:
    """Return the URL to send the person to, and what to remember until they come back."""
    pending = {
        "state": generate_token(32),
        "verifier": generate_token(64),
        "issuer": provider.issuer,
        "authorization_endpoint": provider.authorization_endpoint,
        "token_endpoint": provider.token_endpoint,
        "micropub": provider.micropub or "",
        "resource": provider.resource or "",
    }
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": pending["state"],
        "code_challenge": create_s256_code_challenge(pending["verifier"]),
        "code_challenge_method": "S256",
        "me": profile_url,
    }
    if client.scope or provider.scope:
        parameters["scope"] = client.scope or provider.scope
    if provider.resource:
        parameters["resource"] = provider.resource
    joiner = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joiner}{urlencode(parameters)}", pending


def finish(answer: Mapping[str, str], pending: Mapping[str, str], client: Client, profile_url: str) -> dict[str, Any]:
    """Check the answer, redeem the code and return who signed in.

    Besides ``me`` and ``issuer`` there are ``profile``, ``access_token`` and ``scope``, as far as they were granted.
    """
    if not hmac.compare_digest(answer.get("state", "").encode(), pending["state"].encode()):
        raise SignInError("This answer does not belong to the sign-in that you started here. Start again.")
    # RFC 9207 §2.4: a missing or different issuer means that somebody else answered.
    if answer.get("iss") != pending["issuer"]:
        raise SignInError("The answer comes from another site than the one that you chose.")
    if answer.get("error") == "access_denied":
        raise SignInError("You said no, so nobody was signed in.")
    if "error" in answer or "code" not in answer:
        raise SignInError("The site could not sign you in.")
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "code_verifier": pending["verifier"],
    }
    if pending["resource"]:
        form["resource"] = pending["resource"]
    endpoint = pending["token_endpoint"] if client.wants_token else pending["authorization_endpoint"]
    identity = _post(endpoint, form)
    me = identity.get("me")
    # IndieAuth §5.4 asks for discovery on any other address; this app believes only the one it started from.
    if me != profile_url:
        raise SignInError("The site answered for another address than the one that you chose.")
    granted = {name: identity[name] for name in ("access_token", "scope") if isinstance(identity.get(name), str)}
    return {"me": me, "issuer": pending["issuer"], "profile": identity.get("profile") or {}, **granted}


def _links(page: requests.Response) -> dict[str, str | None]:
    """Return the first link of each relation that this app follows."""
    try:
        found = page_links(
            page.content,
            url=page.url,
            charset=page.encoding,
            link_headers=page.raw.headers.getlist("link"),
            relations=("indieauth-metadata", "micropub"),
        )
    except UnreadablePageError as exc:
        raise SignInError("The site's page cannot be read.") from exc
    return {relation: targets[0] if targets else None for relation, targets in found.items()}


def fresh_session() -> requests.Session:
    """Return a session that takes nothing from the environment: no proxies, no passwords."""
    session = requests.Session()
    session.trust_env = False
    return session


def get(url: str) -> requests.Response:
    """GET a URL, without following redirects.

    Raises:
        SignInError: there is no good answer.
    """
    try:
        with fresh_session() as session:
            answer = session.get(url, timeout=_TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
    except requests.RequestException as exc:
        raise SignInError("The site does not answer.") from exc
    return answer


def _post(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    try:
        with fresh_session() as session:
            answer = session.post(url, data=form, timeout=_TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            found = answer.json()
    except (requests.RequestException, ValueError) as exc:
        raise SignInError("The site did not accept its own answer. Start again.") from exc
    return found if isinstance(found, dict) else {}
