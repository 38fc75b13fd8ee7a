"""Explain one client URL step by step: each check, its outcome, and how to fix a failure.

The explainer runs the rules and the guarded fetch of a sign-in, and stores nothing. Its output for the client's
developer contains addresses, headers and members: show it only to trusted users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.display import safe_for_log
from ..core.document import KEY_METHODS
from ..core.families import judge_families
from ..core.identifier import ClientIdentifier, parse_identifier
from ..core.metadata import ClientMetadata
from ..core.requester import Stranger, asked_by
from ..core.sentences import Sentence, clause, part, sentence
from ..core.urls import default_port
from ..errors import CIMDError, DocumentError, FetchError
from ..fetch.fetcher import FetchLog, Response
from .explained_fetch import explain_fetch, explain_response, fetch_failure
from .explained_members import MembersExplainer, explain_redirect
from .explanation import Explanation
from .keys import fetch_key_set
from .loading import is_json
from .parts import ClientParts, assemble_for_explaining
from .resolver import ClientResolver

#: Text of a step about a broken rule of a document; ``help`` says what the rule asks for.
RULE_BROKEN = sentence("Breaks a rule.")


class Explainer:
    """Explains client URLs under one app's settings.

    Args:
        parts: the loader, the budget and the linked fetcher of the app.
        resolver: applies the policy; ``None`` applies none and says only what a stranger may know. The parts must then
            be those of `flask_cimd.clients.parts.assemble_for_explaining`, which know nothing of the operator's rules.
    """

    def __init__(self, parts: ClientParts, resolver: ClientResolver | None) -> None:
        self._settings = parts.settings
        self._rules = parts.settings.identifier_rules
        self._bounds = parts.settings.bounds
        self._clock = parts.clock
        self._budget = parts.budget
        self._loader = parts.loader
        self._linked = parts.linked
        self._resolver = resolver
        self._is_public = resolver is None

    def explain(self, client_id: str) -> Explanation:
        """Fetch a client and its keys, and return every check with its outcome; stores nothing.

        Raises no exception for any URL or response.
        """
        found = Explanation(client_id=client_id)
        response = None
        try:
            identifier = self._identifier(found, client_id)
            response = self._fetch(found, identifier) if not identifier.is_built_in else None
            metadata = self._loader.read(identifier, response)
            self._describe(found, metadata, response)
            if self._resolver is not None:
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
                found.add("policy", "broken", error.public_message, rule=error.slug, help=clause(error.hint))
        else:
            found.families = judge_families(metadata)
        return found

    def _identifier(self, found: Explanation, client_id: str) -> ClientIdentifier:
        try:
            identifier = parse_identifier(client_id, self._rules)
        except CIMDError as error:
            text = sentence("Not a client identifier URL.")
            found.add("identifier", "broken", text, rule=error.slug, help=clause(error.hint))
            raise
        text = sentence("A client identifier URL at %(host)s.", host=identifier.display_host)
        found.add("identifier", "holds", text)
        for applies, rule, remark in (
            (identifier.path == "/", "root-path", sentence("The path is only /; the draft discourages it.")),
            (bool(identifier.query), "query", sentence("It has a query; the draft discourages it.")),
            (
                identifier.host != identifier.host.lower(),
                "upper-case",
                sentence("The host has upper-case letters; they are kept."),
            ),
            (
                identifier.port == default_port(identifier.scheme),
                "default-port",
                sentence("It names the default port, which makes it another client."),
            ),
        ):
            if applies:
                found.add("identifier", "remark", remark, rule=rule)
        if self._resolver is not None:
            self._resolver.identify(client_id)
            found.add("policy", "holds", sentence("This server's policy admits the client."))
        return identifier

    def _fetch(self, found: Explanation, identifier: ClientIdentifier) -> Response:
        log = FetchLog()
        try:
            # The limits of a sign-in apply: explanations must not flood a site with requests.
            with self._budget.for_document(identifier, after_failure=True):
                response = self._loader.fetch(identifier, log=log)
        except FetchError as error:
            explain_fetch(found, log, error, is_public=self._is_public)
            raise
        explain_fetch(found, log, None, is_public=self._is_public)
        explain_response(found, response, self._bounds, self._clock())
        return response

    def _describe(self, found: Explanation, metadata: ClientMetadata, response: Response | None) -> None:
        if response is not None and metadata.source == "document":
            self._members(found, metadata.identifier, response).accepted(metadata)
        elif response is None:
            text = sentence("A loopback client: nothing is fetched, so nothing is known about it.")
            found.add("page", "remark", text, rule="loopback")
        else:
            self._page(found, metadata)
        if not metadata.redirect_uris:
            found.add("/redirect_uris", "remark", _no_redirects(metadata))
        text = sentence("Authenticates with %(methods)s.", methods=", ".join(metadata.auth_methods))
        found.add("authentication", "holds", text)
        if metadata.jwks_uri:
            found.add("authentication", "holds", sentence("Its keys are at %(address)s.", address=metadata.jwks_uri))
        elif metadata.jwks:
            keys = _names(json.loads(metadata.jwks)["keys"])
            found.add("authentication", "holds", sentence("Signature keys in the document: %(keys)s.", keys=keys))
        if metadata.jwks_uri is not None and not KEY_METHODS.isdisjoint(metadata.accepted_auth_methods):
            self._key_set(found, metadata)
        if metadata.logo_uri is not None:
            self._logo(found, metadata, metadata.logo_uri)

    @staticmethod
    def _page(found: Explanation, metadata: ClientMetadata) -> None:
        if metadata.client_name:
            found.add("page", "holds", sentence("It calls itself %(name)s.", name=metadata.client_name))
        else:
            found.add("page", "remark", sentence("No h-app names the app."))
        for number, uri in enumerate(metadata.redirect_uris):
            explain_redirect(found, f"/redirect_uris/{number}", uri)

    def _members(self, found: Explanation, identifier: ClientIdentifier, response: Response) -> MembersExplainer:
        return MembersExplainer(found, response.json_body, identifier, self._settings.document_rules)

    def _logo(self, found: Explanation, metadata: ClientMetadata, uri: str) -> None:
        """Decode the logo as for a consent page; a failure does not make the client unusable."""
        if not self._settings.logos:
            text = sentence("Not shown: this server shows no logos (CIMD_LOGOS).")
            found.add("logo", "remark", text, rule="logos-off")
            return
        from .logo import NotAPicture, fetch_logo

        try:
            fetch_logo(self._linked, uri, metadata.client_id, self._settings)
        except NotAPicture as reason:
            found.add("logo", "remark", _not_shown(part(reason.args[0])), rule="not-a-picture")
        except FetchError as error:
            rule, said, advice = fetch_failure(error, is_public=self._is_public)
            found.add("logo", "remark", _not_shown(said), rule=rule, help="" if rule == "media-type" else advice)
        else:
            found.add("logo", "holds", sentence("The logo can be shown."))

    def _key_set(self, found: Explanation, metadata: ClientMetadata) -> None:
        """Fetch the keys from ``jwks_uri``: without them every sign-in with this client fails."""
        try:
            keys, _ = fetch_key_set(self._linked, metadata)
        except FetchError as error:
            found.verdict = "unreachable"
            rule, said, advice = fetch_failure(error, is_public=self._is_public)
            found.add("keys", "broken", said, rule=rule, help=advice)
        except DocumentError as error:
            found.verdict = "refused"
            for problem in error.problems:
                pointer, advice = f"keys{problem.pointer}", clause(problem.message)
                found.add(pointer, "broken", RULE_BROKEN, rule=problem.rule, help=advice)
        else:
            if keys:
                found.add("keys", "holds", sentence("Signature keys at that address: %(keys)s.", keys=_names(keys)))
            else:
                found.add("keys", "remark", sentence("The key set is empty: every key is withdrawn."))


def explain_to(network: str, client_id: str, parts: ClientParts) -> Explanation:
    """Explain a client URL to somebody who may know nothing of this server; stores nothing.

    Args:
        network: that of the stranger's address; the limits of strangers on fetches hold.
        client_id: as the stranger wrote it.
        parts: those for the requests of strangers.
    """
    with asked_by(Stranger(network)):
        return Explainer(assemble_for_explaining(parts), None).explain(client_id)


def _not_shown(why: Sentence) -> Sentence:
    return sentence("Not shown: %(reason)s", reason=why)


def _no_redirects(metadata: ClientMetadata) -> Sentence:
    if metadata.publishes_redirects:
        return sentence("No redirect URIs: nobody can sign in with it.")
    return sentence("No redirect URIs: only URLs on its own origin may be used.")


def _problems(found: Explanation, error: DocumentError) -> None:
    for problem in error.problems:
        found.add(problem.pointer or "/", "broken", RULE_BROKEN, rule=problem.rule, help=clause(problem.message))


def _names(keys: Sequence[Mapping[str, Any]]) -> str:
    """Return such as ``2 (one, two)``."""
    return f"{len(keys)} ({', '.join(safe_for_log(str(key.get('kid', key['kty']))) for key in keys)})"
