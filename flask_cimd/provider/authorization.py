"""The authorization endpoint: client, log-in, consent page and response."""

from __future__ import annotations

from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import Response, make_response, redirect, render_template, request

from ..core.atproto import asks_for_atproto
from ..core.metadata import ClientMetadata
from ..core.policy import Tier
from ..core.sentences import sentence
from ..errors import RequestError
from ..oauth import AuthorizationRequest
from ..oauth.server.indieauth import without_lonely_email
from . import consent
from .consent import Approval, ConsentPage
from .hooks import ConsentRequest, Identity
from .lifetimes import lifetimes_of
from .site import Site


class AuthorizationPages:
    """The views of the authorization endpoint.

    Args:
        site: the provider in one app.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    # -- GET /authorize -------------------------------------------------------------------------------------------

    def ask(self) -> Response:
        """Show the consent page. A request without a log-in causes no fetch."""
        site = self._site
        site.server.check_authorization_request()
        subject = site.subject()
        if subject is None:
            return self._log_in(again=False)
        try:
            asked = site.server.read_authorization_request()
        except OAuth2Error as error:
            return self._refuse(error, subject, request.values["client_id"])
        asks = False
        if asked.max_age is not None:
            is_fresh, asks = self._freshness(asked.max_age)
            if not is_fresh and asked.prompt == ("none",):
                return self._refuse(
                    _error(asked, "login_required", sentence("The log-in is too old.")), subject, asked.client_id
                )
            if not is_fresh:
                return self._log_in(again=True)
        return self._judge(asked, subject, asks=asks)

    def resume(self, handle: str) -> Response:
        """Continue a request that waited for a log-in."""
        site = self._site
        query = site.waiting.parked(handle, site.browser.digest())
        if query is None:
            raise RequestError("request-ended", hint="the request waited too long, or another browser began it")
        return redirect(f"{site.path('/authorize')}?{query}", code=303)  # type: ignore[return-value]  # Werkzeug's type of Flask's Response

    def _log_in(self, *, again: bool) -> Response:
        site = self._site
        handle = site.waiting.park(request.query_string.decode("latin-1"), site.browser.digest())
        return site.log_in(site.path(f"/authorize/{handle}"), again=again)

    def _freshness(self, max_age: int) -> tuple[bool, bool]:
        """Return whether the log-in is recent enough, and whether it was made for this request (RFC 9470 §4)."""
        site = self._site
        since = site.waiting.parked_since(request.query_string.decode("latin-1"), site.browser.digest())
        logged_in_at = site.auth_time()
        if logged_in_at is None:
            return False, False
        age = (site.clock() - logged_in_at).total_seconds()
        is_fresh = age < max_age or (since is not None and logged_in_at >= since)
        return is_fresh, since is not None

    # -- before anybody sees the page -----------------------------------------------------------------------------

    def _judge(self, asked: AuthorizationRequest, subject: str, *, asks: bool) -> Response:
        site = self._site
        client = site.server.client_of(asked.client_id, asked.client)
        tier = site.tier(client)
        allowed = site.within_allowance(asked, tier)
        if allowed is None:
            return self._silently_denied(asked, subject, None)
        honoured = site.honoured(allowed, subject)
        if honoured is None:
            return self._silently_denied(asked, subject, "This account has nothing of what was asked for.")
        asked, identity = honoured, site.identity(subject)
        if asks_for_atproto(asked.scope):
            if identity.did is None:
                return self._silently_denied(asked, subject, "This account has no identity on the AT Protocol.")
            if asked.login_hint and not site.is_meant_by(asked.login_hint, subject, identity):
                # AT Protocol OAuth: the app refuses an account other than the hinted one, but only after consent.
                return self._silently_denied(asked, subject, "The account in login_hint does not live here.")
        approved = site.last_approval(subject, asked.client_id)
        verdict = site.before_consent(self._consent_request(asked, client, subject))
        if verdict == "deny":
            return self._silently_denied(asked, subject, None)
        if verdict == "skip":
            return site.approve(asked, subject, scope=None, outcome="skipped")
        if verdict is not None:
            return make_response(verdict)
        is_meant = not asked.login_hint or site.is_meant_by(asked.login_hint, subject, identity)
        if is_meant and not asks and asked.prompt in ((), ("none",)):
            answer = self._as_remembered(asked, client, subject)
            if answer is not None:
                return answer
        if "none" in asked.prompt:
            error = _error(
                asked, "consent_required" if is_meant else "login_required", sentence("The person has to be asked.")
            )
            return self._refuse(error, subject, asked.client_id)
        return self._show(asked, client, tier, approved, subject, identity)

    def _as_remembered(
        self, asked: AuthorizationRequest, client: ClientMetadata | None, subject: str
    ) -> Response | None:
        """Approve a request by a remembered consent, or return ``None``."""
        site = self._site
        if site.remembering is None:
            return None
        lifetimes = lifetimes_of(site.server.context, asked, client)
        found = site.remembering.find(asked, client, subject, lifetimes)
        if found is None:
            return None
        access, whole = lifetimes.of(found.lifetime)
        return site.approve(
            asked,
            subject,
            scope=found.granted.split(),
            access_lifetime=access,
            lifetime=whole,
            outcome="remembered",
        )

    def _consent_request(
        self, asked: AuthorizationRequest, client: ClientMetadata | None, subject: str
    ) -> ConsentRequest:
        is_known = self._site.is_approved(subject, asked.client_id, asked.redirect_uri)
        return ConsentRequest(request=asked, client=client, subject=subject, is_approved_before=is_known)

    def _show(
        self,
        asked: AuthorizationRequest,
        client: ClientMetadata | None,
        tier: Tier,
        approved: Approval | None,
        subject: str,
        identity: Identity,
    ) -> Response:
        site = self._site
        client = client or site.describe_registered(asked)
        with_name = consent.shows_names(asked, tier)
        places, known = site.places(asked), site.server.client_of(asked.client_id, asked.client)
        page = ConsentPage(
            view=consent.view_of(
                client, asked, tier=tier, approved=approved, is_in_making=site.is_in_the_making(client)
            ),
            changes=consent.changes_since(approved, client, with_name=with_name),
            logo=site.logo_url(client) if with_name else None,
            scopes=consent.scope_choices(asked.scope, site.scope_texts, approved),
            places=places,
            new_places=consent.new_places(places, approved),
            approved_at=None if approved is None else approved.at,
            is_identity_only=asked.scope in ("", "atproto") and not places,
            lifetimes=lifetimes_of(site.server.context, asked, known),
            can_be_remembered=site.remembering is not None and site.remembering.is_possible(asked, known),
            ends_without_scope=consent.is_denial(asked, ()),
            subject=subject,
            identity=identity,
            transaction=site.waiting.keep(asked, site.browser.digest(), subject),
        )
        return make_response(render_template("flask_cimd/consent.html", page=page, **site.template_values()))

    # -- POST /consent --------------------------------------------------------------------------------------------

    def decide(self) -> Response:
        """Execute the decision about a request; the browser and the person must be those that saw the page."""
        site, form = self._site, request.form
        subject = site.subject()
        handle = form.get("transaction", "")
        found = site.waiting.find(handle, site.browser.digest(), subject) if subject else None
        if found is None or subject is None or form.get("decision") not in ("approve", "deny"):
            # The form's client_id is used only for a link to the app's site, and only after a log-in.
            app = form.get("client_id", "") if subject else ""
            raise RequestError("request-ended", app, hint="unknown, expired, or shown to another browser or person")
        if found.answer is not None:
            return found.answer.send()
        try:
            return self._carry_out(found.request, subject, handle)
        except RequestError:
            # Two simultaneous clicks: the first one decided; repeat its response.
            again = site.waiting.find(handle, site.browser.digest(), subject)
            if again is None or again.answer is None:
                raise
            return again.answer.send()

    def _carry_out(self, asked: AuthorizationRequest, subject: str, handle: str) -> Response:
        site, form = self._site, request.form
        if form["decision"] == "deny":
            return site.deny(asked, subject, handle)
        client = site.server.client_of(asked.client_id, asked.client)
        scope = without_lonely_email(form.getlist("scope"), site.server.context.scopes)
        if consent.is_denial(asked, scope):
            return site.deny(asked, subject, handle)
        lifetimes = lifetimes_of(site.server.context, asked, client)
        key = lifetimes.chosen(form.get("lifetime"))
        access, whole = lifetimes.of(key)
        answer = site.approve(asked, subject, scope=scope, access_lifetime=access, lifetime=whole, handle=handle)
        if site.remembering is not None and "remember" in form and site.remembering.is_possible(asked, client):
            site.remembering.keep(asked, subject, " ".join(scope), key)
        return answer

    # -- errors ---------------------------------------------------------------------------------------------------

    def _silently_denied(self, asked: AuthorizationRequest, subject: str, description: str | None) -> Response:
        error = self._site.server.denial(asked, description)
        return self._refuse(error, subject, asked.client_id)

    def _refuse(self, error: OAuth2Error, subject: str, client_id: str) -> Response:
        """Send the error to a client that this person approved; show any other error here (RFC 9700 §4.11.2)."""
        site = self._site
        if error.redirect_uri is None:
            return site.server.answer_error(error)
        site.note_refusal(subject, client_id, error.redirect_uri, error.error)
        if site.redirects_errors(client_id, error.redirect_uri, error.error, subject):
            return site.server.answer_error(error)
        return site.error_page(error, client_id)

    # -- POST /authorize ------------------------------------------------------------------------------------------

    def restart(self) -> Response:
        """Accept an authorization request as a form."""
        # A POST from another site has no cookies, so the request starts again as a GET.
        query = urlencode(list(request.form.items(multi=True)))
        return redirect(f"{self._site.path('/authorize')}?{query}", code=303)  # type: ignore[return-value]  # Werkzeug's type of Flask's Response


def _error(asked: AuthorizationRequest, error: str, description: str) -> OAuth2Error:
    """Return an error for the redirect URI of a request."""
    found = OAuth2Error(description, error=error, redirect_uri=asked.redirect_uri, state=asked.state)
    found.response_mode = asked.response_mode
    return found
