"""A Flask app as a client: it serves its document and keys, discovers servers, and signs in at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from ..clients import Settings
from ..clients.fetching import fetch_settings
from ..errors import ConfigurationError
from ..fetch.fetcher import FetchSettings
from .discovery import Discovery, Kind
from .document import LIFETIME, ClientDocument, check, encode
from .dpop import Nonces
from .identity import PLC_DIRECTORY, ResolveHandle
from .key_file import KeyFile
from .login_blueprint import LoginBlueprint, OnSignedIn
from .server import Server
from .session import ClientSession
from .token_life import FileLocks, ProcessLocks, TokenLock
from .verification import verified_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedClient(ClientDocument):
    """An app's identity at every server that accepts client identifier URLs.

    Attributes:
        fetch: settings of the client's connections.
        plc_directory: origin that serves ``did:plc`` documents.
        resolve_handle: the app's look-up of AT Protocol handles, usually in DNS; ``None`` uses only the handle's
            well-known URL.
        token_lock: lock that only one holder at a time can have while it refreshes a token.
    """

    fetch: FetchSettings = field(default_factory=FetchSettings)
    plc_directory: str = PLC_DIRECTORY
    resolve_handle: ResolveHandle | None = None
    token_lock: TokenLock = field(default_factory=ProcessLocks)
    _nonces: Nonces = field(default_factory=Nonces, init=False, repr=False, compare=False)
    _discovery: Discovery = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Create the `Discovery` that all calls of `discover` share."""
        found = Discovery(self.fetch, plc_directory=self.plc_directory, resolve_handle=self.resolve_handle)
        object.__setattr__(self, "_discovery", found)

    def discover(self, entered: str, *, kind: Kind | None = None, challenge: str | None = None) -> Server:
        """Return the authorization server for a site, server, handle, DID or protected resource.

        Args:
            entered: the user's input, at most 2048 characters; a host name alone means its https URL.
            kind: ``"account"``, ``"issuer"``, ``"resource"`` or ``"page"``; ``None`` tries all of them.
            challenge: the ``WWW-Authenticate`` field of a refused request to this URL.

        Raises:
            DiscoveryError: the address leads to no server, or a document contradicts it.
            FetchError: a URL cannot be fetched now.
        """
        return self._discovery.discover(entered, kind=kind, challenge=challenge)

    def links(self, url: str, *relations: str) -> dict[str, tuple[str, ...]]:
        """Return the link targets of a page by relation: ``Link`` headers first, then ``<link>`` elements.

        Raises:
            DiscoveryError: the page does not exist, is not HTML, or has more than 20 targets for one relation.
            FetchError: the page cannot be fetched now.
        """
        return self._discovery.links(url, relations)

    def session(self, server: Mapping[str, Any], **more: Any) -> ClientSession:
        """Return a session at a server; see `ClientSession` for the further arguments.

        Raises:
            UnsupportedServerError: client and server share no authentication method.
        """
        usual = {"token_lock": self.token_lock, "identify": self.identify}
        return ClientSession(self, server, fetch=self.fetch, nonces=self._nonces, **{**usual, **more})

    def identify(self, server: Server, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the identity in a token response after verifying that the server may assert it.

        Raises:
            IdentityError: the server may not assert this identity.
            FetchError: a document of the identity cannot be fetched now.
        """
        return verified_identity(self._discovery, server, token)

    def login_blueprint(self, prefix: str, *, on_signed_in: OnSignedIn, **more: Any) -> LoginBlueprint:
        """Return a blueprint with a sign-in form and its callback; see `LoginBlueprint` for the further arguments.

        Raises:
            ConfigurationError: the redirect URI is not in the document.
        """
        return LoginBlueprint(self, prefix, on_signed_in=on_signed_in, **more)


def publish(
    app: Flask,
    path: str,
    *,
    redirect_uris: Sequence[str],
    origin: str | None = None,
    keys: KeyFile | str | Path | bool = False,
    jwks_path: str | None = "/jwks.json",
    allow_loopback: bool = False,
    plc_directory: str = PLC_DIRECTORY,
    resolve_handle: ResolveHandle | None = None,
    token_lock: TokenLock | None = None,
    **members: Any,
) -> PublishedClient:
    """Serve the app's client metadata document, and its public keys if it has any.

    Available as ``cimd.publish_client``; does not need ``init_app``. The document's URL, ``origin + path``, is the
    app's ``client_id``.

    Args:
        app: the app that serves the document.
        path: path of the document, such as ``/client.json``; a change makes a new client.
        redirect_uris: the app's redirect URIs.
        origin: the app's public origin; defaults to the one in ``SERVER_NAME``, else in the first https redirect URI.
        keys: ``True`` or a key file for ``private_key_jwt``; a file without keys gets a first key.
        jwks_path: path of the key set; ``None`` puts the keys into the document.
        allow_loopback: allow a loopback origin, for development.
        plc_directory: origin that serves ``did:plc`` documents.
        resolve_handle: look-up of AT Protocol handles, usually in DNS.
        token_lock: lock for refreshing a token; by default, lock files in the app's instance folder, which all
            processes of one machine share. Several machines need a shared lock.
        members: further members, such as ``client_name``, ``scope`` or ``dpop_bound_access_tokens``. With keys,
            ``token_endpoint_auth_methods_supported=["private_key_jwt", "none"]`` also supports servers without
            ``private_key_jwt``.

    Raises:
        ConfigurationError: lists every rule that makes servers refuse the document or ignore a member, and every
            member that announces a feature that sessions do not support.
    """
    origin = _origin(app, origin, redirect_uris)
    key_file = _key_file(app, keys)
    usual = {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
    client = PublishedClient(
        client_id=origin + path,
        members={**usual, **members, "redirect_uris": list(redirect_uris)},
        keys=key_file,
        jwks_uri=origin + jwks_path if key_file is not None and jwks_path is not None else None,
        fetch=fetch_settings(Settings.from_config(app.config)),
        plc_directory=plc_directory,
        resolve_handle=resolve_handle,
        token_lock=token_lock or FileLocks(Path(app.instance_path) / "token-locks"),
    )
    if problems := check(client, allow_loopback=allow_loopback):
        raise ConfigurationError("the client metadata document is not valid: " + "; ".join(problems))
    _serve(app, client, path, jwks_path)
    app.extensions.setdefault("cimd_published", []).append(client)
    return client


def _origin(app: Flask, origin: str | None, redirect_uris: Sequence[str]) -> str:
    """Return the app's public origin from its settings; the client chooses the ``Host`` of a request."""
    if origin is None and app.config.get("SERVER_NAME"):
        origin = f"https://{app.config['SERVER_NAME']}"
    if origin is None:
        parts = next((urlsplit(uri) for uri in redirect_uris if uri.startswith("https://")), None)
        origin = f"https://{parts.netloc}" if parts else None
    if origin is None:
        raise ConfigurationError('publish_client needs the app\'s public origin: origin="https://app.example"')
    return origin.rstrip("/")


def _key_file(app: Flask, keys: KeyFile | str | Path | bool) -> KeyFile | None:
    if keys is False:
        return None
    if not isinstance(keys, KeyFile):
        keys = KeyFile(Path(app.instance_path) / "client-keys.json" if keys is True else keys)
    keys.ensure()
    return keys


def _serve(app: Flask, client: PublishedClient, path: str, jwks_path: str | None) -> None:
    app.add_url_rule(path, f"flask_cimd.document{path}", lambda: _respond(client.document()), methods=["GET"])
    if client.jwks_uri is not None and jwks_path is not None:
        app.add_url_rule(jwks_path, f"flask_cimd.jwks{jwks_path}", lambda: _respond(client.key_set()), methods=["GET"])


def _respond(value: Mapping[str, Any]) -> Response:
    response = Response(encode(value), mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={LIFETIME.total_seconds():.0f}"
    response.headers["Access-Control-Allow-Origin"] = "*"  # the document is public, and the route reads no cookie
    response.add_etag()
    response.make_conditional(request)
    return response
