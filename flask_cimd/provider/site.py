"""One provider in one app: its server, its storage and the app's hooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Response, current_app, make_response, render_template, url_for

from ..core.atproto import SCOPE as ATPROTO
from ..core.atproto import asks_for_atproto
from ..core.clock import Clock
from ..core.metadata import ClientMetadata
from ..core.policy import Allowance, Tier
from ..core.redirects import redirect_host
from ..core.registration import registered_client
from ..errors import CIMDError, DocumentError
from ..oauth import AuthorizationRequest, AuthorizationServer, Grant, Resource
from ..oauth.client import MetadataClient
from ..oauth.server.context import ClientDirectory
from ..oauth.server.response_modes import AuthorizationResponse
from ..oauth.server.storage import ProviderStorage, Settlement
from ._hook_calls import HookCalls
from .browser import Browser
from .consent import Approval
from .hooks import ConsentRequest, Decision, Identity, Verdict
from .remembering import Remembering
from .texts import translate
from .upkeep import Upkeep
from .waiting import WaitingRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The provider in one app.

    Attributes:
        server: the authorization server.
        clients: finds clients and applies the operator's policy.
        storage: stores grants, codes, tokens and waiting requests.
        waiting: requests that wait for a log-in or a decision.
        upkeep: sweeps the storage after responses.
        browser: identifies the browser of a request.
        hooks: calls the app's own functions.
        remembering: remembered consents; ``None`` if the provider does not remember them.
        issuer: the exact issuer.
        prefix: URL prefix of all paths except the well-known ones.
        name: name of the blueprint.
        scope_texts: a sentence for each scope.
        clock: returns the current time as an aware `datetime`.
        metadata: further members of the server's metadata document.
    """

    server: AuthorizationServer
    clients: ClientDirectory
    storage: ProviderStorage
    waiting: WaitingRequests
    upkeep: Upkeep
    browser: Browser
    hooks: HookCalls
    remembering: Remembering | None
    issuer: str
    prefix: str
    name: str
    scope_texts: Mapping[str, str]
    clock: Clock
    metadata: Mapping[str, Any]

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
        """Return the variables of every template of the provider."""
        return {"provider": self, "_": translate}

    # -- the person -----------------------------------------------------------------------------------------------

    def subject(self) -> str | None:
        """Return the subject who is logged in, or ``None``.

        Raises:
            HookError: the hook failed, or returned something other than ``None`` and a text of 1 to 2048 printable
                characters.
        """
        return self.hooks.subject()

    def auth_time(self) -> datetime | None:
        """Return the time of the log-in as an aware `datetime`, or ``None`` if the app does not state it."""
        return self.hooks.auth_time()

    def log_in(self, target: str, *, again: bool) -> Response:
        """Redirect to the app's log-in, which redirects back to ``target``."""
        return self.hooks.log_in(target, again=again)

    def identity(self, subject: str) -> Identity:
        """Return the names of an account; an https URL is its own profile URL."""
        return self.hooks.identity(subject)

    def is_meant_by(self, login_hint: str, subject: str, identity: Identity) -> bool:
        """Return whether a client expects this account: by handle, DID, profile URL or subject."""
        names = {subject, identity.me, (identity.me or "").rstrip("/"), identity.did, identity.handle}
        return _as_name(login_hint) in {_as_name(name) for name in names if name}

    def me(self, subject: str) -> str:
        """Return the profile URL of an account, or its subject if it has none."""
        return self.identity(subject).me or subject

    def profile(self, subject: str, scope: Collection[str]) -> dict[str, Any]:
        """Return the claims of an account to which these scopes give access."""
        return self.hooks.claims(subject, scope)

    def identity_members(self, subject: str, scope: Collection[str]) -> dict[str, Any]:
        """Return ``me`` and, if the scopes give access to claims, ``profile`` (IndieAuth §5.3.3, §5.3.4)."""
        if not self.server.context.indieauth:
            return {}
        profile = self.profile(subject, scope) if scope else {}
        me = self.identity(subject).me
        return {**({"me": me} if me else {}), **({"profile": profile} if profile else {})}

    def token_members(self, grant: Grant) -> dict[str, Any]:
        """Return the further members of a token response; ``sub`` is the DID for the AT Protocol."""
        members = self.identity_members(grant.subject, grant.scope.split())
        return {**members, "sub": self.identity(grant.subject).did} if asks_for_atproto(grant.scope) else members

    def introspected(self, grant: Grant) -> dict[str, Any]:
        """Return the further members of an introspection response: ``me`` (IndieAuth §6.2)."""
        me = self.identity(grant.subject).me if self.server.context.indieauth else None
        return {"me": me} if me else {}

    # -- the client -----------------------------------------------------------------------------------------------

    def registered(self, client_id: str) -> ClientMetadata | None:
        """Return the metadata of a dynamically registered client; ``None`` if it is unknown or not admitted."""
        try:
            found = self.clients.find_registered(client_id)
        except CIMDError:
            return None
        return found.metadata if isinstance(found, MetadataClient) else None

    def describe_registered(self, asked: AuthorizationRequest) -> ClientMetadata:
        """Return the identifier and redirect URI as metadata for a client that the app registered without metadata."""
        return registered_client(asked.client_id, asked.redirect_uri)

    def tier(self, client: ClientMetadata | None) -> Tier:
        """Return the trust tier of a client; clients that the app registered are ``KNOWN``."""
        return Tier.KNOWN if client is None else self.clients.admission.tier(client.identifier)

    def is_in_the_making(self, client: ClientMetadata) -> bool:
        """Return whether a service for developers publishes the client's document."""
        return self.clients.admission.is_in_the_making(client.identifier)

    def logo_url(self, client: ClientMetadata) -> str | None:
        """Return the URL of the client's logo on this server, or ``None``."""
        return self.clients.logo_url(client)

    def within_allowance(self, asked: AuthorizationRequest, tier: Tier) -> AuthorizationRequest | None:
        """Return the request without the scopes that the tier's allowance excludes; ``None`` if nothing is left."""
        return self.server.within_allowance(asked, self.clients.admission.allowance(tier))

    def honoured(self, asked: AuthorizationRequest, subject: str) -> AuthorizationRequest | None:
        """Return the request without the scopes that the account cannot honour; ``None`` if nothing is left."""
        scopes = self.hooks.available_scopes(subject)
        if scopes is None:
            return asked
        allowance = Allowance(scopes=scopes | {ATPROTO})
        return self.server.within_allowance(asked, allowance)

    def places(self, asked: AuthorizationRequest) -> tuple[Resource, ...]:
        """Return the requested resources other than this server."""
        found = map(self.server.find_resource, asked.resource)
        return tuple(place for place in found if place and place.identifier != self.issuer)

    def describe_resource(self, resource: Resource) -> dict[str, Any]:
        """Return further members of a resource's metadata document (RFC 9728 §2)."""
        found = self.hooks.resource_metadata(resource)
        if found is not None:
            return found
        is_own = resource.identifier == self.issuer
        return {"dpop_signing_alg_values_supported": list(self.server.dpop.algorithms)} if is_own else {}

    def last_approval(self, subject: str, client_id: str) -> Approval | None:
        """Return this person's last approval of a client."""
        try:
            grant = self.storage.last_approved(subject, client_id)
        except DocumentError:
            return Approval(client=None, is_readable=False)
        if grant is None:
            return None
        scope = tuple(grant.scope.split())
        return Approval(client=grant.client, at=grant.created_at, scope=scope, resource=grant.resource)

    def is_approved(self, subject: str, client_id: str, redirect_uri: str) -> bool:
        """Return whether this person approved the client with this redirect URI and did not revoke it."""
        return self.storage.has_approved(subject, client_id, redirect_uri)

    # -- decisions ------------------------------------------------------------------------------------------------

    def before_consent(self, asked: ConsentRequest) -> Verdict:
        """Return the decision of the app's ``before_consent`` hook."""
        return self.hooks.before_consent(asked)

    def approve(
        self,
        asked: AuthorizationRequest,
        subject: str,
        *,
        scope: Collection[str] | None,
        access_lifetime: timedelta | None = None,
        lifetime: timedelta | None = None,
        handle: str | None = None,
        outcome: Literal["approved", "skipped", "remembered"] = "approved",
    ) -> Response:
        """Issue a code in the transaction that spends the waiting request, and return the response to the client."""
        answer: Response = self.server.approve(
            asked,
            subject=subject,
            scope=scope,
            access_lifetime=access_lifetime,
            lifetime=lifetime,
            auth_time=self.auth_time(),
            settle=self._settle(handle, asked) if handle else None,
        )
        self.upkeep.after(answer, current_app._get_current_object())  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy
        granted = asked.scope if scope is None else " ".join(word for word in asked.scope.split() if word in scope)
        self.note(Decision(outcome=outcome, scope=granted, **self._about(asked, subject)))
        return answer

    def deny(self, asked: AuthorizationRequest, subject: str, handle: str) -> Response:
        """Return the ``access_denied`` response; a click on Deny always redirects."""
        answer: Response = self.server.deny(asked, settle=self._settle(handle, asked))
        self.note(Decision(outcome="denied", reason="access_denied", **self._about(asked, subject)))
        return answer

    def _settle(self, handle: str, asked: AuthorizationRequest) -> Callable[[AuthorizationResponse], Settlement]:
        return lambda answer: self.waiting.settlement(handle, answer, asked.pushed)

    def _about(self, asked: AuthorizationRequest, subject: str | None) -> dict[str, Any]:
        return {
            "subject": subject,
            "client_id": asked.client_id,
            "redirect_uri": asked.redirect_uri,
            "at": self.clock(),
        }

    # -- errors ---------------------------------------------------------------------------------------------------

    def redirects_errors(self, client_id: str, redirect_uri: str, error: str, subject: str | None) -> bool:
        """Return whether to redirect an error to the client without a click (RFC 9700 §4.11.2)."""
        knows = self._is_trusted(client_id) or (
            subject is not None and self.is_approved(subject, client_id, redirect_uri)
        )
        return self.hooks.redirects_error(client_id, redirect_uri, error, default=knows)

    def _is_trusted(self, client_id: str) -> bool:
        """Return whether the operator trusts the client, by a rule or by registering it in the app."""
        try:
            client = self.server.query_client(client_id)
        except (CIMDError, OAuth2Error):
            return False
        if not isinstance(client, MetadataClient):
            return client is not None
        return self.clients.admission.tier(client.metadata.identifier) is Tier.TRUSTED

    def error_page(self, error: OAuth2Error, client_id: str) -> Response:
        """Show an OAuth error on a page, with a button that sends it to the client."""
        answer = self.server.error_response(error)
        page = render_template(
            "flask_cimd/refused.html",
            description=error.get_error_description() or "",
            error=error.error,
            client_id=client_id,
            host=redirect_host(answer.redirect_uri),
            back=answer.redirect_uri if answer.mode == "form_post" else answer.location,
            members=answer.members if answer.mode == "form_post" else None,
            **self.template_values(),
        )
        return make_response(page, 400)

    def note(self, decision: Decision) -> None:
        """Call the app's ``on_decision`` hook; its failure does not end a sign-in."""
        self.hooks.note(decision)

    def note_reuse(self, grant: Grant) -> None:
        """Call the app's ``on_reuse`` hook; its failure does not change the response."""
        self.hooks.note_reuse(grant)

    def note_refusal(self, subject: str | None, client_id: str, redirect_uri: str, reason: str) -> None:
        """Call the app's ``on_decision`` hook for a request that ended with an error."""
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


def _as_name(text: str) -> str:
    """Normalize an entered handle, DID or address: spaces, bidi marks, ``@``, ``at://``, case, final dot."""
    kept = "".join(c for c in text if c.isprintable()).strip().lower()
    return kept.removeprefix("at://").removeprefix("@").rstrip("/.")
