"""The page of a person's connected apps, with their access and buttons to revoke it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Response, abort, make_response, redirect, render_template, request

from ..core.atproto import asks_for_atproto
from ..core.display import safe_text, shown_host
from ..core.redirects import redirect_host
from ..oauth import Grant
from ..oauth.server.storage import LivingGrant
from .site import Site

#: Number of apps on one page.
PAGE_SIZE = 50
#: Greatest number of a page that is looked up.
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
        created_at: aware instant of the approval.
        last_used: aware instant at which a token was issued last, or ``None``.
    """

    id: str
    scopes: tuple[str, ...]
    texts: tuple[str, ...]
    resource: tuple[str, ...]
    redirect_host: str
    created_at: datetime
    last_used: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """One app with its living grants, the newest first.

    Attributes:
        client_id: client identifier URL, or the identifier of a registered client.
        host: the host that the app cannot choose freely.
        name: the name that the app gives itself, without control characters, or ``None``.
        is_registered: ``True`` if no URL identifies the client.
        grants: its sign-ins.
    """

    client_id: str
    host: str
    name: str | None
    is_registered: bool
    grants: tuple[AppGrant, ...]


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
        apps = [self._as_app(client_id, grants) for client_id, grants in found[:PAGE_SIZE]]
        return make_response(
            render_template(
                "flask_cimd/apps.html",
                apps=apps,
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
        now = site.clock()
        if form.get("grant"):
            if not site.storage.revoke_grant_of(subject, form["grant"], now):
                abort(404)
        elif form.get("client"):
            site.storage.revoke_client(subject, form["client"], now)
        else:
            abort(400)
        return redirect(site.path("/apps"), code=303)  # type: ignore[return-value]  # Werkzeug's type of Flask's Response

    def _as_app(self, client_id: str, grants: tuple[LivingGrant, ...]) -> ConnectedApp:
        newest = grants[0].grant
        host, name = self._shown(newest)
        texts = self._site.scope_texts
        return ConnectedApp(
            client_id=client_id,
            host=host,
            name=name,
            is_registered=newest.client is None,
            grants=tuple(
                AppGrant(
                    id=living.grant.id,
                    scopes=tuple(living.grant.scope.split()),
                    texts=tuple(texts.get(word, word) for word in living.grant.scope.split()),
                    resource=living.grant.resource,
                    redirect_host=redirect_host(living.grant.redirect_uri),
                    created_at=living.grant.created_at,
                    last_used=living.last_used,
                )
                for living in grants
            ),
        )

    def _shown(self, grant: Grant) -> tuple[str, str | None]:
        """Return the host and the name of a client; one that may not come in any more can still be seen and ended."""
        client = grant.client
        if client is None:
            client = self._site.registered(grant.client_id)
        if client is None:
            return redirect_host(grant.redirect_uri), None
        # AT Protocol apps are shown by their host alone, since anybody can claim a name.
        name = None if asks_for_atproto(grant.scope) else safe_text(client.client_name) or None
        return shown_host(client, grant.redirect_uri), name
