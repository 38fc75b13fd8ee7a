"""The virtual client of developers: ``http://localhost?redirect_uri=…&scope=…``, a client without a document.

Everything that the AT Protocol's profile wants to know stands in the identifier itself, so nothing is fetched
(https://atproto.com/specs/oauth, "Localhost Client Development"). Any program on the person's computer can use it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from ..errors import IdentifierError
from .atproto import SCOPE, asks_for_atproto
from .identifier import ClientIdentifier, IdentifierRules
from .metadata import ClientMetadata
from .redirects import redirect_kind, refuse_registration

_DEFAULT_REDIRECTS = ("http://127.0.0.1/", "http://[::1]/")
_MOST_REDIRECTS = 20


def virtual_client(identifier: ClientIdentifier) -> ClientMetadata:
    """Return the metadata that the identifier itself describes.

    Raises:
        IdentifierError: its query holds something else than ``redirect_uri`` and one ``scope``.
    """
    redirects: list[str] = []
    scopes: list[str] = []
    for name, value in _parameters(identifier):
        if name not in ("redirect_uri", "scope"):
            raise _refuse(identifier, "only redirect_uri and scope may stand in http://localhost?…")
        (redirects if name == "redirect_uri" else scopes).append(value)
    if len(scopes) > 1:
        raise _refuse(identifier, "scope may be given once")
    scope = scopes[0] if scopes else SCOPE
    return ClientMetadata(
        identifier=identifier,
        source="virtual",
        redirect_uris=tuple(_redirect(identifier, uri) for uri in redirects) or _DEFAULT_REDIRECTS,
        grant_types=("authorization_code", "refresh_token"),
        scope=" ".join(dict.fromkeys(scope.split())),
        application_type="native",
        auth_method="none",
        dpop_bound_access_tokens=True,
        atproto_problems=() if asks_for_atproto(scope) else (("/scope", "atproto-scope", "scope must hold atproto"),),
    )


def for_scope(metadata: ClientMetadata, scope: str | None, rules: IdentifierRules) -> ClientMetadata:
    """Return the client that a request with this scope means.

    ``http://localhost`` without port and query is IndieAuth's loopback client, but the virtual one if the request asks
    for ``atproto``. Any other client is returned as it is.

    Raises:
        IdentifierError: the bare identifier is only known as the virtual client, and ``atproto`` is not asked for.
    """
    identifier = metadata.identifier
    if not metadata.is_built_here or identifier.raw not in ("http://localhost", "http://localhost/"):
        return metadata
    if asks_for_atproto(scope):
        return virtual_client(identifier) if rules.allow_virtual_clients else metadata
    if metadata.source == "virtual":
        raise IdentifierError("bad-scheme", identifier.raw, hint="http://localhost is a client for atproto alone")
    return metadata


def _parameters(identifier: ClientIdentifier) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            identifier.query,
            keep_blank_values=True,
            strict_parsing=bool(identifier.query),
            errors="strict",
            max_num_fields=_MOST_REDIRECTS + 1,
        )
    except ValueError as exc:
        raise _refuse(identifier, "the query cannot be read") from exc


def _redirect(identifier: ClientIdentifier, uri: str) -> str:
    fits = refuse_registration(uri, allow_dotless_schemes=False) is None and redirect_kind(uri) == "loopback"
    # The profile: "localhost" is no host for a redirect, since it can be resolved to something else (RFC 8252 §8.3).
    if not fits or uri.startswith("http://localhost"):
        raise _refuse(identifier, "a redirect_uri is http on 127.0.0.1 or [::1]")
    return uri


def _refuse(identifier: ClientIdentifier, hint: str) -> IdentifierError:
    return IdentifierError("bad-virtual-client", identifier.raw, hint=hint)
