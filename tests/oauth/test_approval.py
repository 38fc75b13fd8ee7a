"""A decision by itself: what the grant takes from the request, what the client is told, and what is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.oauth2 import OAuth2Error

from flask_cimd.core import digest_of
from flask_cimd.errors import CIMDError, RequestError
from flask_cimd.oauth import AuthorizationRequest, Grant, ServerContext
from flask_cimd.oauth.server.approval import Approval, approve, denial, deny, error_response
from flask_cimd.oauth.server.response_modes import AuthorizationResponse
from flask_cimd.oauth.server.storage import Settlement
from tests.support.browser import publish_client
from tests.support.own_client import REDIRECT, OwnClient
from tests.support.provider_app import NOTES, ProviderSite

MakeSite = Callable[..., ProviderSite]
ASKED = AuthorizationRequest(
    client_id="own",
    client=None,
    fingerprint="",
    redirect_uri=REDIRECT,
    scope="profile email",
    state="of the app",
    code_challenge="c" * 43,
)


@pytest.fixture
def place(make_site: MakeSite) -> ProviderSite:
    """Return a site with a registered client, two resources and no IndieAuth of 2019."""
    return make_site(registered={"own": OwnClient("own")}.get, resources=[NOTES])


def told(answer: Any) -> dict[str, str]:
    place = urlsplit(answer.headers["Location"])
    return dict(parse_qsl(place.query or place.fragment))


def approved(site: ProviderSite, asked: AuthorizationRequest = ASKED, **members: Any) -> tuple[Any, Grant]:
    """Approve a request; return the response and the new grant."""
    with site.app.test_request_context():
        answer = approve(site.server.context, Approval(request=asked, subject="me", **members))
    return answer, list(site.storage._grants.values())[-1].grant


def test_a_grant_holds_what_the_request_is_bound_to(place: ProviderSite) -> None:
    asked = replace(ASKED, auth_method="private_key_jwt", client_key="key", dpop_jkt="j" * 43, fingerprint="f")
    answer, grant = approved(place, asked, auth_time=place.clock())
    assert (grant.client_id, grant.client, grant.subject, grant.scope) == ("own", None, "me", "profile email")
    assert (grant.auth_method, grant.client_key, grant.dpop_jkt) == ("private_key_jwt", "key", "j" * 43)
    assert (grant.fingerprint, grant.redirect_uri, grant.resource) == ("f", REDIRECT, ())
    assert (grant.auth_time, grant.created_at) == (place.clock(), place.clock())
    found = place.storage.find_code(digest_of(told(answer)["code"]))
    assert found is not None
    assert (found[1].redirect_uri, found[1].code_challenge) == (REDIRECT, "c" * 43)
    assert found[1].expires_at == place.clock() + place.server.context.code_lifetime


@pytest.mark.parametrize(
    ("scope", "wanted", "lifetime"),
    [("profile", None, 15), ("profile", 60, 60), ("atproto", None, 15), ("atproto", 60, 15), ("atproto", 5, 5)],
)
def test_access_lasts_as_long_as_the_approval_says_and_the_profile_allows(
    place: ProviderSite, scope: str, wanted: int | None, lifetime: int
) -> None:
    asked, access = replace(ASKED, scope=scope), None if wanted is None else timedelta(minutes=wanted)
    _, grant = approved(place, asked, access_lifetime=access)
    assert grant.access_lifetime == timedelta(minutes=lifetime)


def test_the_snapshot_is_approved_and_not_the_document_of_today(place: ProviderSite, origin: Any) -> None:
    client_id = publish_client(origin)
    with place.app.test_request_context():
        before = place.cimd.resolve(client_id)
    asked = replace(ASKED, client_id=client_id, client=before, fingerprint=before.fingerprint)
    publish_client(origin, redirect_uris=["https://attacker.example/cb"], client_name="Another")
    place.clock.forward(days=2)
    with place.app.test_request_context():
        assert place.cimd.resolve(client_id) != before
    fetched = origin.count("/client.json")
    _, grant = approved(place, asked)
    assert (grant.client, grant.fingerprint) == (before, before.fingerprint)
    assert origin.count("/client.json") == fetched


@pytest.mark.parametrize(
    ("scope", "left", "granted"),
    [
        ("profile email", None, "profile email"),
        ("profile email", ["email"], "email"),
        ("profile email", ["email", "create"], "email"),
        ("atproto profile", [], "atproto"),
        ("atproto profile", ["profile"], "atproto profile"),
        ("profile", [], ""),
    ],
)
def test_consent_narrows_and_never_widens(
    place: ProviderSite, scope: str, left: list[str] | None, granted: str
) -> None:
    _, grant = approved(place, replace(ASKED, scope=scope), scope=left)
    assert grant.scope == granted


@pytest.mark.parametrize(
    ("resource", "scope", "left", "is_denied"),
    [
        ((NOTES.identifier,), "notes:read", [], True),
        ((NOTES.identifier,), "notes:read", None, False),
        ((NOTES.identifier,), "", [], False),  # a resource that defines no scopes
        ((), "profile", [], False),  # a sign-in
    ],
)
def test_nothing_at_a_resource_is_a_no(
    place: ProviderSite, resource: tuple[str, ...], scope: str, left: list[str] | None, is_denied: bool
) -> None:
    asked = replace(ASKED, resource=resource, scope=scope)
    with place.app.test_request_context():
        answer = approve(place.server.context, Approval(request=asked, subject="me", scope=left))
    assert told(answer).get("error") == ("access_denied" if is_denied else None)
    assert len(place.storage._grants) == (0 if is_denied else 1)


# -- what the client is told -------------------------------------------------------------------------------------------


def test_the_answer_names_code_state_and_issuer(place: ProviderSite) -> None:
    answer, _ = approved(place)
    assert list(told(answer)) == ["code", "state", "iss"]
    assert (told(answer)["state"], told(answer)["iss"]) == ("of the app", place.base_url)
    without, _ = approved(place, replace(ASKED, state=None))
    assert list(told(without)) == ["code", "iss"]


@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_a_denial_goes_where_the_code_would_have_gone(place: ProviderSite, mode: str) -> None:
    asked = replace(ASKED, response_mode=mode)
    with place.app.test_request_context():
        answer = deny(place.server.context, asked, "Not today.")
    sent = urlsplit(answer.headers["Location"])
    assert dict(parse_qsl(getattr(sent, mode))) == {
        "error": "access_denied",
        "error_description": "Not today.",
        "state": "of the app",
        "iss": place.base_url,
    }
    assert not (sent.query and sent.fragment)


@pytest.mark.parametrize("mode", [None, "web_message", "fragment"])
def test_an_error_in_a_mode_that_is_unknown_here_goes_into_the_query(place: ProviderSite, mode: str | None) -> None:
    error = denial(ASKED)
    error.response_mode = mode
    assert error_response(place.server.context, error).mode == ("fragment" if mode == "fragment" else "query")
    bare = OAuth2Error(error="consent_required", redirect_uri=REDIRECT)
    assert error_response(place.server.context, bare).mode == "query"


@pytest.mark.parametrize(("version", "is_told"), [("2024", False), ("2022", False), ("2019", True)])
def test_me_is_told_to_clients_of_2019_where_the_settings_say_so(
    make_site: MakeSite, origin: Any, version: str, is_told: bool
) -> None:
    site = make_site(CIMD_INDIEAUTH=version)
    with site.app.test_request_context():
        loopback = site.cimd.resolve("http://localhost:4000/")
        document = site.cimd.resolve(publish_client(origin))
    asked = replace(ASKED, client_id=loopback.client_id, client=loopback, redirect_uri="http://localhost:4000/cb")
    answer, _ = approved(site, asked)
    assert told(answer).get("me") == ("me" if is_told else None)
    answer, _ = approved(site, replace(ASKED, client_id=document.client_id, client=document))
    assert "me" not in told(answer)


@pytest.mark.parametrize(("version", "slug"), [("2019", "client-refused"), ("2024", None)])
def test_policy_is_asked_again_before_me_is_told(make_site: MakeSite, version: str, slug: str | None) -> None:
    # Elsewhere the consent page has asked it, and every later use of the grant asks it again.
    site = make_site(CIMD_INDIEAUTH=version)
    with site.app.test_request_context():
        loopback = site.cimd.resolve("http://localhost:4000/")
        site.cimd.allow_client(lambda client: False)
    asked = replace(ASKED, client_id=loopback.client_id, client=loopback)
    if slug is None:
        assert "code" in told(approved(site, asked)[0])
        return
    with pytest.raises(CIMDError) as caught:
        approved(site, asked)
    assert caught.value.slug == slug
    assert not site.storage._grants


# -- what a decision spends --------------------------------------------------------------------------------------------


@pytest.fixture
def settlement(place: ProviderSite) -> Settlement:
    """Return the settlement of a request that waits for nobody: it cannot be spent."""
    return Settlement(waiting="unknown", answer=None, until=place.clock() + timedelta(minutes=1))


@pytest.mark.parametrize("says_yes", [True, False])
def test_a_second_decision_about_a_waiting_request_tells_nobody_anything(
    place: ProviderSite, settlement: Settlement, says_yes: bool
) -> None:
    seen: list[AuthorizationResponse] = []

    def settle(response: AuthorizationResponse) -> Settlement:
        seen.append(response)
        return settlement

    def decide(context: ServerContext) -> Any:
        if says_yes:
            return approve(context, Approval(request=ASKED, subject="me"), settle)
        return deny(context, ASKED, settle=settle)

    with place.app.test_request_context(), pytest.raises(RequestError) as caught:
        decide(place.server.context)
    assert caught.value.slug == "request-decided"
    assert len(seen) == 1
    assert not place.storage._grants


@pytest.mark.parametrize("says_yes", [True, False])
def test_a_pushed_request_is_decided_once(place: ProviderSite, says_yes: bool) -> None:
    asked, now = replace(ASKED, pushed=digest_of("handle")), place.clock()
    place.storage.keep_pushed(digest_of("handle"), asked, now + timedelta(minutes=5), now)

    def decide() -> Any:
        with place.app.test_request_context():
            if says_yes:
                return approve(place.server.context, Approval(request=asked, subject="me"))
            return deny(place.server.context, asked)

    assert ("code" in told(decide())) is says_yes
    with pytest.raises(RequestError) as caught:
        decide()
    assert caught.value.slug == "unknown-request-uri"
    assert len(place.storage._grants) == says_yes
