"""Access to every route of the site: an explicit table of who may call what, and the guard of each owner-only route."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme

from flask_cimd_site.models import db
from tests.support.browser import Browser, Site, publish_client, soup
from tests.support.demo import demo_in_process
from tests.support.origin import TLSOrigin
from tests.support.proves import proves

Route = tuple[str, str]

#: Pages and documents for everybody.
PUBLIC: set[Route] = {
    ("GET", "/"),
    ("GET", "/.well-known/atproto-did"),
    ("GET", "/.well-known/did.json"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/oauth-protected-resource"),
    ("GET", "/.well-known/oauth-protected-resource/<path:path>"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/cimd/logo/<key>.png"),
    ("GET", "/check"),  # by a switch
    ("GET", "/check/<name>"),  # the name decides
    ("GET", "/feed.atom"),
    ("GET", "/activity/feed/<secret>.atom"),  # the secret decides
    ("GET", "/apple-touch-icon.png"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/login"),
    ("GET", "/first-run"),  # redirects to the login when the site has an owner
    ("GET", "/login/link"),
    ("GET", "/login/recovery"),
    ("POST", "/first-run"),
    ("POST", "/login/link"),
    ("POST", "/login/passkey"),
    ("POST", "/login/recovery"),
    ("GET", "/media/<name>"),
    ("GET", "/notes/<slug>"),
    ("GET", "/static/<path:filename>"),
    ("GET", "/xrpc/com.atproto.identity.resolveHandle"),
    ("POST", "/check"),
    ("POST", "/authorize/probe"),  # the signature of the operator's question decides
    ("POST", "/login"),
    ("POST", "/logout"),
}
#: Endpoints that programs call: a token or a client decides there, a cookie never does. Each with its answer to a
#: request that proves nothing.
MACHINE: dict[Route, int] = {
    ("GET", "/api/profile"): 401,
    ("GET", "/micropub"): 401,
    ("GET", "/token"): 405,
    ("GET", "/userinfo"): 401,
    ("GET", "/xrpc/"): 400,
    ("GET", "/xrpc/<path:method>"): 501,
    ("GET", "/xrpc/com.atproto.server.getSession"): 401,
    ("POST", "/introspect"): 401,
    ("POST", "/media"): 401,
    ("POST", "/micropub"): 401,
    ("POST", "/par"): 400,
    ("POST", "/register"): 400,
    ("POST", "/revoke"): 400,
    ("POST", "/token"): 400,
    ("POST", "/userinfo"): 401,
    ("POST", "/xrpc/"): 400,
    ("POST", "/xrpc/<path:method>"): 501,
}
#: Begins a sign-in: a GET is checked before the login, a POST becomes a GET or redeems a code.
SIGN_IN: set[Route] = {("GET", "/authorize"), ("GET", "/authorize/<handle>"), ("POST", "/authorize")}
#: Decides on a sign-in, or ends one: owner only, with a secret of the page in the form (tested in test_consent.py and
#: test_apps.py).
DECISION: set[Route] = {("POST", "/apps/revoke"), ("POST", "/consent")}
#: The owner's own pages and buttons: everybody else is redirected to the login.
OWNER_ONLY: set[Route] = {
    ("GET", "/account/check"),
    ("GET", "/account"),
    ("GET", "/account/passkeys/new"),
    ("GET", "/account/password"),
    ("GET", "/account/zone"),
    ("GET", "/apps/registered"),
    ("GET", "/first-run/next"),
    ("POST", "/account/check/passkey"),
    ("POST", "/account/codes"),
    ("POST", "/account/end-everything"),
    ("POST", "/account/passkeys/<int:passkey_id>/remove"),
    ("POST", "/account/passkeys/<int:passkey_id>/rename"),
    ("POST", "/account/passkeys/new"),
    ("POST", "/account/password"),
    ("POST", "/account/zone"),
    ("POST", "/apps/registered/remove"),
    ("POST", "/account/sessions/<int:session_id>/end"),
    ("POST", "/account/sessions/end-others"),
    ("GET", "/activity"),
    ("GET", "/activity/export.<format>"),
    ("GET", "/apps"),
    ("GET", "/clients"),
    ("GET", "/explain"),
    ("GET", "/notes"),
    ("GET", "/notes/<slug>/edit"),
    ("GET", "/profile"),
    ("GET", "/setup"),
    ("GET", "/tokens"),
    ("GET", "/write"),
    ("POST", "/account/check"),
    ("POST", "/activity/feed"),
    ("POST", "/activity/read"),
    ("POST", "/clients/block"),
    ("POST", "/clients/rules"),
    ("POST", "/clients/rules/remove"),
    ("POST", "/clients/tiers/<tier>"),
    ("POST", "/explain"),
    ("POST", "/notes/<slug>/delete"),
    ("POST", "/notes/<slug>/edit"),
    ("POST", "/notes/<slug>/publish"),
    ("POST", "/notes/<slug>/undelete"),
    ("POST", "/profile"),
    ("POST", "/setup"),
    ("POST", "/tokens"),
    ("POST", "/tokens/end"),
    ("POST", "/write"),
}
CLASSES = (PUBLIC, MACHINE, SIGN_IN, DECISION, OWNER_ONLY)
#: Values for the variable parts of paths, and complete forms: without the guard each view acts on them.
VARIABLES = {
    "<slug>": "a-note",
    "<tier>": "unknown",
    "<int:passkey_id>": "1",
    "<int:session_id>": "1",
    "<path:method>": "com.example.method",
    "<format>": "csv",
    "<secret>": "a-guess",
}
FORM = {
    "subject": "app.example",
    "decision": "deny",
    "scope": "profile",
    "resource": "http://127.0.0.1:5000",
    "client_id": "https://app.example/client.json",
    "name": "Mallory",
    "url": "https://app.example/",
}


def path_of(route: Route) -> str:
    path = route[1]
    for variable, value in VARIABLES.items():
        path = path.replace(variable, value)
    return path


def each(routes: set[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", sorted(routes), ids=" ".join)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Site]:
    """Run one site for this file, with every route that can be switched on."""
    url = f"sqlite:///{tmp_path_factory.mktemp('access')}/demo.db"
    with demo_in_process(url, ca_bundle, DEMO_DYNAMIC_REGISTRATION="1") as site:
        yield site


def csrf_token(page: requests.Response) -> str:
    field = soup(page).select_one("main input[name=csrf_token]")
    assert field is not None
    return str(field["value"])


def stranger(site: Site) -> tuple[Browser, dict[str, str]]:
    """Return a browser that is not logged in, and the form of a stranger whose CSRF token is valid."""
    browser = site.browser()
    return browser, {**FORM, "csrf_token": csrf_token(browser.get("/login"))}


def test_every_route_is_in_exactly_one_class(shared: Site) -> None:
    rules = list(shared.app.url_map.iter_rules())
    routes = {(method, rule.rule) for rule in rules for method in rule.methods or ()}
    assert {route for route in routes if route[0] not in ("HEAD", "OPTIONS")} == set().union(*CLASSES)
    assert sum(map(len, CLASSES)) == len(set().union(*CLASSES))


@pytest.mark.parametrize("form", [{}, {"probe": "unsigned"}])
def test_a_question_of_an_operator_that_nobody_signed_is_not_found(shared: Site, form: dict[str, str]) -> None:
    for browser in (shared.browser(), shared.owner()):
        assert browser.post("/authorize/probe", form).status_code == 404


@each(OWNER_ONLY)
def test_an_owner_only_route_sends_everybody_else_to_the_login(shared: Site, route: Route) -> None:
    browser, form = stranger(shared)
    path = path_of(route)
    answer = browser.get(path) if route[0] == "GET" else browser.post(path, form)
    back = path if route[0] == "GET" else "/"
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={back}")


FORMS: set[Route] = {route for route in OWNER_ONLY if route[0] == "POST"} | {("POST", "/login"), ("POST", "/logout")}


@proves("O-18")
@each(FORMS)
def test_a_form_needs_a_csrf_token(shared: Site, route: Route) -> None:
    # Each of them answers 200 or 303 with one; the consent form is tested in test_consent.py
    answer = shared.owner().post(path_of(route), {**FORM, "password": shared.password})
    assert answer.status_code == 400
    assert "<h1>" in answer.text


@proves("O-18")
@each(FORMS)
def test_a_csrf_token_of_another_session_is_refused(shared: Site, route: Route) -> None:
    _, form = stranger(shared)
    assert shared.owner().post(path_of(route), {**form, "password": shared.password}).status_code == 400


@each({route for route in MACHINE if route[0] == "POST"})
def test_a_program_needs_no_csrf_token_and_no_cookie_counts(shared: Site, route: Route) -> None:
    answers = [browser.post(path_of(route), {}) for browser in (shared.browser(), shared.owner())]
    assert [answer.headers["Content-Type"] for answer in answers] == ["application/json"] * 2
    assert [answer.status_code for answer in answers] == [MACHINE[route]] * 2
    assert answers[0].json() == answers[1].json()
    assert "Set-Cookie" not in answers[0].headers


@each({route for route in MACHINE if route[0] == "GET"})
def test_the_owners_cookie_opens_no_endpoint_for_programs(shared: Site, route: Route) -> None:
    answers = [browser.get(path_of(route)) for browser in (shared.browser(), shared.owner())]
    assert [answer.status_code for answer in answers] == [MACHINE[route]] * 2
    assert answers[0].text == answers[1].text


# -- what stays as it was when a stranger with a valid CSRF token has tried -------------------------------------------


def test_a_stranger_changes_no_rule_and_no_limit(shared: Site) -> None:
    browser, form = stranger(shared)
    for path in ("/clients/rules", "/clients/tiers/unknown"):
        browser.post(path, form)
    page = soup(shared.owner().get("/clients"))
    assert page.select("[data-rule]") == []
    assert page.select("input[type=checkbox]:not([checked])") == []


def test_a_stranger_ends_no_grant(shared: Site, origin: TLSOrigin) -> None:
    owner, client_id = shared.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    action = soup(owner.get("/apps")).select_one(".app form")
    assert action is not None
    browser, form = stranger(shared)
    browser.post(str(action["action"]), form)
    assert owner.refresh(client_id, tokens["refresh_token"]).status_code == 200


@proves("L-42")
@pytest.mark.parametrize(("path", "field"), [("/explain", "client_id"), ("/setup", "url")])
def test_a_stranger_cannot_make_the_site_fetch(shared: Site, origin: TLSOrigin, path: str, field: str) -> None:
    browser, form = stranger(shared)
    browser.get(path, params={field: origin.url()})
    browser.post(path, {**form, field: origin.url()})
    assert origin.connections == 0
    shared.owner().post(path, {field: origin.url()})  # refused as well: without a CSRF token
    assert origin.connections == 0
    owner = shared.owner()
    owner.post(path, {field: origin.url(), "csrf_token": csrf_token(owner.get(path))})
    assert origin.connections == 1


def test_a_stranger_changes_no_profile(shared: Site) -> None:
    browser, form = stranger(shared)
    browser.post("/profile", form)
    assert "Mallory" not in shared.browser().get("/").text


def test_a_stranger_neither_publishes_nor_deletes_a_note(shared: Site) -> None:
    with shared.app.app_context(), db.engine.begin() as connection:
        connection.execute(
            db.metadata.tables["post"].insert(),
            [
                {
                    "slug": slug,
                    "properties": '{"content": ["Words"]}',
                    "is_draft": slug == "a-draft",
                    "published_at": 1.0,
                    "version": 1,
                }
                for slug in ("a-draft", "a-note")
            ],
        )
    browser, form = stranger(shared)
    browser.post("/notes/a-draft/publish", form)
    browser.post("/notes/a-note/delete", form)
    assert browser.get("/notes/a-draft").status_code == 404
    assert browser.get("/notes/a-note").status_code == 200
