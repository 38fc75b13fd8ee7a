"""The page of a person's connected apps, with buttons to revoke access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, abort, make_response, redirect, render_template, request

from ..core.atproto import asks_for_atproto
from ..core.display import safe_text, shown_host
from ..core.metadata import ClientMetadata
from ..core.policy import Tier
from ..core.redirects import redirect_host
from ..core.sentences import sentence
from ..oauth import Grant
from ..oauth.server.remembered import RememberedConsent
from ..oauth.server.storage import LivingGrant
from .hooks import AccessChange
from .lifetimes import LIFETIMES
from .site import Site

#: Number of apps on one page.
PAGE_SIZE = 20
#: Maximum age of the log-in of a person who ends all access.
FRESH = timedelta(minutes=10)
#: Keys of the lifetimes, counted from now, to which a person can change the end of access.
ENDS = ("hour", "day", "month", "year")
#: Maximum page number.
_MOST_PAGES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AppGrant:
    """One sign-in of an app.

    Attributes:
        id: the grant's identifier.
        scopes: granted scopes.
        texts: a sentence for each scope.
        resource: identifiers of the resources that its tokens are for.
        redirect_host: host of the redirect URI.
        created_at: time of the approval, an aware `datetime`.
        last_used: time of the last issue of a token, an aware `datetime`, or ``None``.
        ends_at: end of access without further use, an aware `datetime`.
    """

    id: str
    scopes: tuple[str, ...]
    texts: tuple[str, ...]
    resource: tuple[str, ...]
    redirect_host: str
    created_at: datetime
    last_used: datetime | None
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConsent:
    """A remembered consent.

    Attributes:
        key: identifier of the consent.
        texts: a sentence for each granted scope.
        since: time of the decision, an aware `datetime`.
        ends_at: end of the consent, an aware `datetime`; afterwards the person is asked again.
    """

    key: str
    texts: tuple[str, ...]
    since: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """One app with its living grants, the newest first.

    Attributes:
        client_id: client identifier URL, or the identifier of a registered client.
        host: the host that the app cannot choose freely.
        name: the app's own name, without control characters, or ``None``.
        is_registered: ``True`` if no URL identifies the client.
        logo: URL of the stored logo on this server, or ``None``.
        family: name of the kind of app.
        tier: trust tier.
        grants: the app's sign-ins.
        consents: the remembered consents for the app.
    """

    client_id: str
    host: str
    name: str | None
    is_registered: bool
    logo: str | None
    family: str
    tier: Tier
    grants: tuple[AppGrant, ...]
    consents: tuple[AppConsent, ...]


class ConnectedApps:
    """The views of the page.

    Args:
        site: the provider in one app.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self) -> Response:
        """Show the apps of the person who is logged in, `PAGE_SIZE` on a page."""
        site = self._site
        subject = site.subject()
        if subject is None:
            return site.log_in(site.path("/apps"), again=False)
        page = min(max(1, request.args.get("page", 1, type=int)), _MOST_PAGES)
        found = site.storage.living_grants(subject, site.clock(), limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE)
        consents: dict[str, list[RememberedConsent]] = {client_id: [] for client_id, _ in found[:PAGE_SIZE]}
        for consent in site.storage.consents(subject, list(consents), site.clock()):
            consents[consent.client_id].append(consent)
        apps = [self._as_app(client_id, grants, consents[client_id]) for client_id, grants in found[:PAGE_SIZE]]
        return make_response(
            render_template(
                "flask_cimd/apps.html",
                apps=apps,
                ends={key: LIFETIMES[key][0] for key in ENDS},
                token=site.browser.token(f"apps {subject}"),
                next_page=page + 1 if len(found) > PAGE_SIZE else None,
                **site.template_values(),
            )
        )

    def revoke(self) -> Response:
        """Revoke one grant, or every grant of one client, of the person who is logged in."""
        site, form = self._site, request.form
        subject = site.subject()
        if subject is None or not site.browser.accepts(form.get("token", ""), f"apps {subject}"):
            abort(403)
        if form.get("everything"):
            answer = self._check_again()
            if answer is not None:
                return answer
        site.hooks.note_access_change(self._change(subject, form))
        return redirect(site.path("/apps"), code=303)  # type: ignore[return-value]  # Werkzeug's type of Flask's Response

    def _change(self, subject: str, form: Mapping[str, str]) -> AccessChange:
        """Do what a form of the page asks for."""
        storage, now, client_id = self._site.storage, self._site.clock(), form.get("client", "")
        if form.get("everything"):
            storage.revoke_subject(subject, now)
            return AccessChange(kind="all-ended", subject=subject)
        if form.get("consent"):
            if not storage.forget_consent(subject, form["consent"]):
                abort(404)
            return AccessChange(kind="asks-again", subject=subject, client_id=client_id)
        if form.get("grant") and "end" in form:
            duration = LIFETIMES[form["end"]][1] if form["end"] in ENDS else None
            if duration is None:
                abort(400)
            if not storage.set_end(subject, form["grant"], now + duration, now):
                abort(404)
            return AccessChange(kind="end-changed", subject=subject, client_id=client_id, until=now + duration)
        if form.get("grant"):
            if not storage.revoke_grant_of(subject, form["grant"], now):
                abort(404)
            return AccessChange(kind="ended", subject=subject, client_id=client_id)
        if not client_id:
            abort(400)
        storage.revoke_client(subject, client_id, now)
        return AccessChange(kind="app-ended", subject=subject, client_id=client_id)

    def _check_again(self) -> Response | None:
        """Return a response that lets the person log in again, or ``None`` if they did so within `FRESH`."""
        site, target = self._site, self._site.path("/apps")
        if site.hooks.hooks.fresh_log_in is not None:
            return site.hooks.fresh_log_in(target)
        logged_in_at = site.auth_time()
        if logged_in_at is None or site.clock() - logged_in_at < FRESH:
            return None
        return site.log_in(target, again=True)

    def _as_app(
        self, client_id: str, grants: tuple[LivingGrant, ...], consents: list[RememberedConsent]
    ) -> ConnectedApp:
        newest = grants[0].grant if grants else consents[0]
        scope = newest.scope if isinstance(newest, Grant) else newest.granted
        client = newest.client or self._site.registered(client_id)
        host, name = _shown(client, newest.redirect_uri, scope)
        texts = self._site.scope_texts
        return ConnectedApp(
            client_id=client_id,
            host=host,
            name=name,
            is_registered=newest.client is None,
            logo=None if client is None or name is None else self._site.clients.logo_url(client, fetch=False),
            family=_family(client, scope),
            tier=self._site.tier(client),
            grants=tuple(
                AppGrant(
                    id=living.grant.id,
                    scopes=tuple(living.grant.scope.split()),
                    texts=tuple(texts.get(word, word) for word in living.grant.scope.split()),
                    resource=living.grant.resource,
                    redirect_host=redirect_host(living.grant.redirect_uri),
                    created_at=living.grant.created_at,
                    last_used=living.last_used,
                    ends_at=living.ends_at,
                )
                for living in grants
            ),
            consents=tuple(
                AppConsent(
                    key=consent.key,
                    texts=tuple(texts.get(word, word) for word in consent.granted.split()),
                    since=consent.created_at,
                    ends_at=consent.ends_at,
                )
                for consent in consents
            ),
        )


def _shown(client: ClientMetadata | None, redirect_uri: str, scope: str) -> tuple[str, str | None]:
    """Return the host and the name of a client, even if the current policy refuses it."""
    if client is None:
        return redirect_host(redirect_uri), None
    # The page shows only the host of an AT Protocol app, because any client can claim a name.
    name = None if asks_for_atproto(scope) else safe_text(client.client_name) or None
    return shown_host(client, redirect_uri), name


_FAMILIES = {
    "document": sentence("App with a description of its own"),
    "page": sentence("Web page (IndieAuth)"),
    "unread": sentence("Web page (IndieAuth)"),
    "loopback": sentence("Program on your computer"),
    "virtual": sentence("Program on your computer"),
    "registered": sentence("App that registered itself"),
}


def _family(client: ClientMetadata | None, scope: str) -> str:
    if asks_for_atproto(scope):
        return sentence("AT Protocol app")
    return _FAMILIES["registered" if client is None else client.source]
