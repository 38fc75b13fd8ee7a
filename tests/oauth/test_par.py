"""Pushed authorization requests: RFC 9126 (O-90 to O-93) and what the AT Protocol asks of them (AT-33 to AT-48)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.atproto import HOST, REDIRECT, VIRTUAL, App, development_hosts, publish_app
from tests.support.browser import Browser, SignIn, publish_client, redirect_parameters, soup
from tests.support.clock import Clock
from tests.support.origin import TLSOrigin
from tests.support.proves import proves
from tests.support.provider_app import ProviderSite, provider_app


@pytest.fixture
def named_origin(ca: Any) -> Any:
    """Run the https origin of an app that is not on this computer, as far as the site can tell."""
    with TLSOrigin(ca, HOST) as running:
        yield running


@pytest.fixture
def named_site(make_site: Callable[..., ProviderSite], named_origin: TLSOrigin) -> ProviderSite:
    """Return a site that finds that origin."""
    return make_site(**development_hosts(named_origin))


@pytest.fixture(scope="module")
def shared(ca_bundle: Path) -> ProviderSite:
    """Return one site for all requests that are refused: they change nothing."""
    return provider_app(ca_bundle, Clock())


def error_of(answer: Any) -> tuple[int, str]:
    """Return status and code of a JSON error, which must be one that no cache keeps."""
    assert answer.headers["Content-Type"] == "application/json", answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()["error"]


def is_page(answer: Any, slug: str) -> bool:
    """Say whether an error stayed on the site's own page."""
    return answer.status_code == 400 and "Location" not in answer.headers and slug in answer.text


@proves("AT-34", "AT-79", "O-90", "O-91")
def test_a_request_is_pushed_opened_and_approved(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in = app.begin()

    pushed = app.push(sign_in)
    members = pushed.json()
    page = owner.get("/authorize", params=app.address(members["request_uri"]))
    answer = owner.approve(page)

    assert pushed.status_code == 201
    assert members["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert 5 <= members["expires_in"] <= 600
    assert pushed.headers["Cache-Control"] == "no-store"
    assert pushed.headers["DPoP-Nonce"]
    assert (answer["state"], answer["iss"]) == (sign_in.parameters["state"], site.base_url)
    assert app.redeem(sign_in, answer["code"]).status_code == 200


@proves("AT-31", "AT-37", "AT-38", "AT-39", "AT-41", "AT-44", "AT-45", "AT-47", "O-90", "O-100")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"client_id": None}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"scope": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"state": "x" * 5000}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "atproto email"}, "invalid_scope"),  # email is not in the document
        ({"redirect_uri": "http://127.0.0.1:7778/callback/"}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:7778/callback?a=b"}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:7778/CALLBACK"}, "invalid_request"),
        ({"redirect_uri": "http://[::1]:7778/callback"}, "invalid_request"),
        ({"redirect_uri": "http://localhost:7778/callback"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"prompt": "none"}, "consent_required"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"dpop_jkt": "A" * 43}, "invalid_dpop_proof"),
        ({"client_secret": "x"}, "invalid_client"),
    ],
    ids=str,
)
def test_refuses_one_fault(shared: ProviderSite, changes: dict[str, str | None], error: str) -> None:
    answer = App(shared).push(**changes)

    assert error_of(answer) == (401 if error == "invalid_client" else 400, error)


@proves("A-24")
def test_a_parameter_twice_is_refused(site: ProviderSite) -> None:
    app = App(site)
    form = app.begin().parameters

    assert error_of(app.post("/par", {**form, "dpop_jkt": ["a" * 43, "b" * 43]})) == (400, "invalid_request")


@proves("AT-45")
def test_unknown_parameters_are_ignored(site: ProviderSite) -> None:
    assert App(site).push(display="touch", ui_locales="de", max_age="1", foo="bar").status_code == 201


@proves("AT-31")
def test_the_loopback_port_is_free(site: ProviderSite) -> None:
    assert App(site).push(redirect_uri="http://127.0.0.1:49152/callback").status_code == 201


@proves("AT-01", "AT-02", "AT-27", "AT-28")
@pytest.mark.parametrize(
    "client_id",
    ["http://localhost:3000", "http://127.0.0.1/", "http://localhost/app", "http://localhost?foo=bar",
     "http://localhost?scope=atproto&scope=atproto", "https://127.0.0.1/x.json", "https://localhost/x",
     "https://a@b.example.com/x", "https://app.example.com/x#y", "https://a.example.com/x/../y.json"],
)  # fmt: skip
def test_refuses_identifiers_that_are_no_app(shared: ProviderSite, client_id: str) -> None:
    answer = App(shared, client_id).push()

    assert error_of(answer) == (400, "invalid_client_metadata")
    assert answer.json()["error_description"].isascii()


@proves("AT-29")
@pytest.mark.parametrize("client_id", ["http://localhost", "http://localhost/"])
def test_the_bare_loopback_client_needs_no_document(site: ProviderSite, client_id: str) -> None:
    app = App(site, client_id, "http://[::1]:4321/")

    assert app.sign_in(site.owner())["scope"] == "atproto"


# -- documents --------------------------------------------------------------------------------------------------


@proves("AT-84")
def test_an_app_with_a_document_signs_in(named_origin: TLSOrigin, named_site: ProviderSite) -> None:
    app = App(named_site, publish_app(named_origin), f"https://{HOST}/callback")

    tokens = app.sign_in(named_site.owner())

    assert (tokens["token_type"], tokens["scope"]) == ("DPoP", "atproto")


@proves("AT-04", "AT-05", "AT-08", "AT-20", "AT-22", "AT-25")
@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"dpop_bound_access_tokens": None}, "/dpop_bound_access_tokens"),
        ({"dpop_bound_access_tokens": "true"}, "/dpop_bound_access_tokens"),
        ({"scope": "profile"}, "/scope"),
        ({"client_uri": "https://other.example.com"}, "/client_uri"),
        ({"redirect_uris": "https://app.example.com/callback"}, "/redirect_uris"),
        ({"client_id": "https://other.example.com/x"}, "/client_id"),
    ],
    ids=str,
)
def test_says_why_a_document_is_refused(
    named_origin: TLSOrigin, named_site: ProviderSite, members: dict[str, Any], member: str
) -> None:
    publish_app(named_origin, **members)
    answer = App(named_site, f"https://{HOST}/client-metadata.json", f"https://{HOST}/callback").push()

    assert error_of(answer) == (400, "invalid_client_metadata")
    assert member in answer.json()["error_description"]


@proves("AT-03")
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (204, {"Content-Type": "application/json"}),
        (302, {"Location": "/elsewhere", "Content-Type": "application/json"}),
        (200, {"Content-Type": "text/html"}),
        (200, {"Content-Type": "application/ld+json"}),
        (404, {"Content-Type": "application/json"}),
    ],
)
def test_only_a_plain_json_answer_is_a_document(
    named_origin: TLSOrigin, named_site: ProviderSite, status: int, headers: dict[str, str]
) -> None:
    client_id = publish_app(named_origin)
    _, _, body = named_origin._answers["/client-metadata.json"]
    named_origin.serve("/client-metadata.json", body, status=status, headers=headers)

    answer = App(named_site, client_id, f"https://{HOST}/callback").push()

    assert error_of(answer) == (400, "invalid_client_metadata")


@proves("AT-23")
def test_an_address_on_this_computer_is_never_fetched(
    origin: TLSOrigin, make_site: Callable[..., ProviderSite]
) -> None:
    # The name leads to a loopback address, and no development host is set
    site = make_site(CIMD_ALLOW_LOOPBACK="0")
    client_id = f"https://localhost:{origin.port}/client.json"

    assert error_of(App(site, client_id, f"https://{HOST}/callback").push()) == (400, "invalid_client_metadata")
    assert origin.connections == 0


@proves("AT-24")
def test_a_good_document_is_fetched_once(named_origin: TLSOrigin, named_site: ProviderSite) -> None:
    app = App(named_site, publish_app(named_origin), f"https://{HOST}/callback")

    tokens = app.sign_in(named_site.owner())
    app.refresh(tokens["refresh_token"])

    assert named_origin.count("/client-metadata.json") == 1


def test_the_pushed_document_counts_whatever_is_published_later(
    named_origin: TLSOrigin, named_site: ProviderSite
) -> None:
    app, owner = App(named_site, publish_app(named_origin), f"https://{HOST}/callback"), named_site.owner()
    sign_in = app.begin()
    request_uri = app.push(sign_in).json()["request_uri"]

    publish_app(named_origin, redirect_uris=[f"https://{HOST}/attacker"])
    named_site.clock.forward(seconds=200)
    page = owner.get("/authorize", params=app.address(request_uri))
    answer = owner.press(page, "Approve")

    assert answer.headers["Location"].startswith(f"https://{HOST}/callback?")


@proves("AT-40")
def test_scopes_the_site_does_not_know_are_dropped(named_origin: TLSOrigin, named_site: ProviderSite) -> None:
    app = App(named_site, publish_app(named_origin), f"https://{HOST}/callback")

    assert app.sign_in(named_site.owner(), scope="atproto transition:generic")["scope"] == "atproto"


@proves("AT-12")
def test_a_private_scheme_is_answered(named_origin: TLSOrigin, named_site: ProviderSite) -> None:
    redirect_uri = "com.example.app:/callback"
    app = App(
        named_site, publish_app(named_origin, application_type="native", redirect_uris=[redirect_uri]), redirect_uri
    )

    assert app.sign_in(named_site.owner())["token_type"] == "DPoP"


@proves("O-93")
def test_the_document_may_demand_pushed_requests(origin: TLSOrigin, site: ProviderSite) -> None:
    client_id = publish_client(origin, require_pushed_authorization_requests=True)
    owner, sign_in = site.owner(), SignIn.begin(client_id, scope="profile")

    answer = owner.authorize(sign_in)
    pushed = site.browser().post("/par", sign_in.parameters)
    page = owner.get("/authorize", params={"client_id": client_id, "request_uri": pushed.json()["request_uri"]})

    assert redirect_parameters(answer)["error"] == "invalid_request"
    assert owner.redeem(sign_in, owner.approve(page)["code"]).json()["token_type"] == "Bearer"


def test_ordinary_apps_may_push_without_a_key(origin: TLSOrigin, site: ProviderSite) -> None:
    client_id = publish_client(origin)

    assert site.browser().post("/par", SignIn.begin(client_id, scope="profile").parameters).status_code == 201


# -- the authorization endpoint ---------------------------------------------------------------------------------


@proves("AT-35", "AT-81", "O-12")
@pytest.mark.parametrize("is_owner", [False, True])
def test_atproto_is_refused_unless_it_was_pushed(site: ProviderSite, is_owner: bool) -> None:
    browser = site.owner() if is_owner else site.browser()

    answer = browser.authorize(SignIn.begin(VIRTUAL, REDIRECT, scope="atproto"))

    if is_owner:
        assert redirect_parameters(answer)["error"] == "invalid_request"
    else:
        assert answer.headers["Location"].startswith("/login?"), "nobody is told before the log-in"


@proves("O-91")
def test_other_parameters_beside_a_request_uri_are_ignored(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    request_uri = app.push(state="pushed").json()["request_uri"]

    page = owner.get(
        "/authorize",
        params={
            **app.address(request_uri),
            "state": "other",
            "redirect_uri": "https://evil.example/",
            "scope": "profile",
        },
    )
    answer = owner.press(page, "Approve")

    assert answer.headers["Location"].startswith(REDIRECT)
    assert redirect_parameters(answer)["state"] == "pushed"


@proves("AT-36", "O-92")
def test_it_can_be_opened_again_until_it_is_decided(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    address = app.address(app.push().json()["request_uri"])

    first, second = owner.get("/authorize", params=address), owner.get("/authorize", params=address)
    owner.approve(second)

    assert is_page(owner.get("/authorize", params=address), "unknown-request-uri")
    assert is_page(owner.press(first, "Approve"), "unknown-request-uri")


@proves("AT-36", "AT-80")
def test_it_ends_with_a_denial(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in = app.begin()
    address = app.address(app.push(sign_in).json()["request_uri"])

    answer = owner.deny(owner.get("/authorize", params=address))

    assert (answer["error"], answer["state"], answer["iss"]) == (
        "access_denied",
        sign_in.parameters["state"],
        site.base_url,
    )
    assert "code" not in answer
    assert is_page(owner.get("/authorize", params=address), "unknown-request-uri")


def test_two_decisions_at_once_are_one(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    address = app.address(app.push().json()["request_uri"])
    pages = [owner.get("/authorize", params=address) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda page: owner.press(page, "Approve"), pages))

    assert statuses == [303, 400, 400, 400]


@proves("AT-36", "O-92")
def test_it_expires(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    address = app.address(app.push().json()["request_uri"])

    site.clock.forward(minutes=5, seconds=1)

    assert is_page(owner.get("/authorize", params=address), "unknown-request-uri")


@proves("AT-36", "AT-81", "O-12", "O-91")
def test_it_belongs_to_its_client(site: ProviderSite) -> None:
    request_uri = App(site).push().json()["request_uri"]

    answer = site.owner().get(
        "/authorize", params={"client_id": "http://localhost?scope=atproto", "request_uri": request_uri}
    )

    assert is_page(answer, "unknown-request-uri")


@pytest.mark.parametrize("name", ["", "x", "ä", "\x00", "x" * 3000])
def test_unknown_ones_are_an_error_page(site: ProviderSite, name: str) -> None:
    answer = site.owner().get("/authorize", params=App(site).address(f"urn:ietf:params:oauth:request_uri:{name}"))

    assert is_page(answer, "unknown-request-uri")


def test_a_repeated_request_uri_is_an_error_page(site: ProviderSite) -> None:
    uri = "urn:ietf:params:oauth:request_uri:x"

    answer = site.browser().get(
        "/authorize", params=[("client_id", VIRTUAL), ("request_uri", uri), ("request_uri", uri)]
    )

    assert is_page(answer, "repeated-parameter")


def test_a_stranger_is_asked_to_log_in_first(site: ProviderSite) -> None:
    app, browser = App(site), site.browser()

    answer = browser.get("/authorize", params=app.address(app.push().json()["request_uri"]))

    assert answer.headers["Location"].startswith("/login")


# -- once a day -------------------------------------------------------------------------------------------------


@proves("AT-46", "AT-48")
@pytest.mark.parametrize("name", ["state", "code_challenge"])
def test_neither_state_nor_challenge_comes_again(site: ProviderSite, name: str) -> None:
    app, first, second = App(site), App(site).begin(), App(site).begin()
    assert app.push(first).status_code == 201

    again = app.push(SignIn(parameters={**second.parameters, name: first.parameters[name]}, verifier=second.verifier))

    assert error_of(again) == (400, "invalid_request")
    assert app.push(SignIn(parameters={**App(site).begin().parameters}, verifier="")).status_code == 201


@proves("AT-46")
def test_another_app_may_use_the_same_state(site: ProviderSite) -> None:
    assert App(site).push(state="one").status_code == 201
    assert App(site, "http://localhost", "http://127.0.0.1:9/").push(state="one").status_code == 201


# -- answers ----------------------------------------------------------------------------------------------------


def fragment_parameters(answer: Any) -> dict[str, str]:
    """Return what a redirect says behind the ``#``."""
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).fragment))


@proves("AT-44")
@pytest.mark.parametrize("button", ["Approve", "Deny"])
def test_answers_in_the_fragment(site: ProviderSite, button: str) -> None:
    app, owner = App(site), site.owner()

    answer = owner.press(app.open(owner, response_mode="fragment"), button)

    assert answer.status_code == 303
    assert urlsplit(answer.headers["Location"]).query == ""
    assert set(fragment_parameters(answer)) >= {"state", "iss", "code" if button == "Approve" else "error"}


@proves("AT-44", "AT-83", "O-17")
@pytest.mark.parametrize("button", ["Approve", "Deny"])
def test_answers_as_a_form_without_scripts(site: ProviderSite, button: str) -> None:
    app, owner = App(site), site.owner()

    answer = owner.press(app.open(owner, response_mode="form_post"), button)
    form = soup(answer).select_one("form")

    assert answer.status_code == 200
    assert form is not None
    assert (form["action"], form["method"]) == (REDIRECT, "post")
    assert {field["name"] for field in form.select("input")} >= {
        "state",
        "iss",
        "code" if button == "Approve" else "error",
    }
    assert not soup(answer).select("script")
    assert "form-action" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_plain_requests_choose_the_mode_too(origin: TLSOrigin, site: ProviderSite) -> None:
    owner = site.owner()
    page = owner.authorize(SignIn.begin(publish_client(origin), scope="profile", response_mode="fragment"))

    assert "code" in fragment_parameters(owner.press(page, "Approve"))


@proves("AT-76")
def test_atproto_stays_when_the_owner_narrows_the_scopes(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    sign_in = app.begin(scope="atproto profile")

    code = owner.approve(app.open(owner, sign_in), scope=[])["code"]

    assert app.redeem(sign_in, code).json()["scope"] == "atproto"


@proves("AT-32", "AT-77")
def test_a_public_app_is_asked_about_every_time(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    app.sign_in(owner)

    assert app.open(owner).status_code == 200


@proves("AT-78")
def test_nobody_else_decides(site: ProviderSite) -> None:
    app, owner = App(site), site.owner()
    page = app.open(owner)
    stranger: Browser = site.owner()

    assert stranger.press(page, "Approve").status_code == 400
