"""The AT Protocol's virtual client: ``http://localhost?redirect_uri=…&scope=…``, a client without a document.

The identifier itself contains redirect URIs and scope, so nothing is fetched (https://atproto.com/specs/oauth,
"Localhost Client Development"). Any program on the person's computer can use such an identifier.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from ..errors import IdentifierError
from .atproto import SCOPE, asks_for_atproto
from .identifier import ClientIdentifier, IdentifierRules
from .metadata import ClientMetadata
from .redirects import redirect_kind, refuse_registration
from .sentences import sentence

_DEFAULT_REDIRECTS = ("http://127.0.0.1/", "http://[::1]/")
_MOST_REDIRECTS = 20

_NO_SCOPE = ("/scope", "atproto-scope", sentence("scope must hold atproto"))


def virtual_client(identifier: ClientIdentifier) -> ClientMetadata:
    """Return the metadata in the query of the identifier.

    Raises:
        IdentifierError: its query has other parameters than ``redirect_uri`` and one ``scope``.
    """
    redirects: list[str] = []
    scopes: list[str] = []
    for name, value in _parameters(identifier):
        if name not in ("redirect_uri", "scope"):
            raise _refuse(identifier, "http://localhost?… takes redirect_uri and scope alone")
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
        atproto_problems=()
        if asks_for_atproto(scope)
        else (("/scope", "atproto-scope", sentence("scope must hold atproto")),),
    )


def for_scope(metadata: ClientMetadata, scope: str | None, rules: IdentifierRules) -> ClientMetadata:
    """Return the client that a request with this scope identifies.

    ``http://localhost`` without port and query is IndieAuth's loopback client, or the virtual client if the request has
    the scope ``atproto``. Any other client is returned unchanged.

    Raises:
        IdentifierError: the identifier is the virtual client alone, and the scope lacks ``atproto``.
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
    # The profile forbids the name "localhost", which may resolve to another address (RFC 8252 §8.3).
    if not fits or uri.startswith("http://localhost"):
        raise _refuse(identifier, "a redirect_uri is http on 127.0.0.1 or [::1]")
    return uri


def _refuse(identifier: ClientIdentifier, hint: str) -> IdentifierError:
    return IdentifierError("bad-virtual-client", identifier.raw, hint=hint)
