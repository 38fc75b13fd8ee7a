"""The publisher's side: a Flask app that is a client serves its own document and keys, and signs in with them.

The document is checked by our own validator when the app starts, more strictly than a server must: whatever a server
would silently drop is a problem here. It never depends on a request, so every server sees the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from ..core.document import parse_document
from ..core.identifier import IdentifierRules, parse_identifier
from ..core.rules import DocumentRules
from ..errors import ConfigurationError, DocumentError, IdentifierError
from ..fetch.fetcher import Fetcher, FetchSettings
from ..settings import Settings
from .key_file import KeyFile

if TYPE_CHECKING:
    from .session import ClientSession

#: How long servers may keep the document and the keys without asking again.
LIFETIME = timedelta(hours=1)
#: Bytes that the draft recommends servers to read (CIMD §8.7).
_MOST_BYTES = 5120
_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedClient:
    """An app's own identity.

    Attributes:
        client_id: the URL of its document.
        members: what the document says, keys apart.
        keys: its private keys; ``None`` for a public client.
        jwks_uri: where the public ones are served; ``None`` if the document holds them.
        fetch: how servers' metadata is fetched.
    """

    client_id: str
    members: Mapping[str, Any] = field(default_factory=dict)
    keys: KeyFile | None = None
    jwks_uri: str | None = None
    fetch: FetchSettings = field(default_factory=FetchSettings)

    @property
    def auth_method(self) -> str:
        """How the client authenticates: ``private_key_jwt`` or ``none``."""
        return "none" if self.keys is None else "private_key_jwt"

    def document(self) -> dict[str, Any]:
        """Return the document as it is now."""
        keys: dict[str, Any] = {}
        if self.jwks_uri is not None:
            keys = {"jwks_uri": self.jwks_uri}
        elif self.keys is not None:
            keys = {"jwks": self.key_set()}
        return {"client_id": self.client_id, **self.members, "token_endpoint_auth_method": self.auth_method, **keys}

    def discover(self, issuer: str) -> dict[str, Any]:
        """Return a server's metadata (RFC 8414); the issuer may be what a person typed.

        Raises:
            CIMDError: it cannot be read, or is that of another server.
        """
        from .discovery import discover

        return discover(issuer, Fetcher(self.fetch))

    def session(self, server: Mapping[str, Any], **more: Any) -> ClientSession:
        """Return an Authlib session that identifies itself by this client's URL; see `ClientSession`.

        Raises:
            ValueError: the server lists client authentication methods, and this client's is not among them.
        """
        from .session import ClientSession

        methods = server.get("token_endpoint_auth_methods_supported")
        if methods is not None and self.auth_method not in methods:
            raise ValueError(f"the server does not support {self.auth_method}")
        return ClientSession(self, server, **more)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys, old ones until they are retired."""
        return {"keys": [entry.public for entry in self.keys.entries()] if self.keys else []}


def publish(
    app: Flask,
    path: str,
    *,
    redirect_uris: Sequence[str],
    origin: str | None = None,
    keys: KeyFile | str | Path | bool = False,
    jwks_path: str | None = "/jwks.json",
    allow_loopback: bool = False,
    **members: Any,
) -> PublishedClient:
    """Let an app be a client itself: serve its metadata document, and its public keys if it has any.

    Available as ``cimd.publish_client``; needs no ``init_app``. The document's URL, ``origin + path``, is the
    ``client_id`` from now on.

    Args:
        app: the app that serves the document.
        path: of the document, such as ``/client.json``; short, and the same for ever.
        redirect_uris: where this app takes answers.
        origin: the app's public origin; without it ``SERVER_NAME`` tells, else the first https redirect URI.
        keys: ``True`` or a file to authenticate with ``private_key_jwt``; a first key is made if there is none.
        jwks_path: where the keys are served; ``None`` puts them into the document.
        allow_loopback: development: an origin on this computer will do.
        members: further members, such as ``client_name``, ``scope`` or ``logo_uri``.

    Raises:
        ConfigurationError: with every reason why a server would refuse the document, or ignore a part of it.
    """
    origin = _origin(app, origin, redirect_uris)
    key_file = _key_file(app, keys)
    usual = {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
    client = PublishedClient(
        client_id=origin + path,
        members={**usual, **members, "redirect_uris": list(redirect_uris)},
        keys=key_file,
        jwks_uri=origin + jwks_path if key_file is not None and jwks_path is not None else None,
        fetch=Settings.from_config(app.config).fetch,
    )
    if problems := check(client, allow_loopback=allow_loopback):
        raise ConfigurationError("the client metadata document is not valid: " + "; ".join(problems))
    _serve(app, client, path, jwks_path)
    app.extensions.setdefault("cimd_published", []).append(client)
    return client


def check(client: PublishedClient, *, allow_loopback: bool = False) -> list[str]:
    """Return what is wrong with a document: what servers refuse, and what they would silently leave out."""
    # No query and no bare "/": the draft discourages both, and some servers refuse them (CIMD §3).
    identifiers = IdentifierRules(
        allow_root_path=False, allow_query=False, indieauth=False, allow_loopback=allow_loopback
    )
    rules = DocumentRules(
        auth_methods=("none", "private_key_jwt"),
        require_auth_method=True,
        indieauth=False,
        allow_loopback=allow_loopback,
    )
    document = client.document()
    body = _encode(document)
    try:
        metadata = parse_document(body, parse_identifier(client.client_id, identifiers), rules)
    except IdentifierError as error:
        return [f"client_id {error}"]
    except DocumentError as error:
        return [f"{problem.pointer or '/'} {problem.rule}: {problem.message}" for problem in error.problems]
    dropped = [uri for uri in document["redirect_uris"] if uri not in metadata.redirect_uris]
    problems = [f"/redirect_uris not-usable: servers would ignore {uri}" for uri in dropped]
    problems += [
        f"/{name} not-https: must be an absolute https URL"
        for name in _LINKS
        if name in document and getattr(metadata, name) is None
    ]
    if len(body) > _MOST_BYTES:
        problems.append(f"/ too-large: {len(body)} bytes; many servers read {_MOST_BYTES} at most")
    return problems


def _origin(app: Flask, origin: str | None, redirect_uris: Sequence[str]) -> str:
    """Return the app's public origin; never from a request, whose ``Host`` a stranger chooses."""
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
    app.add_url_rule(path, f"flask_cimd.document{path}", lambda: _answer(client.document()), methods=["GET"])
    if client.jwks_uri is not None and jwks_path is not None:
        app.add_url_rule(jwks_path, f"flask_cimd.jwks{jwks_path}", lambda: _answer(client.key_set()), methods=["GET"])


def _answer(value: Mapping[str, Any]) -> Response:
    answer = Response(_encode(value), mimetype="application/json")
    answer.headers["Cache-Control"] = f"public, max-age={LIFETIME.total_seconds():.0f}"
    answer.headers["Access-Control-Allow-Origin"] = "*"  # a public document; no cookie counts here
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
