"""JSON bytes to validated client metadata, or every problem at once (CIMD §4, RFC 7591 §2)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import DocumentError, Problem
from .atproto import profile_problems
from .identifier import ClientIdentifier, IdentifierKind, is_same_site
from .keys import check_jwks
from .members import Reader, is_https_url
from .metadata import ClientMetadata
from .policy import HostPattern
from .redirects import is_same_origin, redirect_kind, refuse_registration
from .strict_json import StrictJSONError, read_object
from .text import clean_text

#: Methods built on a secret that both sides know: impossible with a public document (CIMD §4.1).
SHARED_SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
#: Methods that need a published key.
KEY_METHODS = frozenset({"private_key_jwt"})
#: Asymmetric signature algorithms that a client may name.
_SIGNING_ALGS = frozenset(
    {
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
    }
)  # fmt: skip
_LOCALIZABLE = ("client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri")
#: Stored for the host application, never interpreted here.
_KEPT = (
    "contacts", "software_id", "software_version", "subject_type", "default_max_age", "require_auth_time",
    "default_acr_values", "initiate_login_uri", "post_logout_redirect_uris", "frontchannel_logout_uri",
    "backchannel_logout_uri", "frontchannel_logout_session_required", "backchannel_logout_session_required",
    "id_token_signed_response_alg", "userinfo_signed_response_alg", "request_object_signing_alg",
    "authorization_details_types",
)  # fmt: skip
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRules:
    """What this server has and how strict it is.

    Attributes:
        auth_methods: enabled client authentication methods, of ``none`` and ``private_key_jwt``.
        grant_types: enabled grants; others in a document are ignored (CIMD §4, RFC 7591 §2).
        allow_dotless_schemes: accept redirect schemes such as ``myapp:``.
        require_auth_method: refuse documents without ``token_endpoint_auth_method``.
        localhost_any_port: let the port of a redirect to the name ``localhost`` differ, as for loopback addresses.
        allow_loopback: development: ``jwks_uri`` and ``logo_uri`` may be https on this computer.
        indieauth: documents without ``redirect_uris`` may use their own origin (IndieAuth §4.2.2).
        redirect_relation: ``any``, ``same-site`` (the client's host, above or below it, by https) or ``same-origin``.
        logo_policy: ``any``, or ``same-site``: a logo on a host unrelated to the client's is no logo.
        redirect_exempt_hosts: document hosts that ``redirect_relation`` does not bind (CIMD appendix A).
    """

    auth_methods: tuple[str, ...] = ("none",)
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    max_redirect_uris: int = 50
    allow_dotless_schemes: bool = False
    require_auth_method: bool = False
    localhost_any_port: bool = True
    allow_loopback: bool = False
    indieauth: bool = True
    redirect_relation: str = "any"
    logo_policy: str = "any"
    redirect_exempt_hosts: tuple[HostPattern, ...] = ()

    @property
    def digest(self) -> str:
        """A name for exactly these rules: metadata that was validated under others is validated again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def parse_document(
    body: bytes, identifier: ClientIdentifier, rules: DocumentRules, *, media_type: str = "application/json"
) -> ClientMetadata:
    """Return the validated metadata in a client metadata document.

    Args:
        body: the bytes served at the identifier's URL.
        identifier: what the request's ``client_id`` was.
        rules: what this server has enabled.
        media_type: what the bytes were served as.

    Raises:
        DocumentError: with every broken rule.
    """
    try:
        members = read_object(body)
    except StrictJSONError as exc:
        raise DocumentError(identifier.raw, (Problem("", exc.rule, exc.message),)) from exc
    reader = Reader(members, rules)
    _check_identity(reader, identifier)
    _check_forbidden(reader)
    values = describe(reader, identifier)
    missed = profile_problems(members, identifier, media_type=media_type, development=rules.allow_loopback)
    values["atproto_problems"] = tuple((p.pointer, p.rule, p.message) for p in missed)
    return ClientMetadata(identifier=identifier, source="document", rules=rules.digest, **values)


def describe(reader: Reader, identifier: ClientIdentifier) -> dict[str, Any]:
    """Return the members of `ClientMetadata` that a client may state about itself.

    Raises:
        DocumentError: with every broken rule, those noted before included.
    """
    members, rules = reader.members, reader.rules
    redirect_uris = _redirect_uris(reader, identifier)
    jwks, jwks_uri = _keys(reader)
    methods, method = _auth_methods(reader, has_keys=bool(jwks or jwks_uri) or reader.blames("jwks"))
    grants, responses = _grants(reader)
    values: dict[str, Any] = {
        "client_name": _name(reader),
        "redirect_uris": redirect_uris or (),
        "publishes_redirects": redirect_uris is not None or not rules.indieauth,
        "grant_types": grants,
        "response_types": responses,
        "auth_methods": methods,
        "auth_method": method,
        "signing_alg": _signing_alg(reader),
        "scope": _scope(reader),
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        "application_type": reader.text("application_type"),
        "dpop_bound_access_tokens": reader.flag("dpop_bound_access_tokens"),
        "require_pushed_authorization_requests": reader.flag("require_pushed_authorization_requests"),
        "require_signed_request_object": reader.flag("require_signed_request_object"),
        "localized": _localized(reader),
        "kept": json.dumps({name: members[name] for name in _KEPT if name in members}),
    }
    if reader.problems:
        raise DocumentError(identifier.raw, tuple(reader.problems))
    for name in ("client_uri", "logo_uri", "tos_uri", "policy_uri"):
        values[name] = reader.link(name)
    if values["logo_uri"] and not may_show_logo(values["logo_uri"], identifier, rules):
        values["logo_uri"] = None
    values["localhost_any_port"] = rules.localhost_any_port
    return values


def _check_identity(reader: Reader, identifier: ClientIdentifier) -> None:
    # CIMD §4: "MUST match the URL of the document using simple string comparison".
    accepted = [identifier.raw]  # a list: the member may be of any type, unhashable ones too
    if identifier.kind is IdentifierKind.PAGE:  # IndieAuth: no path is read as "/"
        accepted.append(identifier.canonical)
    if not reader.has("client_id"):
        reader.add("client_id", "missing", "the document must hold its own URL as client_id")
    elif reader.members["client_id"] not in accepted:
        reader.add("client_id", "mismatch", "must equal the document's URL, character by character")


def _check_forbidden(reader: Reader) -> None:
    # CIMD §4.1: presence decides, not the value.
    for name in ("client_secret", "client_secret_expires_at"):
        if reader.has(name):
            reader.add(name, "secret-published", "a public document cannot hold a secret; remove the member")


def _redirect_uris(reader: Reader, identifier: ClientIdentifier) -> tuple[str, ...] | None:
    if reader.texts("redirect_uris") is None:
        return None
    if reader.blames("redirect_uris"):
        return ()
    published: list[str] = reader.members["redirect_uris"]  # not without its duplicates: pointers count from here
    if len(published) > reader.rules.max_redirect_uris:
        reader.add("redirect_uris", "too-many", f"at most {reader.rules.max_redirect_uris} redirect URIs")
        return ()
    kept = []
    for number, uri in enumerate(published):
        reason = refuse_registration(uri, allow_dotless_schemes=reader.rules.allow_dotless_schemes)
        if reason in ("forbidden-character", "bad-authority", "bad-percent-encoding"):
            # An entry such as "https://a/cb https://evil/cb" or "http://localhost:*/cb" is a mistake to be mended.
            reader.add(f"redirect_uris/{number}", reason, "is not a URI that could ever be matched")
        elif reason is not None and reader.takes_all_redirects:
            reader.add(f"redirect_uris/{number}", reason, "may not be used as a redirect URI here")
        elif reason is None:
            kept.append(uri)
    if not kept and not reader.blames("redirect_uris"):
        reader.add("redirect_uris", "none-usable", "none of the redirect URIs may be used")
    _check_relation(reader, kept, identifier)
    return tuple(dict.fromkeys(kept))


def _check_relation(reader: Reader, uris: list[str], identifier: ClientIdentifier) -> None:
    relation = reader.rules.redirect_relation
    exempt = any(pattern.matches(identifier.host) for pattern in reader.rules.redirect_exempt_hosts)
    if exempt or relation == "any" or all(_is_related(uri, identifier, relation) for uri in uris):
        return
    if relation == "same-site":
        reader.add("redirect_uris", "other-site", "this server wants every redirect URI on the client's own site")
    else:
        reader.add("redirect_uris", "other-origin", "this server wants every redirect URI on the client's own origin")


def _is_related(uri: str, identifier: ClientIdentifier, relation: str) -> bool:
    if relation == "same-site" and redirect_kind(uri) == "web" and uri.startswith("https://"):
        return is_same_site(urlsplit(uri).hostname or "", identifier.host)
    return redirect_kind(uri) == "web" and is_same_origin(uri, identifier)


def _keys(reader: Reader) -> tuple[str | None, str | None]:
    if reader.has("jwks") and reader.has("jwks_uri"):
        reader.add("jwks", "jwks-and-jwks-uri", "give either jwks or jwks_uri, not both")  # RFC 7591 §2
    jwks = None
    if reader.has("jwks"):
        usable, problems = check_jwks(reader.members["jwks"], "/jwks")
        reader.problems.extend(problems)
        jwks = json.dumps({"keys": usable}, sort_keys=True, separators=(",", ":")) if usable else None
    jwks_uri = reader.text("jwks_uri")
    if jwks_uri is not None and not is_https_url(jwks_uri, reader.rules.allow_loopback):
        reader.add("jwks_uri", "not-https", "must be an absolute https URL")
    return jwks, jwks_uri


def _auth_methods(reader: Reader, *, has_keys: bool) -> tuple[tuple[str, ...], str | None]:
    """Return the methods this client may use here, and the one it names (CIMD §4.1, §8.2; RP Metadata Choices)."""
    single = reader.text("token_endpoint_auth_method")
    listed = reader.texts("token_endpoint_auth_methods_supported")
    if single in SHARED_SECRET_METHODS:
        reader.add("token_endpoint_auth_method", "shared-secret", "a public document cannot agree on a secret")
        return (), None
    if single is None and listed is None and reader.rules.require_auth_method:
        reader.add("token_endpoint_auth_method", "missing", "this server wants the member; none or private_key_jwt")
    if single is not None and listed is not None and single not in listed:
        reader.add("token_endpoint_auth_method", "not-in-list", "must be in token_endpoint_auth_methods_supported")
    # RFC 7591's default is client_secret_basic, which CIMD forbids: an omitted method is "none".
    offered = listed if listed is not None else ("none" if single is None else single,)
    usable = tuple(m for m in offered if m in reader.rules.auth_methods and (has_keys or m not in KEY_METHODS))
    if not usable and not reader.blames("token_endpoint_auth_method"):
        _explain_unusable(reader, offered, has_keys=has_keys)
    return usable, single if single in usable else None


def _explain_unusable(reader: Reader, offered: tuple[str, ...], *, has_keys: bool) -> None:
    if not has_keys and KEY_METHODS & set(offered) & set(reader.rules.auth_methods):
        message = "private_key_jwt needs jwks_uri, or jwks with a public signature key of type EC, RSA or OKP"
        reader.add("token_endpoint_auth_method", "keys-missing", message)
    else:
        enabled = ", ".join(reader.rules.auth_methods)
        reader.add("token_endpoint_auth_method", "unsupported", f"this server supports {enabled}")


def _grants(reader: Reader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keep what this server has; one static document lists the union of what a client can do."""
    grants = reader.texts("grant_types")
    responses = reader.texts("response_types")
    grants = ("authorization_code",) if grants is None else grants
    responses = ("code",) if responses is None else responses
    return (
        tuple(grant for grant in grants if grant in reader.rules.grant_types),
        tuple(response for response in responses if response == "code"),
    )


def _signing_alg(reader: Reader) -> str | None:
    alg = reader.text("token_endpoint_auth_signing_alg")
    if alg is not None and alg not in _SIGNING_ALGS:
        reader.add("token_endpoint_auth_signing_alg", "not-asymmetric", "must be an asymmetric signature algorithm")
    return alg


def _scope(reader: Reader) -> str | None:
    scope = reader.text("scope")
    if scope is None:
        return None
    words = scope.split(" ")
    if not all(_SCOPE_TOKEN.fullmatch(word) for word in words if word):
        reader.add("scope", "forbidden-character", "scopes are printable ASCII without quotes and backslashes")
    return " ".join(dict.fromkeys(word for word in words if word))


def _name(reader: Reader) -> str | None:
    name = reader.text("client_name")
    return clean_text(name, _NAME_LIMIT) or None if name else None


def _localized(reader: Reader) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in reader.members.items():
        base, mark, tag = name.partition("#")
        if mark and base in _LOCALIZABLE and isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,35}", tag):
            if base == "client_name":
                found.append((f"{base}#{tag.lower()}", clean_text(value, _NAME_LIMIT)))
            elif is_https_url(value, allow_loopback=False):
                found.append((f"{base}#{tag.lower()}", value))
    return tuple(found[:50])


def may_show_logo(logo_uri: str, identifier: ClientIdentifier, rules: DocumentRules) -> bool:
    """Say whether a logo may come from this host (RFC 7591 §5: links should share the client's host)."""
    return rules.logo_policy == "any" or is_same_site(urlsplit(logo_uri).hostname or "", identifier.host)
