"""The hooks of a provider and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import Response

from ..core.metadata import ClientMetadata
from ..oauth import AuthorizationRequest, Grant, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The names of one account in the protocols of its clients.

    Attributes:
        me: canonical https profile URL (IndieAuth §3.2), or ``None``.
        did: DID of the AT Protocol, or ``None``; without one the scope ``atproto`` cannot be granted.
        handle: handle of the AT Protocol, or ``None``.
    """

    me: str | None = None
    did: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """A valid authorization request before its consent page.

    Attributes:
        request: the snapshot of the request.
        client: the client's metadata, or ``None`` for a client that the app registered.
        subject: the person who will decide.
        is_approved_before: ``True`` if this person approved the client with this redirect URI and did not revoke it.
    """

    request: AuthorizationRequest
    client: ClientMetadata | None
    subject: str
    is_approved_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of an authorization request, for an audit log.

    Attributes:
        outcome: ``approved``, ``denied``, ``skipped`` (the app approved without a page), ``remembered`` (approved
            without a page by a remembered consent), or ``refused`` (an error).
        subject: the person who decided; ``None`` if nobody was logged in.
        scope: granted scopes, separated by spaces; empty unless approved.
        reason: an OAuth error code or a slug of `CIMDError`; empty when approved.
        at: time of the outcome, an aware `datetime`.
    """

    outcome: Literal["approved", "denied", "skipped", "remembered", "refused"]
    subject: str | None
    client_id: str
    redirect_uri: str
    scope: str = ""
    reason: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChange:
    """A change that a person made on the page of their apps.

    Attributes:
        kind: ``ended`` (one sign-in), ``app-ended`` (all of an app), ``all-ended`` (all of all apps), ``end-changed``
            (of one sign-in), or ``asks-again`` (a remembered consent was deleted).
        subject: the person.
        client_id: the app, as the form names it; empty for ``all-ended``.
        until: aware instant of the new end; ``None`` unless the end was changed.
    """

    kind: Literal["ended", "app-ended", "all-ended", "end-changed", "asks-again"]
    subject: str
    client_id: str = ""
    until: datetime | None = None


#: Return values of `Provider.before_consent`: ``None`` shows the page.
Verdict = Literal["deny", "skip"] | Response | None

SubjectHook = Callable[[], str | None]
LoginHook = Callable[[str, bool], Any]
AuthTimeHook = Callable[[], datetime | None]
IdentityHook = Callable[[str], Identity]
ClaimsHook = Callable[[str, frozenset[str]], Mapping[str, Any]]
BeforeConsentHook = Callable[[ConsentRequest], Verdict]
DecisionHook = Callable[[Decision], None]
ResourceHook = Callable[[Resource], Mapping[str, Any]]
AccessHook = Callable[[AccessChange], None]
ReuseHook = Callable[[Grant], None]
ScopesHook = Callable[[str], Collection[str]]
FreshLogInHook = Callable[[str], Any]
RedirectErrorHook = Callable[[str, str, str, bool], bool]


@dataclass(slots=True, kw_only=True)
class Hooks:
    """The app's own functions; the required ones must be registered before the first request."""

    subject: SubjectHook
    login: LoginHook
    auth_time: AuthTimeHook | None = None
    identity: IdentityHook | None = None
    claims: ClaimsHook | None = None
    before_consent: BeforeConsentHook | None = None
    on_decision: DecisionHook | None = None
    redirect_errors: RedirectErrorHook | None = None
    resource_metadata: ResourceHook | None = None
    available_scopes: ScopesHook | None = None
    fresh_log_in: FreshLogInHook | None = None
    on_access_change: AccessHook | None = None
    on_reuse: ReuseHook | None = None
