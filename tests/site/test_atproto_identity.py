"""Who the owner is on the AT Protocol: DID, handle, session, consent, and CORS (AT-72 to AT-99)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd.core.did import check_did, check_handle, did_document, did_web
from flask_cimd.core.policy import Rule
from flask_cimd.errors import ConfigurationError
from tests.support.atproto import HOST, App, development_hosts, publish_app
from tests.support.browser import Browser, Site, redirect_parameters, soup, warnings_on
from tests.support.dpop import ProofKey
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

DID = "did:web:localhost%3A5000"
ORIGIN = {"Origin": "https://app.example"}
PRODUCTION = {
    "DEMO_DEVELOPMENT": "",
    "DEMO_BASE_URL": "https://me.example.com",
    "DEMO_OWNER_PASSWORD": "a password of my own",
    "DEMO_SECRET_KEY": "a key of my own",
}


@pytest.fixture
def session(site: Site) -> tuple[App, dict[str, Any]]:
    """Return a signed-in app with its tokens."""
    app = App(site)
    return app, app.sign_in(site.owner())


# -- documents ---------------------------------------------------------------------------------------------------


@proves("AT-95 … AT-98")
def test_the_chain_from_handle_to_issuer_ends_here(site: Site) -> None:
    browser = site.browser()

    resolved = browser.get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": "owner.test"}).json()
    document = browser.get("/.well-known/did.json")
    resource = browser.get("/.well-known/oauth-protected-resource")
    server = browser.get("/.well-known/oauth-authorization-server")

    assert resolved == {"did": DID}
    assert document.headers["Content-Type"] == "application/json"
    assert document.json() == {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": DID,
        "alsoKnownAs": ["at://owner.test"],
        "service": [
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": site.base_url},
        ],
    }
    assert resource.headers["Content-Type"] == "application/json"
    assert (resource.json()["resource"], resource.json()["authorization_servers"]) == (site.base_url, [site.base_url])
    assert resource.json()["dpop_signing_alg_values_supported"] == ["ES256"]
    assert server.json()["issuer"] == site.base_url


@proves("AT-52", "AT-94", "O-46", "O-93", "O-101")
def test_the_metadata_holds_what_clients_look_for(site: Site) -> None:
    members = site.browser().get("/.well-known/oauth-authorization-server").json()

    assert members["pushed_authorization_request_endpoint"] == f"{site.base_url}/par"
    assert members["require_pushed_authorization_requests"] is True
    assert members["dpop_signing_alg_values_supported"] == ["ES256"]
    assert {"none", "private_key_jwt"} <= set(members["token_endpoint_auth_methods_supported"])
    assert "ES256" in members["token_endpoint_auth_signing_alg_values_supported"]
    assert "none" not in members["token_endpoint_auth_signing_alg_values_supported"]
    assert "atproto" in members["scopes_supported"]
    assert {"query", "fragment", "form_post"} <= set(members["response_modes_supported"])
    assert {"authorization_code", "refresh_token"} <= set(members["grant_types_supported"])
    assert members["revocation_endpoint"] == f"{site.base_url}/revoke"
    assert not {"require_request_uri_registration", "protected_resources"} & members.keys()


@proves("AT-94")
def test_a_public_site_publishes_every_member_of_the_profile(make_site: Callable[..., Site]) -> None:
    issuer = "https://me.example.com"
    answer = make_site(**PRODUCTION).browser().get("/.well-known/oauth-authorization-server")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    members = answer.json()
    expected = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "revocation_endpoint": f"{issuer}/revoke",
        "require_pushed_authorization_requests": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
    }
    assert {name: members.get(name) for name in expected} == expected
    assert "ES256" in members["token_endpoint_auth_signing_alg_values_supported"]
    assert "atproto" in members["scopes_supported"]
    # Clients refuse the document for an unregistered value of the first, and for false in the second.
    assert {"prompt_values_supported", "require_request_uri_registration"} & members.keys() == set()


@proves("AT-97")
def test_the_handle_is_proved_by_the_site_itself(site: Site) -> None:
    answer = site.browser().get("/.well-known/atproto-did")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == DID


@proves("AT-97")
@pytest.mark.parametrize("handle", ["", "other.test", "owner", "OWNER.test.", None])
def test_other_handles_are_unknown(site: Site, handle: str | None) -> None:
    answer = site.browser().get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle})

    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")
    assert answer.json()["message"] == "Unable to resolve handle"


def test_handles_know_no_case(site: Site) -> None:
    answer = site.browser().get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": "Owner.Test"})

    assert answer.json() == {"did": DID}


def test_a_public_site_is_the_owner_by_its_host(make_site: Callable[..., Site]) -> None:
    browser = make_site(**PRODUCTION).browser()

    document = browser.get("/.well-known/did.json").json()

    assert document["id"] == "did:web:me.example.com"
    assert document["alsoKnownAs"] == ["at://me.example.com"]
    assert document["service"][0]["serviceEndpoint"] == "https://me.example.com"


@proves("AT-84")
def test_a_did_of_the_directory_has_its_document_there(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_DID="did:plc:ewvi7nxzyoun6zhxrhs64oiz", DEMO_HANDLE="me.example.com")
    browser = site.browser()

    assert browser.get("/.well-known/did.json").status_code == 404
    assert browser.get("/.well-known/atproto-did").text == "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
    assert App(site).sign_in(site.owner())["sub"] == "did:plc:ewvi7nxzyoun6zhxrhs64oiz"


@pytest.mark.parametrize(
    "environment",
    [{"DEMO_DID": "did:key:z6Mk"}, {"DEMO_DID": "did:web:me.example:path"}, {"DEMO_HANDLE": "localhost"}],
)
def test_the_site_does_not_start_as_nobody(make_site: Callable[..., Site], environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        make_site(**environment)


@pytest.mark.parametrize("text", ["", "me", "-me.example", "me..example", "me.1", "mé.example", "a." * 130 + "b"])
def test_refuses_what_is_no_handle(text: str) -> None:
    with pytest.raises(ValueError, match="handle"):
        check_handle(text)


@pytest.mark.parametrize(
    "text", ["did:web:127.0.0.1%3A1x", "did:plc:short", "did:web:me.example:user", "did:web:a%3A80"]
)
def test_refuses_what_is_no_did(text: str) -> None:
    with pytest.raises(ValueError, match="DID"):
        check_did(text)


def test_a_port_is_for_this_computer_alone() -> None:
    assert did_web("http://127.0.0.1:5000") == "did:web:localhost%3A5000"
    assert did_web("https://localhost:5000") == "did:web:localhost%3A5000"
    assert did_web("https://me.example") == "did:web:me.example"
    # AT Protocol, DID: no port but on localhost. Naming that here would be a name for everybody's own computer.
    assert did_web("https://me.example:8443") == "did:web:me.example"
    assert did_document("did:web:me.example", handle="me.example", endpoint="https://me.example")["id"]


# -- sessions ----------------------------------------------------------------------------------------------------


@proves("AT-84", "AT-99")
def test_an_app_learns_whose_session_it_holds(session: tuple[App, dict[str, Any]]) -> None:
    app, tokens = session

    answer = app.call(tokens["access_token"], "/xrpc/com.atproto.server.getSession")

    assert tokens["sub"] == DID
    assert answer.json() == {"handle": "owner.test", "did": DID, "active": True}
    assert answer.headers["DPoP-Nonce"]


@proves("AT-84")
def test_a_refresh_says_again_who_it_is(session: tuple[App, dict[str, Any]]) -> None:
    app, tokens = session

    renewed = app.refresh(tokens["refresh_token"]).json()

    assert (renewed["sub"], renewed["scope"], renewed["token_type"]) == (DID, "atproto", "DPoP")


def dpop_challenge(answer: Any) -> str:
    """Return the only challenge, which must be one for DPoP (D26)."""
    assert answer.status_code == 401
    assert "Bearer" not in answer.headers["WWW-Authenticate"]
    assert {"error", "message"} <= set(answer.json())
    found: str = answer.headers["WWW-Authenticate"]
    return found


@proves("AT-99")
def test_without_a_token_only_dpop_is_offered(site: Site) -> None:
    header = dpop_challenge(site.browser().get("/xrpc/com.atproto.server.getSession"))

    assert header.startswith("DPoP ")
    assert 'algs="ES256"' in header
    assert "error=" not in header


@proves("AT-99")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic"])
def test_no_other_scheme_counts(session: tuple[App, dict[str, Any]], scheme: str) -> None:
    app, tokens = session
    headers = {"Authorization": f"{scheme} {tokens['access_token']}"}

    dpop_challenge(app.site.browser().get("/xrpc/com.atproto.server.getSession", headers=headers))


@proves("AT-59", "AT-99")
@pytest.mark.parametrize(
    ("changes", "error"),
    [({"nonce": None}, "use_dpop_nonce"), ({"nonce": "old"}, "use_dpop_nonce"), ({"ath": "x"}, "invalid_dpop_proof")],
)
def test_a_faulty_proof_is_challenged(session: tuple[App, dict[str, Any]], changes: dict[str, Any], error: str) -> None:
    app, tokens = session

    answer = app.send("GET", "/xrpc/com.atproto.server.getSession", token=tokens["access_token"], **changes)

    assert f'error="{error}"' in dpop_challenge(answer)
    assert answer.headers["DPoP-Nonce"]


@proves("AT-99")
def test_another_key_is_refused(session: tuple[App, dict[str, Any]]) -> None:
    app, tokens = session
    app.key = ProofKey()

    answer = app.call(tokens["access_token"], "/xrpc/com.atproto.server.getSession")

    assert 'error="invalid_token"' in dpop_challenge(answer)


@proves("AT-99")
def test_a_token_without_atproto_does_not_suffice(site: Site, origin: TLSOrigin) -> None:
    app = App(site)
    tokens = app.sign_in(site.owner(), scope="profile")

    answer = app.call(tokens["access_token"], "/xrpc/com.atproto.server.getSession")

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/xrpc/com.atproto.repo.getRecord", 501, "MethodNotImplemented"),
        ("POST", "/xrpc/com.atproto.repo.createRecord", 501, "MethodNotImplemented"),
        ("GET", "/xrpc/app.bsky.actor.getProfile", 501, "MethodNotImplemented"),
        ("POST", "/xrpc/com.atproto.server.getSession", 405, "InvalidRequest"),
        ("PUT", "/xrpc/com.atproto.repo.getRecord", 405, "InvalidRequest"),
        ("GET", "/xrpc/", 400, "InvalidRequest"),
        ("GET", "/xrpc/nonsense", 400, "InvalidRequest"),
        ("GET", "/xrpc/com.example-.foo", 400, "InvalidRequest"),
        ("GET", "/xrpc/com.-example.foo", 400, "InvalidRequest"),
        ("GET", "/xrpc/com-.example.foo", 400, "InvalidRequest"),
        ("GET", "/xrpc/c-m.ex-ample.foo", 501, "MethodNotImplemented"),
        ("GET", "/xrpc/com.atproto.repo.getRecord/x", 400, "InvalidRequest"),
    ],
)
def test_other_methods_are_errors_of_the_protocol(site: Site, method: str, path: str, status: int, error: str) -> None:
    answer = site.browser().request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]


# -- scripts of other origins ------------------------------------------------------------------------------------


def exposed(answer: Any) -> set[str]:
    """Return the headers that a script may read."""
    return {name.strip() for name in answer.headers.get("Access-Control-Expose-Headers", "").split(",")}


@pytest.mark.parametrize("path", ["/par", "/token", "/revoke"])
def test_the_endpoints_may_be_called_from_anywhere(site: Site, path: str) -> None:
    browser = site.browser()
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,dpop"}

    preflight = browser.request("OPTIONS", path, headers=asked)
    failing = browser.post(path, {"client_id": "x"}, headers={**ORIGIN, "DPoP": "x"})

    assert preflight.ok
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,dpop"
    assert failing.status_code == 400
    assert failing.headers["Access-Control-Allow-Origin"] == "*"
    assert "DPoP-Nonce" in exposed(failing)


@pytest.mark.parametrize("path", ["com.atproto.server.getSession", "com.atproto.repo.getRecord"])
def test_methods_may_be_called_from_anywhere(site: Site, path: str) -> None:
    browser = site.browser()

    preflight = browser.request("OPTIONS", f"/xrpc/{path}", headers=ORIGIN)
    failing = browser.get(f"/xrpc/{path}", headers=ORIGIN)

    assert preflight.ok
    allowed = set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    assert allowed >= {"Authorization", "DPoP", "Content-Type", "Atproto-Proxy", "Atproto-Accept-Labelers"}
    assert failing.headers["Access-Control-Allow-Origin"] == "*"
    assert {"DPoP-Nonce", "WWW-Authenticate"} <= exposed(failing)


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/did.json",
        "/.well-known/atproto-did",
        "/xrpc/com.atproto.identity.resolveHandle?handle=owner.test",
    ],
)
def test_public_documents_may_be_read_from_anywhere(site: Site, path: str) -> None:
    answer = site.browser().get(path, headers=ORIGIN)

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize("path", ["/", "/login", "/authorize?client_id=x", "/apps", "/nothing"])
def test_pages_for_people_may_not(site: Site, path: str) -> None:
    answer = site.owner().get(path, headers=ORIGIN)

    assert "Access-Control-Allow-Origin" not in answer.headers


# -- consent -----------------------------------------------------------------------------------------------------


@pytest.fixture
def app_and_owner(make_site: Callable[..., Site], ca: Any) -> Any:
    """Run an app with a document that claims to be somebody else."""
    with TLSOrigin(ca, HOST) as origin:
        site = make_site(**development_hosts(origin))
        client_id = publish_app(
            origin, client_name="Bluesky", tos_uri="https://terms.example.com/", logo_uri=f"https://{HOST}/logo.png"
        )
        yield App(site, client_id, f"https://{HOST}/callback"), site.owner()


@proves("AT-72", "AT-73", "AT-74")
def test_shows_the_host_and_never_a_claimed_name(app_and_owner: tuple[App, Browser]) -> None:
    app, owner = app_and_owner

    page = app.open(owner)
    links = {link["href"] for link in soup(page).select("a[target=_blank]")}

    assert soup(page).select("h1")[0].text == HOST
    assert app.client_id in page.text
    assert "Bluesky" not in page.text
    assert not soup(page).select("img")
    assert "https://terms.example.com/" in links
    assert f"https://{HOST}" not in links


@proves("AT-73")
def test_shows_the_name_of_an_app_that_the_operator_trusts(app_and_owner: tuple[App, Browser]) -> None:
    app, owner = app_and_owner
    with app.site.app.app_context():
        app.site.app.extensions["cimd"].admission.set_rule(Rule.parse(HOST, "trust"))

    assert "Bluesky" in app.open(owner).text


@proves("AT-75")
def test_says_that_identity_alone_gives_no_access(app_and_owner: tuple[App, Browser]) -> None:
    app, owner = app_and_owner

    alone, more = app.open(owner), app.open(owner, scope="atproto profile")

    assert "gets no access" in alone.text
    chosen = soup(alone).select_one("select[name=lifetime] option[selected]")
    assert (chosen["value"], chosen.text) == ("fortnight", "2 weeks")
    assert "gets no access" not in more.text
    assert "owner.test" in alone.text
    assert DID in alone.text
    assert [box["value"] for box in soup(more).select("input[name=scope]")] == ["atproto", "profile"]


@proves("AT-06", "AT-86")
def test_an_app_that_cannot_refresh_gets_short_access_all_the_same(ca: Any, make_site: Callable[..., Site]) -> None:
    with TLSOrigin(ca, HOST) as origin:
        site = make_site(**development_hosts(origin))
        client_id = publish_app(origin, grant_types=["authorization_code"])
        app, owner = App(site, client_id, f"https://{HOST}/callback"), site.owner()
        sign_in = app.begin()
        page = app.open(owner, sign_in)
        tokens = app.redeem(sign_in, owner.approve(page)["code"]).json()

    assert not soup(page).select("select[name=lifetime]")
    assert "refresh_token" not in tokens
    assert tokens["expires_in"] <= 900


@proves("AT-73", "AT-82")
def test_the_list_of_apps_shows_no_claimed_name_either(app_and_owner: tuple[App, Browser]) -> None:
    app, owner = app_and_owner
    tokens = app.sign_in(owner)

    page = owner.get("/apps")
    ended = owner.press(page, "Revoke access")

    assert app.client_id in page.text
    assert "Bluesky" not in page.text
    assert ended.status_code == 303
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@proves("AT-32")
def test_a_loopback_app_is_shown_as_one(site: Site) -> None:
    assert warnings_on(App(site).open(site.owner())) == ["loopback-client"]


@proves("AT-42")
@pytest.mark.parametrize("hint", ["owner.test", "OWNER.test", "@owner.test", DID, "http://127.0.0.1:5000"])
def test_takes_a_hint_at_the_owner(site: Site, hint: str) -> None:
    assert App(site).open(site.owner(), login_hint=hint).status_code == 200


@proves("AT-43")
@pytest.mark.parametrize("hint", ["bob.test", "did:web:bob.test", "x"])
def test_a_hint_at_somebody_else_is_denied(site: Site, hint: str) -> None:
    app, owner = App(site), site.owner()

    stranger = app.open(owner, login_hint=hint)
    owner.approve(app.open(owner))
    known = app.open(owner, login_hint=hint)

    assert (stranger.status_code, "access_denied" in stranger.text) == (400, True)  # RFC 9700 §4.11.2
    assert redirect_parameters(known)["error"] == "access_denied"
