"""One provider in one app: its server, its storage, and the app's answers to the provider's questions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response, current_app, make_response, redirect, render_template, session, url_for
from werkzeug.exceptions import ServiceUnavailable

from ..clients.directory import ClientDirectory
from ..core.clock import Clock
from ..core.display import shown_host
from ..core.metadata import ClientMetadata
from ..core.policy import Tier
from ..core.redirects import redirect_host
from ..errors import CIMDError
from ..oauth import AuthorizationRequest, AuthorizationServer, Grant, Resource
from ..oauth.server.allowance import within_allowance
from ..oauth.server.storage import TokenStorage
from .browser import Browser
from .consent import Approval
from .hooks import ConsentRequest, Decision, Identity, Verdict
from .texts import translate
from .waiting import WaitingRequests

if TYPE_CHECKING:
    from .provider import Hooks

logger = logging.getLogger(__name__)

_AUTH_TIME = "_cimd_auth_time"
_LONGEST_SUBJECT = 2048


class SubjectError(ServiceUnavailable):
    """The app's ``subject`` hook failed; nobody can be asked for consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The provider in one app.

    Attributes:
        server: the authorization server.
        clients: finds clients and applies the operator's policy.
        storage: keeps grants, codes, tokens and waiting requests.
        waiting: requests that wait for a log-in or a decision.
        browser: names the browser behind a request.
        hooks: the app's own functions.
        issuer: the exact issuer.
        prefix: URL prefix of all paths but the well-known ones.
        name: name of the blueprint.
        scope_texts: a sentence for each scope.
        clock: returns the current aware instant.
    """

    server: AuthorizationServer
    clients: ClientDirectory
    storage: TokenStorage
    waiting: WaitingRequests
    browser: Browser
    hooks: Hooks
    issuer: str
    prefix: str
    name: str
    scope_texts: Mapping[str, str]
    clock: Clock

    # -- addresses ------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    def path(self, path: str) -> str:
        """Return a path of this provider with the application root and its prefix."""
        root = url_for(f"{self.name}.authorize").removesuffix(f"{self.prefix}/authorize")
        return f"{root}{self.prefix}{path}"

    def template_values(self) -> dict[str, Any]:
        """Return what every template of the provider gets besides its page."""
        return {"provider": self, "_": translate}

    # -- the person -----------------------------------------------------------------------------------------------

    def subject(self) -> str | None:
        """Return who is logged in, or ``None``.

        Raises:
            SubjectError: the hook failed, or returned something other than ``None`` and a text of 1 to 2048
                printable characters.
        """
        try:
            found = self.hooks.subject()
        except Exception as exc:
            logger.exception("the subject hook failed")
            raise SubjectError(retry_after=5) from exc
        if found is None:
            return None
        if not isinstance(found, str) or not found.isprintable() or not 0 < len(found) <= _LONGEST_SUBJECT:
            logger.error("the subject hook returned %s; it must return a stable text or None", type(found).__name__)
            raise SubjectError(retry_after=5)
        return found

    def auth_time(self) -> datetime | None:
        """Return when the person logged in, or ``None`` if the app does not say."""
        if self.hooks.auth_time is not None:
            return self.hooks.auth_time()
        since = session.get(_AUTH_TIME)
        return datetime.fromtimestamp(since, UTC) if isinstance(since, int | float) else None

    def log_in(self, target: str, *, again: bool) -> Response:
        """Send the person to the app's log-in, which leads back to ``target``."""
        return make_response(self.hooks.login(target, again))

    def identity(self, subject: str) -> Identity:
        """Return the names of an account; an https URL is its own profile URL."""
        if self.hooks.identity is not None:
            return self.hooks.identity(subject)
        return Identity(me=subject if subject.startswith(("https://", "http://")) else None)

    def is_meant_by(self, login_hint: str, subject: str, identity: Identity) -> bool:
        """Say whether a client expects this account: by handle, DID, profile URL or subject."""
        names = {subject, identity.me, (identity.me or "").rstrip("/"), identity.did, identity.handle}
        return _as_name(login_hint) in {_as_name(name) for name in names if name}

    def claims(self, subject: str, scope: Collection[str]) -> dict[str, Any]:
        """Return what these scopes show of an account."""
        return dict(self.hooks.claims(subject, frozenset(scope))) if self.hooks.claims is not None else {}

    # -- the client -----------------------------------------------------------------------------------------------

    def client_of(self, asked: AuthorizationRequest) -> ClientMetadata | None:
        """Return the client of a request under today's policy; ``None`` for one that describes itself nowhere.

        Raises:
            CIMDError: the client is not admitted any more.
        """
        return self.server.client_of(asked.client_id, asked.client)

    def describe_registered(self, asked: AuthorizationRequest) -> ClientMetadata:
        """Return what is known of a client that the app registered: its redirect URI."""
        from ..core.registration import described

        return described(asked.client_id, asked.redirect_uri)

    def tier(self, client: ClientMetadata | None) -> Tier:
        """Return how far a client is trusted; the app's own clients are known."""
        return Tier.KNOWN if client is None else self.clients.admission.tier(client.identifier)

    def is_in_the_making(self, client: ClientMetadata) -> bool:
        """Say whether a service for developers publishes the client's document."""
        return self.clients.admission.is_in_the_making(client.identifier)

    def logo_url(self, client: ClientMetadata) -> str | None:
        """Return the URL on this server of the client's logo, or ``None``."""
        return self.clients.logo_url(client)

    def within_allowance(self, asked: AuthorizationRequest, tier: Tier) -> AuthorizationRequest | None:
        """Return the request without what clients of a tier may not ask for; ``None`` if nothing is left."""
        return within_allowance(asked, self.clients.admission.allowance(tier), self.issuer)

    def places(self, asked: AuthorizationRequest) -> tuple[Resource, ...]:
        """Return the requested resources other than this server."""
        found = map(self.server.find_resource, asked.resource)
        return tuple(place for place in found if place and place.identifier != self.issuer)

    def last_approval(self, subject: str, client_id: str) -> Approval | None:
        """Return what this person approved last for a client."""
        grant = self.storage.last_approved(subject, client_id)
        return None if grant is None else Approval(client=grant.client)

    def is_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Say whether this person approved the client with this redirect URI and did not revoke it."""
        return self.storage.has_approved(subject, client_id, redirect_uri)

    # -- decisions ------------------------------------------------------------------------------------------------

    def before_consent(self, asked: ConsentRequest) -> Verdict:
        """Ask the app's hook whether the page is shown."""
        return None if self.hooks.before_consent is None else self.hooks.before_consent(asked)

    def approve(
        self,
        asked: AuthorizationRequest,
        subject: str,
        *,
        scope: Collection[str] | None,
        lifetime: timedelta | None,
        handle: str | None = None,
        skipped: bool = False,
    ) -> Response:
        """Issue a code in the transaction that spends the waiting request, and send the person back."""
        answer: Response = self.server.approve(
            asked,
            subject=subject,
            scope=scope,
            access_lifetime=lifetime,
            auth_time=self.auth_time(),
            settle=self._settle(handle, asked) if handle else None,
        )
        outcome = "skipped" if skipped else "approved"
        granted = asked.scope if scope is None else " ".join(word for word in asked.scope.split() if word in scope)
        self.note(Decision(outcome=outcome, scope=granted, **self._about(asked, subject)))  # type: ignore[arg-type]
        return answer

    def deny(self, asked: AuthorizationRequest, subject: str, handle: str) -> Response:
        """Tell the client that the person said no; a click on Deny always redirects."""
        answer: Response = self.server.deny(asked, settle=self._settle(handle, asked))
        self.note(Decision(outcome="denied", reason="access_denied", **self._about(asked, subject)))  # type: ignore[arg-type]
        return answer

    def _settle(self, handle: str, asked: AuthorizationRequest) -> Callable[[str], Any]:
        return lambda answer: self.waiting.settlement(handle, answer, asked.pushed)

    def _about(self, asked: AuthorizationRequest, subject: str | None) -> dict[str, Any]:
        return {
            "subject": subject,
            "client_id": asked.client_id,
            "redirect_uri": asked.redirect_uri,
            "at": self.clock(),
        }

    def repeat(self, answer: str) -> Response:
        """Return the answer that a decision had a moment ago."""
        return self.server.repeat(answer)

    def note(self, decision: Decision) -> None:
        """Tell the app's hook how a request ended; its failure ends no sign-in."""
        if self.hooks.on_decision is None:
            return
        try:
            self.hooks.on_decision(decision)
        except Exception:
            logger.exception("the on_decision hook failed")

    def note_refusal(self, subject: str | None, client_id: str, redirect_uri: str, reason: str) -> None:
        """Tell the app's hook about a request that ended in an error."""
        self.note(
            Decision(
                outcome="refused",
                subject=subject,
                client_id=client_id,
                redirect_uri=redirect_uri,
                reason=reason,
                at=self.clock(),
            )
        )
