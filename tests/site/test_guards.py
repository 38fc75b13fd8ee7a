"""Guards of the site whose loss no other test would notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from flask_cimd_site.services import services
from flask_cimd_site.site import media
from flask_cimd_site.site.media import LARGEST_FILE
from tests.site.posting import Poster, png
from tests.site.test_profile import card, elements, look, save
from tests.site.test_security import PRODUCTION
from tests.support.browser import Site, publish_client, soup
from tests.support.origin import TLSOrigin

IMAGES = "https://me.example/media/"
NAME = "0123456789abcdef" * 2 + ".png"


# -- login --------------------------------------------------------------------------------------------------------


def test_a_forwarded_host_does_not_make_another_origin_this_one(make_site: Callable[..., Site]) -> None:
    site = make_site(**PRODUCTION)
    client = site.app.test_client(use_cookies=False)
    page = client.get("/login", base_url="https://me.example")
    form = {"csrf_token": page.text.split('name="csrf_token" value="')[1].split('"')[0], "password": site.password}
    headers = {
        "Cookie": page.headers["Set-Cookie"].partition(";")[0],
        "Referer": "https://evil.example/",
        "X-Forwarded-Host": "evil.example",
    }
    assert client.post("/login", data=form, headers=headers, base_url="https://me.example").status_code == 400


# -- endpoints ----------------------------------------------------------------------------------------------------


def test_the_profile_needs_a_token_for_it_with_the_scope_profile(make_poster: Callable[..., Poster]) -> None:
    poster = make_poster("profile create")
    refused = poster.browser.get("/api/profile", headers=poster.bearer)
    assert (refused.status_code, "invalid_token" in refused.headers["WWW-Authenticate"]) == (401, True)


def test_a_token_for_the_profile_without_its_scope_is_not_enough(
    make_site: Callable[..., Site], origin: TLSOrigin
) -> None:
    site = make_site(DEMO_OWNER_EMAIL="me@me.example")
    resource = site.base_url + "/api/profile"
    client_id = publish_client(origin)
    tokens = site.owner().tokens(client_id, scope="profile email", resource=resource)
    narrowed = site.browser().refresh(client_id, tokens["refresh_token"], scope="email", resource=resource)
    bearer = {"Authorization": f"Bearer {narrowed.json()['access_token']}"}
    refused = site.browser().get("/api/profile", headers=bearer)
    assert (refused.status_code, "insufficient_scope" in refused.headers["WWW-Authenticate"]) == (403, True)


@pytest.mark.parametrize(
    ("scope", "members"),
    [
        ((), None),
        (("create",), None),
        (("email",), None),
        (("profile",), {"name", "url"}),
        (("profile", "email"), {"name", "url", "email"}),
    ],
)
def test_scopes_show_the_profile_and_the_address(
    make_site: Callable[..., Site], scope: tuple[str, ...], members: set[str] | None
) -> None:
    site = make_site(DEMO_OWNER_EMAIL="me@me.example")
    with site.app.app_context():
        shown = services().identity.profile(scope)
    assert (None if shown is None else set(shown)) == members


def test_an_error_of_the_framework_is_json_for_programs(site: Site) -> None:
    answer = site.browser().post("/token", {"grant_type": "x" * 70_000})
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/json")


@pytest.mark.parametrize(
    ("tool", "scope"),
    [
        ("list_notes", "notes:read"),
        ("read_note", "notes:read"),
        ("write_note", "notes:write"),
        ("delete_note", "notes:write"),
    ],
)
def test_a_tool_needs_its_scope(tool: str, scope: str) -> None:
    mcp = pytest.importorskip("flask_cimd_site.site.mcp")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}
    assert mcp.scopes_needed(json.dumps(call).encode()) == (scope,)


@pytest.mark.parametrize(("length", "status"), [(317, 501), (318, 400)])
def test_a_name_of_a_method_has_317_characters_at_most(site: Site, length: int, status: int) -> None:
    name = ("com." + "a1." * 200)[: length - 4].rstrip(".") + ".get"
    name = name if len(name) == length else name.replace(".get", "x.get")
    assert (len(name), site.browser().get(f"/xrpc/{name}").status_code) == (length, status)


# -- pages of the owner -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "status"), [(2048, 303), (2049, 400)])
def test_a_subject_that_is_too_long_is_refused_and_not_cut(site: Site, length: int, status: int) -> None:
    owner = site.owner()
    subject = "https://app.example/".ljust(length, "a")
    answer = owner.press(owner.get("/clients"), "Add rule", subject=subject, decision="deny")
    assert answer.status_code == status


def test_a_page_of_another_media_type_is_not_read(site: Site, origin: TLSOrigin) -> None:
    body = f"<html><head>{elements(site)}</head><p>Hi".encode()
    assert look(site, origin.serve("/", body, headers={"Content-Type": "text/html"}))[0] == "holds"
    verdict, steps = look(site, origin.serve("/", body, headers={"Content-Type": "text/plain"}))
    assert (verdict, steps) == ("broken", {"Page": "broken"})


def test_a_long_note_is_cut(site: Site) -> None:
    assert save(site.owner(), note="x" * 501).status_code == 303
    assert len(card(site)["note"][0]) == 500


@pytest.mark.parametrize("action", ["publish", "delete"])
def test_a_post_that_is_not_there_cannot_be_changed(site: Site, action: str) -> None:
    owner = site.owner()
    token = soup(owner.get("/profile")).select_one("main input[name=csrf_token]")["value"]
    assert owner.post(f"/notes/nothing/{action}", {"csrf_token": token}).status_code == 404


# -- posts --------------------------------------------------------------------------------------------------------


def test_a_request_to_the_media_endpoint_is_as_large_as_one_file(poster: Poster) -> None:
    files = {name: ("x.png", png().ljust(6 * 1024 * 1024, b"\0")) for name in ("file", "other")}
    answer = poster.browser.request("POST", "/media", files=files, headers=poster.bearer)
    assert answer.status_code == 413


def test_a_file_beside_another_is_refused(poster: Poster) -> None:
    files = {name: ("x.png", png()) for name in ("file", "other")}
    answer = poster.browser.request("POST", "/media", files=files, headers=poster.bearer)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(("more", "status"), [(0, 201), (1, 413)])
def test_a_file_may_have_ten_mebibytes(poster: Poster, more: int, status: int) -> None:
    assert poster.upload(png().ljust(LARGEST_FILE + more, b"\0")).status_code == status


def test_a_picture_that_is_not_there_is_not_found(site: Site) -> None:
    assert site.browser().get(f"/media/{NAME}").status_code == 404


def test_a_name_that_no_database_takes_is_not_found(postgres_site: Site) -> None:
    assert postgres_site.browser().get("/media/%00").status_code == 404


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (IMAGES + NAME, True),
        (NAME, False),
        ("https://evil.example/media/" + NAME, False),
        (IMAGES + "../login", False),
        (IMAGES + NAME + "?x", False),
        (IMAGES, False),
    ],
)
def test_a_picture_of_this_site_has_an_exact_address(url: str, expected: bool) -> None:
    assert media.is_own(url, IMAGES) is expected


@pytest.mark.parametrize(
    ("send", "said"),
    [
        (lambda poster: poster.form({"action": "update", "url": "https://x.example/"}), "sent as JSON"),
        (lambda poster: poster.json({"type": ["h-entry", "h-event"], "properties": {"content": ["x"]}}), "one value"),
        (lambda poster: poster.json({"action": "delete", "url": ""}), "url must be the address of the post"),
        (lambda poster: poster.json({"type": [7], "properties": {"content": ["x"]}}), "one value"),
        (
            lambda poster: poster.browser.request(
                "POST", "/micropub", data=b"content=x", headers={**poster.bearer, "Content-Type": "text/plain"}
            ),
            "form or JSON",
        ),
    ],
)
def test_a_refusal_says_what_to_send(poster: Poster, send: Any, said: str) -> None:
    answer = send(poster)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert said in answer.json()["error_description"]
