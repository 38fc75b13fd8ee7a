"""Explain the members of a client metadata document: read, dropped, ignored or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.display import safe_for_log
from ..core.document import ignored_members
from ..core.identifier import ClientIdentifier
from ..core.members import is_https_url
from ..core.metadata import ClientMetadata
from ..core.redirects import ACCEPTED_WITH, redirect_kind
from ..core.rules import DocumentRules
from ..core.sentences import part, sentence
from ..core.strict_json import StrictJSONError, read_object
from ..errors import DocumentError, Problem
from .explanation import Explanation

_DISPLAY = frozenset({"client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"})
_LISTS = frozenset({"grant_types", "response_types"})
_READ = _DISPLAY | frozenset(
    {
        "client_id", "scope", "jwks", "jwks_uri", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg",
        "token_endpoint_auth_methods_supported", "application_type", "dpop_bound_access_tokens",
        "require_pushed_authorization_requests", "require_signed_request_object",
    }
)  # fmt: skip
_MATCHES = {
    "web": sentence("must be requested exactly, character by character."),
    "loopback": sentence("any port may be requested; everything else must match exactly."),
    "private-scheme": sentence("must be requested exactly; opens an installed app."),
}
#: Members that are named one by one where this server does not read them; a document of 5 kB has room for hundreds.
_MOST_UNKNOWN = 20


class MembersExplainer:
    """Explains the members of one document.

    Args:
        found: explanation that receives the steps.
        body: the document.
        identifier: the client that the document describes.
        rules: rules of the document.
    """

    def __init__(self, found: Explanation, body: bytes, identifier: ClientIdentifier, rules: DocumentRules) -> None:
        self._found = found
        self._rules = rules
        try:
            self._members: Mapping[str, Any] = read_object(body)
            ignored: tuple[Problem, ...] = ignored_members(body, identifier, rules)
        except (StrictJSONError, DocumentError):
            self._members, ignored = {}, ()
        self._ignored = {problem.pointer: problem for problem in ignored}

    def accepted(self, metadata: ClientMetadata) -> None:
        """Report every member of an accepted document."""
        unknown: list[str] = []
        for name, value in self._members.items():
            pointer = "/" + safe_for_log(name)
            if name == "redirect_uris" and value is not None:
                self._redirects(metadata, value)
            elif value is None:
                self._found.add(pointer, "holds", sentence("null counts as absent."))
            elif name in _DISPLAY and getattr(metadata, name) is None:
                self._dropped(pointer, name, value)
            elif name in _LISTS and pointer not in self._ignored:
                self._filtered(pointer, value, getattr(metadata, name))
            elif name in _READ:
                if not self._is_ignored(pointer):
                    self._found.add(pointer, "holds", sentence("Read."))
            else:
                unknown.append(pointer)
        self._not_read(unknown)
        self._report(pointer for pointer in self._ignored if not pointer.startswith("/redirect_uris/"))

    def left_out(self) -> None:
        """Report every dropped entry and every ignored member of a refused document."""
        self._report(self._ignored)

    def _report(self, pointers: Iterable[str]) -> None:
        for pointer in pointers:
            problem = self._ignored[pointer]
            reason, advice = part(problem.message), ACCEPTED_WITH.get(problem.rule, "")
            if pointer.startswith("/redirect_uris/"):
                text = sentence("Dropped: %(reason)s.", reason=reason)
            else:
                text = sentence("Not used for this client, so ignored: %(reason)s.", reason=reason)
            help_text = sentence("On the server: %(advice)s.", advice=part(advice)) if advice else ""
            self._found.add(pointer, "remark", text, rule=problem.rule, help=help_text)

    def _not_read(self, pointers: Sequence[str]) -> None:
        for pointer in pointers[:_MOST_UNKNOWN]:
            self._found.add(pointer, "remark", sentence("Not read by this server."), rule="ignored")
        more = len(pointers) - _MOST_UNKNOWN
        if more > 0:
            text = sentence("More members that this server does not read: %(number)s.", number=more)
            self._found.add("/", "remark", text, rule="ignored")

    def _redirects(self, metadata: ClientMetadata, published: list[Any]) -> None:
        for number, uri in enumerate(published):
            pointer = f"/redirect_uris/{number}"
            if pointer in self._ignored:
                self._report([pointer])
            elif uri in metadata.redirect_uris:
                explain_redirect(self._found, pointer, uri)

    def _is_ignored(self, pointer: str) -> bool:
        return any(one == pointer or one.startswith(pointer + "/") for one in self._ignored)

    def _dropped(self, pointer: str, name: str, value: object) -> None:
        if name == "client_name":
            text = sentence("Dropped: nothing visible in it.")
            self._found.add(pointer, "remark", text, rule="dropped")
        elif isinstance(value, str) and is_https_url(value, self._rules.allow_loopback):
            text = sentence(
                "Dropped: this server shows logos of the client's own site alone (logo_policy in CIMD_PROFILE)."
            )
            self._found.add(pointer, "remark", text, rule="other-site")
        else:
            text = sentence("Dropped: not an absolute https URL.")
            advice = sentence("Write an absolute https URL.")
            self._found.add(pointer, "remark", text, rule="dropped", help=advice)

    def _filtered(self, pointer: str, published: Any, kept: tuple[str, ...]) -> None:
        unknown = [safe_for_log(item) for item in published if item not in kept]
        if not unknown:
            self._found.add(pointer, "holds", sentence("Read."))
            return
        text = sentence("Read. Not offered here and ignored: %(values)s.", values=", ".join(unknown))
        self._found.add(pointer, "remark", text, rule="ignored")


def explain_redirect(found: Explanation, pointer: str, uri: str) -> None:
    """Report how a usable redirect URI is compared with requests."""
    text = sentence("%(uri)s: %(rule)s", uri=uri, rule=_MATCHES[redirect_kind(uri)])
    found.add(pointer, "holds", text)
