"""What every answer carries: headers, cookies, pages for errors that quote nothing."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.support.browser import SignIn, Site, publish_client, soup
from tests.support.proves import proves

PRODUCTION = {
    "DEMO_DEVELOPMENT": "0",
    "DEMO_BASE_URL": "https://me.example",
    "DEMO_OWNER_PASSWORD": "a password of my own",
    "DEMO_SECRET_KEY": "a key of my own",
}
PAGES = ["/", "/login", "/apps", "/authorize", "/nothing-here", "/static/site.css", "/healthz"]


@proves("C-117", "O-17")
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("logged_in", [True, False])
def test_every_page_forbids_frames_scripts_and_foreign_content(site: Site, path: str, logged_in: bool) -> None:
    answer = (site.owner() if logged_in else site.browser()).get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    if path != "/static/site.css":
        assert "no-store" in answer.headers["Cache-Control"]


def test_forms_go_to_this_site_alone_except_where_the_answer_leaves(origin: Any, site: Site) -> None:
    # Libraries §3.7: form-action would block the redirect to the app.
    owner = site.owner()
    for path in ("/", "/apps"):
        assert "form-action 'self'" in owner.get(path).headers["Content-Security-Policy"]
    sign_in = SignIn.begin(publish_client(origin))
    consent = owner.authorize(sign_in)
    assert "form-action" not in consent.headers["Content-Security-Policy"]
    browser = site.browser()
    assert "form-action 'self'" in browser.get("/login").headers["Content-Security-Policy"]
    on_the_way = browser.get(browser.authorize(sign_in).headers["Location"])
    assert "form-action" not in on_the_way.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("size", "status"), [(65_536, 403), (65_537, 413)])
def test_a_form_holds_64_kibibytes(site: Site, size: int, status: int) -> None:
    browser = site.browser()
    token = soup(browser.get("/login")).select_one("[name=csrf_token]")["value"]
    start = f"csrf_token={token}&password="
    body = start + "x" * (size - len(start))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/login", body, headers=form).status_code == status


@pytest.mark.parametrize(("parts", "status"), [(100, 403), (101, 413)])
def test_a_multipart_form_has_100_parts(site: Site, parts: int, status: int) -> None:
    browser = site.browser()
    token = soup(browser.get("/login")).select_one("[name=csrf_token]")["value"]
    fields = [("csrf_token", (None, token)), *((f"f{n}", (None, "x")) for n in range(parts - 1))]
    assert browser.request("POST", "/login", files=fields).status_code == status


def test_cookies_over_https_are_bound_to_this_host(make_site: Any) -> None:
    # Design §5.3
    site = make_site(**PRODUCTION)
    browser = site.browser()
    cookie = browser.get("/login").headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert site.owner().get("/apps").status_code == 200


def test_cookies_over_http_do_without_what_browsers_would_refuse(site: Site) -> None:
    cookie = site.browser().get("/login").headers["Set-Cookie"]
    assert not cookie.startswith("__Host-")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_https_sites_ask_for_https_for_ever(make_site: Any, site: Site) -> None:
    assert "max-age=" in make_site(**PRODUCTION).browser().get("/").headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in site.browser().get("/").headers


def test_a_session_of_another_key_counts_for_nothing(make_site: Any) -> None:
    first, second = make_site(DEMO_SECRET_KEY="the first key"), make_site(DEMO_SECRET_KEY="the second key")
    browser = second.browser()
    browser.session.cookies.update(first.owner().session.cookies)
    assert browser.get("/apps").status_code == 303


def test_a_form_that_another_site_sends_is_refused_over_https(make_site: Any) -> None:
    site = make_site(**PRODUCTION)
    browser = site.browser()
    page = browser.get("/login")
    answer = browser.press(page, "Log in", password=site.password)
    assert answer.status_code == 303
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "password": site.password}
    assert browser.post("/login", form, headers={"Referer": "https://evil.example/"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing<script>", 404),
        ("GET", "/%ff%00", 404),
        ("GET", "/static/../flask_cimd_site/config.py", 404),
        ("DELETE", "/", 405),
        ("POST", "/", 405),
        ("POST", "/login", 400),
    ],
)
def test_errors_are_pages_of_our_own(site: Site, method: str, path: str, status: int) -> None:
    answer = site.browser().request(method, path)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "script>" not in answer.text.lower()
    assert "werkzeug" not in answer.text.lower()


@pytest.mark.parametrize("text", ["%00", "a%00b"])
def test_text_that_a_database_cannot_hold_is_unknown(any_site: Site, text: str) -> None:
    # PostgreSQL takes no NUL, whatever column it is compared with.
    browser, owner = any_site.browser(), any_site.owner()
    credentials = base64.b64encode(unquote_to_bytes(f"{text}:{text}")).decode()
    asked = browser.post("/introspect", {"token": "t"}, headers={"Authorization": f"Basic {credentials}"})
    assert asked.status_code == 401
    for path in (f"/.well-known/oauth-protected-resource/{text}", f"/cimd/logo/{text}.png", f"/notes/{text}"):
        assert browser.get(path).status_code == 404
    token = soup(owner.get("/apps")).select_one("[name=csrf_token]")["value"]
    assert owner.post(f"/apps/{text}/revoke", {"csrf_token": token}).status_code == 404


def test_what_went_wrong_inside_is_not_shown(site: Site) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    site.app.view_functions["home.show"] = lambda: 1 / 0
    answer = site.browser().get("/")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "ZeroDivision" not in answer.text


@proves("O-112")
def test_a_lost_database_is_trouble_for_now(site: Site) -> None:
    # 503 with Retry-After, for people a page, for programs JSON.
    from sqlalchemy.exc import OperationalError

    def lose(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("password=x"))

    site.app.view_functions["home.show"] = lose
    site.app.extensions["flask_cimd_site"].server.create_token_response = lose
    page, answer = site.browser().get("/"), site.browser().post("/token", {"grant_type": "x"})
    assert (page.status_code, answer.status_code) == (503, 503)
    assert page.headers["Retry-After"]
    assert answer.json() == {"error": "temporarily_unavailable"}
    assert "secret" not in page.text


def test_a_fault_of_a_statement_is_no_trouble_that_goes_by(site: Site) -> None:
    from sqlalchemy.exc import ProgrammingError

    def fail() -> None:
        raise ProgrammingError("SELECT secret", {}, Exception("no such column"))

    site.app.view_functions["home.show"] = fail
    page = site.browser().get("/")
    assert (page.status_code, page.headers.get("Retry-After")) == (500, None)
    assert "secret" not in page.text


PROGRAMS = [
    ("POST", "/token"),
    ("POST", "/par"),
    ("POST", "/revoke"),
    ("POST", "/introspect"),
    ("GET", "/userinfo"),
    ("GET", "/api/profile"),
    ("POST", "/micropub"),
    ("POST", "/media"),
]


@proves("O-44")
@pytest.mark.parametrize(("method", "path"), PROGRAMS)
def test_scripts_of_any_origin_may_call_what_programs_call(site: Site, method: str, path: str) -> None:
    # No cookie counts there, so nothing is given away.
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": method}
    preflight = site.browser().request("OPTIONS", path, headers=asked)
    assert method in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    for answer in (preflight, site.browser().request(method, path)):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/did.json"])
def test_scripts_of_any_origin_may_read_public_documents(site: Site, path: str) -> None:
    assert site.browser().get(path).headers["Access-Control-Allow-Origin"] == "*"


DOCUMENTS = [
    "oauth-authorization-server",
    "openid-configuration",
    "oauth-protected-resource",
    "did.json",
    "atproto-did",
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_preflights_of_all_well_known_documents_answer(site: Site, name: str) -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "mcp-protocol-version",
    }
    answer = site.browser().request("OPTIONS", f"/.well-known/{name}", headers=asked)
    allowed = {word.strip().lower() for word in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert (answer.ok, answer.headers["Access-Control-Allow-Origin"]) == (True, "*")
    assert "mcp-protocol-version" in allowed


@pytest.mark.parametrize(
    "path", ["/", "/login", "/apps", "/authorize", "/clients", "/explain", "/setup", "/profile", "/notes", "/healthz"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("is_owner", [True, False])
def test_scripts_of_other_origins_may_not_read_pages(site: Site, path: str, method: str, is_owner: bool) -> None:
    browser = site.owner() if is_owner else site.browser()
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = browser.request(method, path, headers=asked)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}


@proves("O-123")
@pytest.mark.parametrize("path", ["/", "/login", "/apps", "/.well-known/oauth-authorization-server", "/feed.atom"])
def test_a_forged_host_is_shown_nowhere(make_site: Any, path: str) -> None:
    answer = make_site(**PRODUCTION).browser().get(path, headers=FORGED)
    assert "evil" not in answer.text
    assert "evil" not in str(answer.headers)


@proves("O-123")
@pytest.mark.parametrize(
    "host",
    ["evil.example", f"{'a' * 64}.example", "127.0.0.1.evil.example", "localhost@evil.example", "me@localhost", "a..b"],
)
@pytest.mark.parametrize("path", ["/", "/.well-known/oauth-authorization-server", "/healthz"])
def test_development_mode_answers_to_its_own_names_alone(site: Site, host: str, path: str) -> None:
    answer = site.browser().get(path, headers={"Host": host})
    assert (answer.status_code, answer.text) == (421, f"This site is at {site.base_url}/ only.\n")


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "owner.test", "LOCALHOST"])
def test_development_mode_answers_to_each_name_of_this_computer_and_of_the_owner(site: Site, host: str) -> None:
    assert site.browser().get("/.well-known/atproto-did", headers={"Host": host}).status_code == 200


def statuses_of_logins(site: Site, base_url: str, *referers: str | None) -> list[int]:
    """Return how logins from forms of these pages are answered; the request arrives at the site as ``base_url`` says.

    `requests` sends no cookie with a Host header of another name, so the cookie is written here.
    """
    client = site.app.test_client(use_cookies=False)
    page = client.get("/login", base_url=base_url)
    form = {"csrf_token": page.text.split('name="csrf_token" value="')[1].split('"')[0], "password": site.password}
    cookie = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    given = [cookie if referer is None else {**cookie, "Referer": referer} for referer in referers]
    return [client.post("/login", data=form, headers=headers, base_url=base_url).status_code for headers in given]


@proves("O-123")
def test_a_forged_host_does_not_make_another_origin_this_one(make_site: Any) -> None:
    # The CSRF check compares the page that a form comes from with the origin of the configuration.
    pages = ("https://evil.example/", "https://me.example/login")
    assert statuses_of_logins(make_site(**PRODUCTION), "https://evil.example", *pages) == [400, 303]


@proves("O-123")
def test_a_proxy_that_speaks_http_to_the_site_does_not_make_it_an_http_site(make_site: Any) -> None:
    # Over http Flask-WTF would not look at the page that a form comes from.
    pages = (None, "https://evil.example/", "https://me.example/login")
    assert statuses_of_logins(make_site(**PRODUCTION), "http://127.0.0.1:8000", *pages) == [400, 400, 303]
