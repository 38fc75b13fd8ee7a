"""Explain one client URL step by step: each check, its outcome, and how to fix a failure.

Runs the same rules and the same guarded fetch as a sign-in, and stores nothing. It is made for the client's
developer, so unlike pages for visitors it names addresses, headers and members: show it to trusted people only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..core import freshness
from ..core.display import safe_for_log
from ..core.document import KEY_METHODS
from ..core.families import judge_families
from ..core.identifier import ClientIdentifier, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.urls import default_port
from ..errors import CIMDError, DocumentError, FetchError
from ..fetch.fetcher import FetchLog, Response
from .explained_members import MembersExplainer, explain_redirect
from .explanation import Explanation
from .keys import fetch_key_set
from .loading import is_json
from .parts import ClientParts
from .resolver import ClientResolver

#: Advice by slug of a failed fetch, beyond the error's own hint.
_FETCH_HELP = {
    "address-blocked": "Servers never connect to private or special addresses; publish the document on a public host.",
    "name-not-found": "Check the name in DNS: it needs a public A or AAAA record.",
    "connection-failed": "Check that a web server listens on that port and that no firewall blocks the public.",
    "tls-failed": "The certificate must be valid today, name this host and come with its complete chain.",
    "too-many-fetches": "Nothing is wrong with the URL; try again in a moment.",
    "too-many-fetches-of-site": "Nothing is wrong with the URL; try again in a minute.",
    "deadline": "The whole exchange took too long; serve a static file.",
    "too-large": "Keep the document below 5 kB: logos and long lists belong elsewhere.",
    "redirect": "Serve the document at this very URL; no redirect is ever followed, not even on the same host.",
    "status": "Answer with status 200. Bot protection answers 403 to servers: exempt this path.",
    "media-type": "Serve it as application/json. Raw views of code hosting sites send text/plain, which is refused.",
    "content-coding": "Send the body uncompressed when the request asks for identity.",
    "truncated": "Content-Length must equal the length of the body.",
}


class Explainer:
    """Explains client URLs under one app's settings.

    Args:
        parts: the loader, the budget and the linked fetcher of the app.
        resolver: applies the policy.
    """

    def __init__(self, parts: ClientParts, resolver: ClientResolver) -> None:
        self._settings = parts.settings
        self._rules = parts.settings.identifier_rules
        self._bounds = parts.settings.bounds
        self._clock = parts.clock
        self._budget = parts.budget
        self._loader = parts.loader
        self._linked = parts.linked
        self._resolver = resolver

    def explain(self, client_id: str) -> Explanation:
        """Fetch a client and its keys, and return every check with its outcome; stores nothing.

        Never raises for anything that the URL or its host does.
        """
        found = Explanation(client_id=client_id)
        response = None
        try:
            identifier = self._identifier(found, client_id)
            response = self._fetch(found, identifier) if not identifier.is_built_in else None
            metadata = self._loader.read(identifier, response)
            self._describe(found, metadata, response)
            self._resolver.check_use(metadata)
        except FetchError:
            found.verdict = "unreachable"
        except DocumentError as error:
            found.verdict = "refused"
            _problems(found, error)
            if response is not None and is_json(response.media_type):
                self._members(found, identifier, response).left_out()
        except CIMDError as error:
            found.verdict = "refused"
            if not any(step.rule == error.slug for step in found.steps):
                found.add("policy", "broken", error.public_message, rule=error.slug, help=error.hint)
        else:
            found.families = judge_families(metadata)
        return found

    def _identifier(self, found: Explanation, client_id: str) -> ClientIdentifier:
        try:
            identifier = parse_identifier(client_id, self._rules)
        except CIMDError as error:
            found.add("identifier", "broken", "Not a client identifier URL.", rule=error.slug, help=error.hint)
            raise
        found.add("identifier", "holds", f"A client identifier URL at {identifier.display_host}.")
        for applies, rule, text in (
            (identifier.path == "/", "root-path", "The path is only /; the draft discourages it."),
            (bool(identifier.query), "query", "It has a query; the draft discourages it."),
            (
                identifier.host != identifier.host.lower(),
                "upper-case",
                "The host has upper-case letters; they are kept.",
            ),
            (
                identifier.port == default_port(identifier.scheme),
                "default-port",
                "It names the default port, which makes it another client.",
            ),
        ):
            if applies:
                found.add("identifier", "remark", text, rule=rule)
        self._resolver.identify(client_id)
        found.add("policy", "holds", "This server's policy admits the client.")
        return identifier

    def _fetch(self, found: Explanation, identifier: ClientIdentifier) -> Response:
        log = FetchLog()
        try:
            # As for a sign-in: explanations must not become a way to flood a site with requests.
            with self._budget.for_document(identifier, after_failure=True):
                response = self._loader.fetch(identifier, log=log)
        except FetchError as error:
            _fetch_steps(found, log)
            advice = _FETCH_HELP.get(error.slug, "")
            found.add(error.phase, "broken", f"{error.hint or error.slug}.".capitalize(), rule=error.slug, help=advice)
            raise
        _fetch_steps(found, log)
        found.add("response", "holds", f"Status 200, {response.media_type}, {len(response.body)} bytes.")
        self._lifetime(found, response)
        return response

    def _lifetime(self, found: Explanation, response: Response) -> None:
        lifetime = freshness.lifetime(response.headers, self._bounds, self._clock())
        if not lifetime.storable:
            text = "no-store: every sign-in fetches it again, and none works while the host is down."
            found.add("lifetime", "remark", text, rule="no-store", help="Allow max-age=3600 or so.")
            return
        has_headers = {"cache-control", "expires"} & response.headers.keys()
        source = "from its headers" if has_headers else "this server's default"
        text = f"Stored for {lifetime.seconds:g} seconds: {source}, within this server's bounds."
        found.add("lifetime", "holds", text)

    def _describe(self, found: Explanation, metadata: ClientMetadata, response: Response | None) -> None:
        if response is not None and metadata.source == "document":
            self._members(found, metadata.identifier, response).accepted(metadata)
        elif response is None:
            text = "A loopback client: nothing is fetched, so nothing is known about it."
            found.add("page", "remark", text, rule="loopback")
        else:
            called = f"It calls itself {metadata.client_name}." if metadata.client_name else "No h-app names the app."
            found.add("page", "holds" if metadata.client_name else "remark", called)
            for number, uri in enumerate(metadata.redirect_uris):
                explain_redirect(found, f"/redirect_uris/{number}", uri)
        if not metadata.redirect_uris:
            own_origin = "No redirect URIs: only URLs on its own origin may be used."
            text = "No redirect URIs: nobody can sign in with it." if metadata.publishes_redirects else own_origin
            found.add("/redirect_uris", "remark", text)
        methods = ", ".join(metadata.auth_methods)
        found.add("authentication", "holds", f"Authenticates with {methods}{_keys_text(metadata)}.")
        if metadata.jwks_uri is not None and not KEY_METHODS.isdisjoint(metadata.accepted_auth_methods):
            self._key_set(found, metadata)
        if metadata.logo_uri is not None:
            self._logo(found, metadata, metadata.logo_uri)

    def _members(self, found: Explanation, identifier: ClientIdentifier, response: Response) -> MembersExplainer:
        return MembersExplainer(found, response.json_body, identifier, self._settings.document_rules)

    def _logo(self, found: Explanation, metadata: ClientMetadata, uri: str) -> None:
        """Draw the logo as a consent page would; without one the client is as usable."""
        if not self._settings.logos:
            found.add("logo", "remark", "Not shown: this server shows no logos (CIMD_LOGOS).", rule="logos-off")
            return
        from .logo import NotAPicture, fetch_logo

        try:
            fetch_logo(self._linked, uri, metadata.client_id, self._settings)
        except NotAPicture as reason:
            found.add("logo", "remark", f"Not shown: {reason}", rule="not-a-picture")
        except CIMDError as error:
            text, advice = f"Not shown: {error.hint or error.slug}.", _FETCH_HELP.get(error.slug, "")
            found.add("logo", "remark", text, rule=error.slug, help="" if error.slug == "media-type" else advice)
        else:
            found.add("logo", "holds", "The logo can be shown.")

    def _key_set(self, found: Explanation, metadata: ClientMetadata) -> None:
        """Read the keys behind ``jwks_uri``: without them no sign-in with this client can end."""
        try:
            keys, _ = fetch_key_set(self._linked, metadata)
        except FetchError as error:
            found.verdict = "unreachable"
            text, advice = f"{error.hint or error.slug}.".capitalize(), _FETCH_HELP.get(error.slug, "")
            found.add("keys", "broken", text, rule=error.slug, help=advice)
        except DocumentError as error:
            found.verdict = "refused"
            for problem in error.problems:
                found.add(f"keys{problem.pointer}", "broken", "Breaks a rule.", rule=problem.rule, help=problem.message)
        else:
            text = f"The key set holds {_names(keys)}." if keys else "The key set is empty: every key is withdrawn."
            found.add("keys", "holds" if keys else "remark", text)


def _fetch_steps(found: Explanation, log: FetchLog) -> None:
    if log.addresses:
        found.add("resolve", "holds", "Addresses: " + ", ".join(log.addresses) + ".")
    if log.address:
        found.add("connect", "holds", f"Connected to {log.address}.")
    if log.tls:
        found.add("tls", "holds", f"{log.tls}; the certificate is valid until {log.certificate_ends}.")
    for name in ("content-type", "cache-control", "expires", "age", "server", "cf-mitigated"):
        if name in log.headers:
            found.add("headers", "holds", f"{name}: {safe_for_log(log.headers[name])}")


def _problems(found: Explanation, error: DocumentError) -> None:
    for problem in error.problems:
        found.add(problem.pointer or "/", "broken", "Breaks a rule.", rule=problem.rule, help=problem.message)


def _keys_text(metadata: ClientMetadata) -> str:
    if metadata.jwks_uri:
        return f", keys at {metadata.jwks_uri}"
    if metadata.jwks:
        return f", with {_names(json.loads(metadata.jwks)['keys'])} of its own"
    return ""


def _names(keys: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(safe_for_log(str(key.get("kid", key["kty"]))) for key in keys)
    return f"{len(keys)} signature {'key' if len(keys) == 1 else 'keys'} ({names})"
