"""Explain one client URL step by step: each check, its outcome, and how to fix a failure.

Runs the same rules and the same guarded fetch as a sign-in, and stores nothing. It is made for the client's
developer, so unlike pages for visitors it names addresses, headers and members: show it to trusted people only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..core import freshness
from ..core.display import safe_for_log
from ..core.families import FamilyVerdict, judge_families
from ..core.identifier import ClientIdentifier, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.redirects import redirect_kind, refuse_registration
from ..core.strict_json import StrictJSONError, read_object
from ..core.urls import default_port
from ..errors import CIMDError, DocumentError, FetchError
from ..fetch.fetcher import FetchLog, Response
from .keys import fetch_key_set
from .parts import ClientParts
from .resolver import ClientResolver

Outcome = Literal["holds", "remark", "broken"]
Verdict = Literal["usable", "refused", "unreachable"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The outcome of one check.

    Attributes:
        name: stable name of the step, such as ``identifier``, ``tls`` or ``/redirect_uris/0``.
        outcome: a ``remark`` does not make the client unusable; a check that was not reached is no step.
        rule: stable slug of the rule that is broken, or ``""``.
        help: how to fix it.
    """

    name: str
    outcome: Outcome
    text: str
    rule: str = ""
    help: str = ""


@dataclass(slots=True, kw_only=True)
class Explanation:
    """Everything about one client URL.

    Attributes:
        verdict: ``usable`` now; ``refused`` by a rule or by policy; ``unreachable``: the same URL may work later.
        families: the families of servers that accept the client; empty if it is not valid.
    """

    client_id: str
    verdict: Verdict = "usable"
    steps: list[Step] = field(default_factory=list)
    families: tuple[FamilyVerdict, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 usable, 1 refused, 3 unreachable: it cannot be known now."""
        return {"usable": 0, "refused": 1, "unreachable": 3}[self.verdict]

    def to_json(self) -> str:
        """Return the explanation as JSON text for programs."""
        families = [{**asdict(family), "accepts": family.accepts} for family in self.families]
        members = {"client_id": self.client_id, "verdict": self.verdict}
        return json.dumps({**members, "steps": [asdict(step) for step in self.steps], "families": families}, indent=2)

    def add(self, name: str, outcome: Outcome, text: str, *, rule: str = "", help: str = "") -> None:  # noqa: A002
        """Append a step."""
        self.steps.append(Step(name=name, outcome=outcome, text=text, rule=rule, help=help))


class Explainer:
    """Explains client URLs under one app's settings.

    Args:
        parts: the loader, the budget and the linked fetcher of the app.
        resolver: applies the policy.
    """

    def __init__(self, parts: ClientParts, resolver: ClientResolver) -> None:
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
            _members(found, metadata, response.json_body)
        elif response is None:
            text = "A loopback client: nothing is fetched, so nothing is known about it."
            found.add("page", "remark", text, rule="loopback")
        else:
            called = f"It calls itself {metadata.client_name}." if metadata.client_name else "No h-app names the app."
            found.add("page", "holds" if metadata.client_name else "remark", called)
            _redirects(found, metadata, list(metadata.redirect_uris))
        if not metadata.redirect_uris:
            own_origin = "No redirect URIs: only URLs on its own origin may be used."
            text = "No redirect URIs: nobody can sign in with it." if metadata.publishes_redirects else own_origin
            found.add("/redirect_uris", "remark", text)
        methods = ", ".join(metadata.auth_methods)
        found.add("authentication", "holds", f"Authenticates with {methods}{_keys_text(metadata)}.")
        if metadata.jwks_uri is not None:
            self._key_set(found, metadata)

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


_MATCHES = {
    "web": "must be requested exactly, character by character.",
    "loopback": "any port may be requested; everything else must match exactly.",
    "private-scheme": "must be requested exactly; opens an installed app.",
}


def _keys_text(metadata: ClientMetadata) -> str:
    if metadata.jwks_uri:
        return f", keys at {metadata.jwks_uri}"
    if metadata.jwks:
        return f", with {_names(json.loads(metadata.jwks)['keys'])} of its own"
    return ""


def _names(keys: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(safe_for_log(str(key.get("kid", key["kty"]))) for key in keys)
    return f"{len(keys)} signature {'key' if len(keys) == 1 else 'keys'} ({names})"


def _members(found: Explanation, metadata: ClientMetadata, body: bytes) -> None:
    """Report for every member whether it is read, dropped or unknown."""
    try:
        members = read_object(body)
    except StrictJSONError:  # cannot happen: the document was accepted
        return
    for name, value in members.items():
        pointer = "/" + safe_for_log(name)
        if name == "redirect_uris":
            _redirects(found, metadata, value)
        elif name in _DISPLAY and getattr(metadata, name) is None:
            text = "Dropped: not an absolute https URL." if name != "client_name" else "Dropped: nothing visible in it."
            found.add(pointer, "remark", text, rule="dropped", help="Write an absolute https URL.")
        elif name in _LISTS:
            _filtered(found, pointer, value, getattr(metadata, name))
        elif name in _READ:
            found.add(pointer, "holds", "Read.")
        else:
            found.add(pointer, "remark", "Not read by this server.", rule="ignored")


_DISPLAY = frozenset({"client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"})
_LISTS = frozenset({"grant_types", "response_types"})
_READ = _DISPLAY | frozenset(
    {
        "client_id", "scope", "jwks", "jwks_uri", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg",
        "token_endpoint_auth_methods_supported", "application_type", "dpop_bound_access_tokens",
        "require_pushed_authorization_requests", "require_signed_request_object",
    }
)  # fmt: skip


def _redirects(found: Explanation, metadata: ClientMetadata, published: Any) -> None:
    for number, uri in enumerate(published):
        pointer = f"/redirect_uris/{number}"
        if uri in metadata.redirect_uris:
            found.add(pointer, "holds", f"{uri}: {_MATCHES[redirect_kind(uri)]}")
        else:
            reason = refuse_registration(uri, allow_dotless_schemes=False) or "not-used"
            found.add(pointer, "remark", f"Dropped: {_DROPPED.get(reason, 'it cannot be used.')}", rule=reason)


_DROPPED = {
    "insecure": "plain http is allowed on loopback only; use https.",
    "dotless-scheme": "a scheme of an app is a reversed domain name, such as com.example.app.",
    "fragment": "a redirect URI has no fragment.",
    "bad-scheme": "this scheme is never a redirect target.",
    "relative": "a redirect URI is absolute.",
}


def _filtered(found: Explanation, pointer: str, published: Any, kept: tuple[str, ...]) -> None:
    unknown = [safe_for_log(item) for item in published if item not in kept]
    text = "Read." + (f" Not offered here and ignored: {', '.join(unknown)}." if unknown else "")
    found.add(pointer, "remark" if unknown else "holds", text, rule="ignored" if unknown else "")


_MARKS: Mapping[Outcome, str] = {"holds": "ok  ", "remark": "note", "broken": "FAIL"}


def plain_text(explanation: Explanation) -> list[str]:
    """Return the explanation as lines for a terminal."""
    lines = [explanation.client_id if explanation.client_id.isprintable() else ascii(explanation.client_id), ""]
    for step in explanation.steps:
        rule = f" [{step.rule}]" if step.rule else ""
        lines.append(f"{_MARKS[step.outcome]}  {step.name}: {step.text}{rule}")
        if step.help:
            lines.append(f"        {step.help}")
    for family in explanation.families:
        lines.append(f"{_MARKS['holds' if family.accepts else 'broken']}  {family.family} servers "
                     f"{'take' if family.accepts else 'do not take'} this client.")  # fmt: skip
        lines += [f"        {text}" for text in (*family.obstacles, *family.remarks)]
    return [*lines, "", f"Verdict: {explanation.verdict}"]
