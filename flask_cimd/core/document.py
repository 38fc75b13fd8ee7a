"""Validate a client metadata document and report every problem at once (CIMD §4, RFC 7591 §2)."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ..errors import NO_COMMON_METHOD, DocumentError, Problem
from .atproto import profile_problems
from .identifier import ClientIdentifier, IdentifierKind
from .keys import check_jwks
from .members import Members, is_https_url
from .metadata import ClientMetadata
from .redirects import ACCEPTED_WITH, REFUSED, is_loopback_redirect, parse_redirect, refuse_listed
from .rules import DocumentRules
from .sentences import part, sentence
from .strict_json import StrictJSONError, read_object
from .text import clean_text
from .urls import WebURL, is_same_site

#: Methods that need a shared secret: impossible with a public document (CIMD §4.1).
SHARED_SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
_WHY_NOT_SHARED = sentence("a public document cannot agree on a secret")
#: Methods that need a published key.
KEY_METHODS = frozenset({"private_key_jwt"})
#: Asymmetric signature algorithms, the accepted values of ``token_endpoint_auth_signing_alg``.
_SIGNING_ALGS = frozenset(
    {
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
    }
)  # fmt: skip
_LOCALIZABLE = ("client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri")
#: Members that are stored for the host application and never interpreted here.
_KEPT = (
    "contacts", "software_id", "software_version", "subject_type", "default_max_age", "require_auth_time",
    "default_acr_values", "initiate_login_uri", "post_logout_redirect_uris", "frontchannel_logout_uri",
    "backchannel_logout_uri", "frontchannel_logout_session_required", "backchannel_logout_session_required",
    "id_token_signed_response_alg", "userinfo_signed_response_alg", "request_object_signing_alg",
    "authorization_details_types",
)  # fmt: skip
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_NAME_LIMIT = 100  # characters
_MOST_LOCALIZED = 50


def parse_document(
    body: bytes, identifier: ClientIdentifier, rules: DocumentRules, *, media_type: str = "application/json"
) -> ClientMetadata:
    """Return the validated metadata of a client metadata document.

    Args:
        body: the document, as served at the identifier's URL.
        identifier: the ``client_id`` of the request.
        rules: how strictly the document is read.
        media_type: the type from the ``Content-Type`` header, without parameters.

    Raises:
        DocumentError: ``problems`` holds every broken rule.
    """
    members = _members(body, identifier)
    given = Members(members, rules)
    _check_identity(given, identifier)
    _check_forbidden(given, members)
    values = describe(given, identifier)
    missed = profile_problems(given.raw, identifier, media_type=media_type, development=rules.allow_loopback)
    values["atproto_problems"] = tuple((p.pointer, p.rule, p.message) for p in missed)
    return ClientMetadata(identifier=identifier, source="document", rules=rules.digest, **values)


def ignored_members(body: bytes, identifier: ClientIdentifier, rules: DocumentRules) -> tuple[Problem, ...]:
    """Return the broken rules of a document that do not count here: those of members that are not used."""
    given = Members(_members(body, identifier), rules)
    with contextlib.suppress(DocumentError):
        describe(given, identifier)
    return tuple(given.ignored)


def _members(body: bytes, identifier: ClientIdentifier) -> dict[str, Any]:
    try:
        return read_object(body)
    except StrictJSONError as exc:
        raise DocumentError(identifier.raw, (Problem("", exc.rule, exc.message),)) from exc


def describe(given: Members, identifier: ClientIdentifier) -> dict[str, Any]:
    """Return the attributes of `ClientMetadata` that the client states about itself.

    Raises:
        DocumentError: ``problems`` holds every broken rule, including those that ``given`` held before.
    """
    rules = given.rules
    given.is_public = _is_public(given)
    redirect_uris = _redirect_uris(given, identifier)
    jwks, jwks_uri = _keys(given)
    methods, method = _auth_methods(given, has_keys=bool(jwks or jwks_uri) or given.blames("jwks"))
    grants, responses = _grants(given)
    values: dict[str, Any] = {
        "client_name": _name(given),
        "redirect_uris": redirect_uris or (),
        "publishes_redirects": redirect_uris is not None or not rules.indieauth,
        "grant_types": grants,
        "response_types": responses,
        "auth_methods": methods,
        "auth_method": method,
        "signing_alg": _signing_alg(given),
        "scope": _scope(given),
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        "application_type": given.text("application_type"),
        "dpop_bound_access_tokens": given.flag("dpop_bound_access_tokens"),
        "require_pushed_authorization_requests": given.flag("require_pushed_authorization_requests"),
        "require_signed_request_object": given.flag("require_signed_request_object"),
        "localized": _localized(given),
        "kept": json.dumps({name: given.raw[name] for name in _KEPT if given.has(name)}),
    }
    if given.problems:
        raise DocumentError(identifier.raw, tuple(given.problems))
    for name in ("client_uri", "logo_uri", "tos_uri", "policy_uri"):
        values[name] = given.link(name)
    if values["logo_uri"] and not may_show_logo(values["logo_uri"], identifier, rules):
        values["logo_uri"] = None
    values["localhost_any_port"] = rules.localhost_any_port
    return values


def _check_identity(given: Members, identifier: ClientIdentifier) -> None:
    # CIMD §4: "MUST match the URL of the document using simple string comparison".
    accepted = [identifier.raw]  # not a set: the member may be unhashable
    if identifier.kind is IdentifierKind.PAGE:  # IndieAuth §3.4 reads a missing path as "/"
        accepted.append(identifier.canonical)
    if not given.has("client_id"):
        given.add("client_id", "missing", "the document must hold its own URL as client_id")
    elif given.raw["client_id"] not in accepted:
        given.add("client_id", "mismatch", "must equal the document's URL, character by character")


def _check_forbidden(given: Members, members: Mapping[str, Any]) -> None:
    # CIMD §4.1 forbids the members, whatever their value: null too.
    for name in ("client_secret", "client_secret_expires_at"):
        if name in members:
            given.add(name, "secret-published", "a public document cannot hold a secret; remove the member")


def _redirect_uris(given: Members, identifier: ClientIdentifier) -> tuple[str, ...] | None:
    published = given.raw.get("redirect_uris")  # with duplicates: pointers hold the index in the document
    if published is None:
        return None
    if not isinstance(published, list):
        given.add("redirect_uris", "wrong-type", "must be an array of strings")
        return ()
    if len(published) > given.rules.max_redirect_uris:
        given.add(
            "redirect_uris", "too-many", sentence("at most %(most)s redirect URIs", most=given.rules.max_redirect_uris)
        )
        return ()
    kept = []
    for number, uri in enumerate(published):
        reason = refuse_listed(uri, given.rules, is_registration=given.takes_all_redirects)
        if reason is None:
            kept.append(uri)
        else:
            dropped = Problem(f"/redirect_uris/{number}", reason, REFUSED[reason])
            (given.problems if given.takes_all_redirects else given.ignored).append(dropped)
    if not kept and not given.blames("redirect_uris"):
        given.add("redirect_uris", "none-usable", _none_usable(given))
    _check_relation(given, kept, identifier)
    return tuple(dict.fromkeys(kept))


def _none_usable(given: Members) -> str:
    """Return the message, with what an operator can set to use an entry that was left out."""
    names = {ACCEPTED_WITH[problem.rule] for problem in given.ignored if problem.rule in ACCEPTED_WITH}
    if not names:
        return sentence("none of the redirect URIs can be used")
    return sentence("none of the redirect URIs can be used; %(advice)s", advice=part("; ".join(sorted(names))))


def _check_relation(given: Members, uris: list[str], identifier: ClientIdentifier) -> None:
    relation = given.rules.redirect_relation
    exempt = any(pattern.matches(identifier.host) for pattern in given.rules.redirect_exempt_hosts)
    if exempt or relation == "any" or all(_is_related(uri, identifier, relation) for uri in uris):
        return
    if relation == "same-site":
        given.add("redirect_uris", "other-site", "this server requires redirect URIs on the client's own site")
    else:
        given.add("redirect_uris", "other-origin", "this server requires redirect URIs on the client's own origin")


def _is_related(uri: str, identifier: ClientIdentifier, relation: str) -> bool:
    url = parse_redirect(uri)
    if url is None or is_loopback_redirect(url):
        return False
    if relation == "same-site" and url.scheme == "https":
        return is_same_site(url.host, identifier.host)
    return url.is_same_origin(identifier.url)


def _keys(given: Members) -> tuple[str | None, str | None]:
    if given.has("jwks") and given.has("jwks_uri"):
        given.add("jwks", "jwks-and-jwks-uri", "give either jwks or jwks_uri, not both")  # RFC 7591 §2
    jwks = None
    if given.has("jwks"):
        usable, problems = check_jwks(given.raw["jwks"], "/jwks")
        for problem in problems:
            given.record(problem)
        jwks = json.dumps({"keys": usable}, sort_keys=True, separators=(",", ":")) if usable else None
    jwks_uri = given.text("jwks_uri")
    if jwks_uri is not None and not is_https_url(jwks_uri, given.rules.allow_loopback):
        given.add("jwks_uri", "not-https", "must be an absolute https URL")
    if any(problem.pointer.startswith("/jwks") for problem in given.ignored):
        return None, None
    return jwks, jwks_uri


def _is_public(given: Members) -> bool:
    """Return whether the client authenticates with ``none`` alone, so that its keys are not used here."""
    single, listed = given.raw.get("token_endpoint_auth_method"), given.raw.get("token_endpoint_auth_methods_supported")
    if single is not None or listed is None:
        return single in (None, "none")
    return isinstance(listed, list) and [m for m in listed if m in given.rules.auth_methods] == ["none"]


def _auth_methods(given: Members, *, has_keys: bool) -> tuple[tuple[str, ...], str | None]:
    """Return the usable methods, and the one that the client names (CIMD §4.1, §6; RP Metadata Choices)."""
    single = given.text("token_endpoint_auth_method")
    listed = given.texts("token_endpoint_auth_methods_supported")
    if single in SHARED_SECRET_METHODS:
        given.add("token_endpoint_auth_method", "shared-secret", _WHY_NOT_SHARED)
        return (), None
    if SHARED_SECRET_METHODS & set(listed or ()):
        given.add("token_endpoint_auth_methods_supported", "shared-secret", _WHY_NOT_SHARED)
        return (), None
    if single is None and listed is None and given.rules.require_auth_method:
        given.add("token_endpoint_auth_method", "missing", "this server requires the member: none or private_key_jwt")
    if single is not None and listed is not None and single not in listed:
        given.add("token_endpoint_auth_method", "not-in-list", "must be in token_endpoint_auth_methods_supported")
    # CIMD §6: the default of RFC 7591 §2 is ignored, and a document that states neither member means "none".
    offered = listed if listed is not None else ("none" if single is None else single,)
    usable = tuple(m for m in offered if m in given.rules.auth_methods and (has_keys or m not in KEY_METHODS))
    if not usable and not given.blames("token_endpoint_auth_method"):
        _explain_unusable(given, offered, has_keys=has_keys)
    return usable, single if single in usable else None


def _explain_unusable(given: Members, offered: tuple[str, ...], *, has_keys: bool) -> None:
    if not has_keys and KEY_METHODS & set(offered) & set(given.rules.auth_methods):
        message = sentence("private_key_jwt needs jwks_uri, or jwks with a public signature key of type EC, RSA or OKP")
        given.add("token_endpoint_auth_method", "keys-missing", message)
    else:
        enabled = ", ".join(given.rules.auth_methods)
        given.add(
            "token_endpoint_auth_method",
            NO_COMMON_METHOD,
            sentence("this server supports %(methods)s", methods=enabled),
        )


def _grants(given: Members) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the enabled grant and response types; one document serves all servers and may list more."""
    grants = given.texts("grant_types")
    responses = given.texts("response_types")
    grants = ("authorization_code",) if grants is None else grants
    responses = ("code",) if responses is None else responses
    return (
        tuple(grant for grant in grants if grant in given.rules.grant_types),
        tuple(response for response in responses if response == "code"),
    )


def _signing_alg(given: Members) -> str | None:
    alg = given.text("token_endpoint_auth_signing_alg")
    if alg is not None and alg not in _SIGNING_ALGS:
        given.add("token_endpoint_auth_signing_alg", "not-asymmetric", "must be an asymmetric signature algorithm")
        return None
    return alg


def _scope(given: Members) -> str | None:
    scope = given.text("scope")
    if scope is None:
        return None
    words = scope.split(" ")
    if not all(_SCOPE_TOKEN.fullmatch(word) for word in words if word):
        given.add("scope", "forbidden-character", "scopes are printable ASCII without quotes and backslashes")
        return None
    return " ".join(dict.fromkeys(word for word in words if word))


def _name(given: Members) -> str | None:
    name = given.text("client_name")
    return clean_text(name, _NAME_LIMIT) or None if name else None


def _localized(given: Members) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in given.raw.items():
        base, mark, tag = name.partition("#")
        if mark and base in _LOCALIZABLE and isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,35}", tag):
            if base == "client_name":
                found.append((f"{base}#{tag.lower()}", clean_text(value, _NAME_LIMIT)))
            elif is_https_url(value, allow_loopback=False):
                found.append((f"{base}#{tag.lower()}", value))
    return tuple(found[:_MOST_LOCALIZED])


def may_show_logo(logo_uri: str, identifier: ClientIdentifier, rules: DocumentRules) -> bool:
    """Return whether a logo may come from the host of this URL (RFC 7591 §5: links should share the client's host)."""
    if rules.logo_policy == "any":
        return True
    url = WebURL.parse(logo_uri)
    return url is not None and is_same_site(url.host, identifier.host)
