"""`RequestReader` by itself: which check refuses, where its error goes, and what the snapshot holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from authlib.oauth2 import OAuth2Error

from flask_cimd.errors import CIMDError, OutdatedRequestError
from flask_cimd.oauth import AuthorizationRequest, Resource
from flask_cimd.oauth.server.authorization_request import RequestReader
from tests.support.atproto import App
from tests.support.browser import SignIn, publish_client
from tests.support.own_client import REDIRECT, OwnClient
from tests.support.provider_app import NOTES, ProviderSite

MakeSite = Callable[..., ProviderSite]
#: A resource that defines no scopes, as most MCP servers.
BARE = Resource(identifier="https://bare.example/mcp", name="Bare", scopes=(), default_scope=())
LOOPBACK, BACK = "http://localhost:4000/", "http://localhost:4000/cb"


class Narrow(OwnClient):
    """A registered client that lists another grant and another response type than a code."""

    def check_grant_type(self, grant_type: str) -> bool:
        return self.client_id != "no-code-grant"

    def check_response_type(self, response_type: str) -> bool:
        return self.client_id != "no-code-type"


CLIENTS = {name: Narrow(name) for name in ("own", "no-code-grant", "no-code-type")}


@pytest.fixture
def place(make_site: MakeSite) -> ProviderSite:
    return make_site(registered=CLIENTS.get, resources=[NOTES, BARE])


def read(site: ProviderSite, client_id: str = "own", redirect_uri: str = REDIRECT, **changes: Any) -> Any:
    """Read a request; keywords replace its parameters."""
    query = SignIn.begin(client_id, redirect_uri, **{"scope": "profile", "state": "s", **changes}).parameters
    with site.app.test_request_context("/authorize", query_string=query):
        return RequestReader(site.server.context).read()


def refused(site: ProviderSite, client_id: str = "own", redirect_uri: str = REDIRECT, **changes: Any) -> OAuth2Error:
    with pytest.raises(OAuth2Error) as caught:
        read(site, client_id, redirect_uri, **changes)
    assert caught.value.redirect_uri == redirect_uri
    return caught.value


def slug_of(run: Callable[[], Any]) -> str:
    with pytest.raises(CIMDError) as caught:
        run()
    return caught.value.slug


# -- shown here --------------------------------------------------------------------------------------------------------


def test_atproto_is_read_from_a_pushed_request_alone(place: ProviderSite) -> None:
    found = refused(place, scope="atproto", dpop_jkt="j" * 43)
    assert (found.error, found.description) == (
        "invalid_request",
        "Requests with the scope atproto are pushed first (RFC 9126).",
    )
    assert read(place, scope="atproto profile").scope == "profile"  # asks for whatever the server lists
    app = App(place)
    address = {**app.address(app.push().json()["request_uri"]), "scope": "atproto"}  # ignored beside a request_uri
    with place.app.test_request_context("/authorize", query_string=address):
        RequestReader(place.server.context).check()
        assert RequestReader(place.server.context).read().scope == "atproto"


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"client_id": "nobody"}, "unknown-client"),
        ({"redirect_uri": "https://evil.example/cb"}, "redirect-not-listed"),
        ({"redirect_uri": None}, "missing-redirect-uri"),
        ({"client_id": None}, "missing-client-id"),
    ],
)
@pytest.mark.parametrize("is_pushed", [False, True])
def test_parameters_that_establish_nobody_are_refused_for_plain_and_pushed_requests(
    place: ProviderSite, changes: dict[str, Any], slug: str, is_pushed: bool
) -> None:
    given = {**SignIn.begin("own", REDIRECT, scope="profile").parameters, **changes}
    query = {name: value for name, value in given.items() if value is not None}
    with place.app.test_request_context("/authorize", query_string=query):
        reader = RequestReader(place.server.context)
        assert slug_of(lambda: reader.read_parameters(is_pushed=is_pushed)) == slug


@pytest.mark.parametrize(
    "changes",
    [{"response_type": "id"}, {"response_type": None}, {"code_challenge": None, "code_challenge_method": None}],
)
def test_an_outdated_request_of_a_loopback_client_is_shown_here(place: ProviderSite, changes: dict[str, Any]) -> None:
    with pytest.raises(OutdatedRequestError):
        read(place, LOOPBACK, BACK, **changes)


# -- sent to the client ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"prompt": "none"}, "consent_required", "The person is asked every time."),
        ({"prompt": "login none"}, "consent_required", "The person is asked every time."),
        ({"response_mode": "web_message"}, "invalid_request", "The response_mode must be one of"),
        ({"code_challenge": None}, "invalid_request", "The parameter code_challenge is required."),
        ({"resource": "https://unknown.example/"}, "invalid_target", "This server issues no tokens"),
        ({"login_hint": "x" * 2049}, "invalid_request", "The parameter login_hint is longer"),
        ({"dpop_jkt": "short"}, "invalid_request", "The parameter dpop_jkt must be"),
        ({"max_age": "-1"}, "invalid_request", "The parameter max_age must be"),
        ({"request": "eyJ"}, "request_not_supported", "Send the parameters themselves."),
        ({"request_uri": "https://elsewhere.example/r"}, "request_not_supported", "Send the parameters themselves."),
        ({"response_type": "token"}, "unsupported_response_type", "code is the only response type."),
        ({"scope": ["profile", "email"]}, "invalid_request", "The parameter scope may be sent only once."),
        ({"resource": NOTES.identifier, "scope": "x"}, None, None),
    ],
)
def test_each_fault_has_its_own_error(
    place: ProviderSite, changes: dict[str, Any], error: str | None, description: str | None
) -> None:
    if error is None:
        assert read(place, **changes).scope == "notes:read"  # the default of the resource
        return
    found = refused(place, **changes)
    assert (found.error, found.state) == (error, "s")
    assert str(found.description).startswith(str(description))


def test_a_client_that_lists_no_code_is_unauthorized(place: ProviderSite) -> None:
    for client_id, named in (("no-code-grant", "grant type"), ("no-code-type", "response type")):
        found = refused(place, client_id)
        assert found.error == "unauthorized_client"
        assert named in found.description


def test_an_error_keeps_a_state_and_a_mode_that_are_sent_once(place: ProviderSite) -> None:
    found = refused(place, prompt="none", response_mode="fragment")
    assert (found.state, found.response_mode) == ("s", "fragment")
    found = refused(place, state="x" * 4097)
    assert (found.description, found.state) == ("The parameter state is longer than 4096 characters.", None)
    assert read(place, state="x" * 4096).state == "x" * 4096
    for name in ("state", "response_mode"):
        found = refused(place, **{name: ["query", "fragment"]})
        assert found.error == "invalid_request"
        assert getattr(found, name) is None


def test_a_resource_that_defines_scopes_wants_one_of_them(make_site: MakeSite) -> None:
    closed = Resource(identifier="https://closed.example/", name="Closed", scopes=("read",), default_scope=())
    place = make_site(registered=CLIENTS.get, resources=[BARE, closed])
    found = refused(place, resource=closed.identifier, scope="other")
    assert (found.error, found.description) == (
        "invalid_scope",
        "None of these scopes may be requested here.",
    )
    assert read(place, resource=closed.identifier, scope="read").scope == "read"
    asked = read(place, resource=BARE.identifier, scope="other")
    assert (asked.scope, asked.resource) == ("", (BARE.identifier,))
    assert refused(place, scope="other").description == "None of these scopes may be requested here."
    assert read(place, scope=None).scope == ""  # a sign-in


def test_without_indieauth_a_request_names_a_scope_of_this_server(make_site: MakeSite) -> None:
    place = make_site(registered=CLIENTS.get)
    reader = RequestReader(replace(place.server.context, indieauth=False))
    for scope, is_granted in (("", False), ("other profile", True)):
        query = SignIn.begin("own", REDIRECT, scope=scope).parameters
        with place.app.test_request_context("/authorize", query_string=query):
            if is_granted:
                assert reader.read().scope == "profile"
            else:
                with pytest.raises(OAuth2Error, match="names no scope of this server") as caught:
                    reader.read()
                assert caught.value.error == "invalid_scope"


# -- the snapshot ------------------------------------------------------------------------------------------------------


def test_the_snapshot_holds_what_the_client_sent(place: ProviderSite) -> None:
    asked: AuthorizationRequest = read(
        place, response_mode="fragment", login_hint="me", max_age="60", dpop_jkt="j" * 43, resource=place.base_url
    )
    assert (asked.client_id, asked.client, asked.fingerprint) == ("own", None, "")
    assert (asked.redirect_uri, asked.scope, asked.state) == (REDIRECT, "profile", "s")
    assert (asked.response_mode, asked.login_hint, asked.max_age) == ("fragment", "me", 60)
    assert (asked.dpop_jkt, asked.resource, asked.pushed) == ("j" * 43, (place.base_url,), None)
    assert read(place, state="").state is None
    assert read(place, max_age="60", prompt="consent login").max_age == 0


def test_a_documents_scopes_bound_the_request(place: ProviderSite, origin: Any) -> None:
    client_id = publish_client(origin, redirect_uris=[REDIRECT], scope="profile create")
    asked = read(place, client_id, scope="profile email")
    assert (asked.scope, asked.client is not None, asked.fingerprint != "") == ("profile", True, True)


def test_a_client_that_wants_its_requests_pushed_is_held_to_it(place: ProviderSite, origin: Any) -> None:
    client_id = publish_client(origin, redirect_uris=[REDIRECT], require_pushed_authorization_requests=True)
    found = refused(place, client_id)
    assert (found.error, found.description) == (
        "invalid_request",
        "The client wants its own requests to be pushed (RFC 9126).",
    )
    query = SignIn.begin(client_id, REDIRECT).parameters
    with place.app.test_request_context("/par", method="POST", data=query):
        assert RequestReader(place.server.context).read_parameters(is_pushed=True).client_id == client_id


def test_a_sign_in_of_2019_asks_for_neither_scope_nor_resource(make_site: MakeSite) -> None:
    place = make_site(CIMD_INDIEAUTH="2019")
    for response_type in ("id", None):
        asked = read(
            place, LOOPBACK, BACK, response_type=response_type, resource="https://unknown.example/", scope="profile"
        )
        assert (asked.scope, asked.resource) == ("", ())
    assert read(place, LOOPBACK, BACK).scope == "profile"


def test_a_challenge_is_waived_where_the_settings_say_so(make_site: MakeSite) -> None:
    without = {"code_challenge": None, "code_challenge_method": None}
    place = make_site(CIMD_INDIEAUTH="2022", registered=CLIENTS.get)
    assert read(place, LOOPBACK, BACK, **without).code_challenge == ""
    assert refused(place, **without).description == "The parameter code_challenge is required."
