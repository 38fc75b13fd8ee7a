"""Who the owner is: on the home page, to apps, and on pages elsewhere that lead here."""

from __future__ import annotations

from collections.abc import Callable

import mf2py
import pytest
import requests
from bs4 import BeautifulSoup

from tests.site.posting import png
from tests.support.browser import Browser, Site, publish_client, soup
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


def save(owner: Browser, *, photo: bytes | None = None, **fields: str):
    page = owner.get("/profile")
    token = soup(page).select_one("main input[name=csrf_token]")["value"]
    form = {"csrf_token": token, "name": "Ada", "note": "", "links": "", "urls": "", **fields}
    return owner.post("/profile", form, files={"photo": ("me.png", photo or b"")} if photo else None)


def alert_on(page: requests.Response) -> str:
    (found,) = soup(page).select("[role=alert]")
    return found.get_text()


def card(site: Site) -> dict:
    parsed = mf2py.parse(doc=BeautifulSoup(site.browser().get("/").text, "lxml"), url=site.base_url + "/")
    cards = [item["properties"] for item in parsed["items"] if item["type"] == ["h-card"]]
    assert len(cards) == 1
    return {**cards[0], "rel-me": parsed["rels"].get("me", [])}


def test_the_environment_says_how_the_profile_begins(make_site: Callable[..., Site]) -> None:
    site = make_site(
        DEMO_OWNER_NAME="Ada", DEMO_OWNER_NOTE="Writes", DEMO_OWNER_LINKS="https://a.example/ https://b.example/@a"
    )
    shown = card(site)
    assert (shown["name"], shown["note"]) == (["Ada"], ["Writes"])
    assert shown["rel-me"] == [site.base_url + "/", "https://a.example/", "https://b.example/@a"]


def test_the_home_page_has_a_representative_card(site: Site) -> None:
    owner = site.owner()
    answer = save(
        owner, photo=png(40, 40), note="Mathematics", links="https://social.example/@ada", urls="https://ada.example/"
    )
    assert answer.status_code == 303
    shown = card(site)
    # Representative: its uid and one of its urls are the address of the page.
    assert shown["uid"] == [site.base_url + "/"]
    assert shown["url"] == [site.base_url + "/", "https://ada.example/", "https://social.example/@ada"]
    assert (shown["name"], shown["note"]) == (["Ada"], ["Mathematics"])
    photo = shown["photo"][0]["value"] if isinstance(shown["photo"][0], dict) else shown["photo"][0]
    assert site.browser().get(photo).headers["Content-Type"] == "image/png"
    assert "Ada" in site.browser().get("/feed.atom").text


@proves("IA-91", "IA-93")
def test_apps_learn_name_photo_and_the_one_address(site: Site, origin: TLSOrigin) -> None:
    # Other addresses of the same person are never sent as url
    owner = site.owner()
    save(owner, photo=png(), urls="https://other.example/")
    answer = owner.tokens(publish_client(origin), scope="profile", me="https://other.example/")
    assert answer["me"] == site.base_url + "/"
    assert (answer["profile"]["name"], answer["profile"]["url"]) == ("Ada", site.base_url + "/")
    assert answer["profile"]["photo"].startswith(site.base_url + "/media/")


def test_a_photo_stays_until_it_is_taken_away(site: Site) -> None:
    owner = site.owner()
    save(owner, photo=png())
    save(owner, name="Ada L.")
    assert "photo" in card(site)
    save(owner, without_photo="on")
    assert "photo" not in card(site)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "\u200b\u202e"}, "Enter a name."),
        ({"links": "javascript:alert(1)"}, "Write each address in full"),
        ({"links": "social.example/@ada"}, "Write each address in full"),
        ({"urls": "https://a.example/ data:text/html,x"}, "Write each address in full"),
        ({"links": "https://bank.example@evil.example/"}, "Write each address in full"),
        ({"urls": "https://@a.example/"}, "Write each address in full"),
        ({"links": "\n".join(f"https://a.example/{n}" for n in range(21))}, "Enter at most 20 addresses."),
    ],
)
def test_says_what_is_wrong_and_keeps_nothing(site: Site, fields: dict[str, str], problem: str) -> None:
    answer = save(site.owner(), **fields)
    assert answer.status_code == 400
    assert problem in alert_on(answer)
    assert card(site)["name"] == ["The owner"]


def test_a_photo_may_be_larger_than_a_form(site: Site) -> None:
    assert save(site.owner(), photo=png() + b"\0" * 500_000).status_code == 303
    assert save(site.owner(), photo=png() + b"\0" * (11 * 2**20)).status_code == 413


def test_a_photo_that_is_none_is_refused(site: Site) -> None:
    answer = save(site.owner(), photo=b"GIF8 <b>")
    assert answer.status_code == 400
    assert "not an image that can be read" in alert_on(answer)
    assert card(site)["name"] == ["The owner"]


def test_a_drawing_is_refused_with_the_reason(site: Site) -> None:
    answer = save(site.owner(), photo=b"<svg onload=alert(1)>")
    assert answer.status_code == 400
    assert "SVG is not read, since it can hold scripts and load files. Send a PNG." in alert_on(answer)
    assert card(site)["name"] == ["The owner"]


def test_text_of_the_profile_stays_text(site: Site) -> None:
    save(site.owner(), name="<script>alert(1)</script>", note="</p><img src=x onerror=alert(1)>")
    for path in ("/", "/feed.atom"):
        assert "<script>" not in site.browser().get(path).text
    page = soup(site.browser().get("/"))
    assert not page.select("img")


# -- a page elsewhere -------------------------------------------------------------------------------------------------

RELATIONS = {
    "indieauth-metadata": "/.well-known/oauth-authorization-server",
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "micropub": "/micropub",
}


def elements(site: Site, **changes: str | None) -> str:
    targets = {name: site.base_url + path for name, path in RELATIONS.items()}
    targets |= {name.replace("indieauth_metadata", "indieauth-metadata"): target for name, target in changes.items()}
    return "".join(f'<link rel="{name}" href="{target}">' for name, target in targets.items() if target is not None)


def look(site: Site, url: str) -> tuple[str, dict[str, str]]:
    owner = site.owner()
    page = soup(owner.press(owner.get("/setup"), "Check", url=url))
    verdict = page.select_one("[data-verdict]")
    steps = {step.strong.text: step["class"][0] for step in page.select(".steps li")}
    return verdict["data-verdict"], steps


def test_prints_the_lines_for_a_page_elsewhere(site: Site) -> None:
    lines = soup(site.owner().get("/setup")).select_one("#lines").text
    assert "".join(lines.split("\n")) == elements(site)


def test_finds_them_as_elements_and_as_headers(site: Site, origin: TLSOrigin) -> None:
    html = {"Content-Type": "text/html"}
    url = origin.serve("/", f"<html><head>{elements(site)}</head><p>Hi".encode(), headers=html)
    verdict, steps = look(site, url)
    assert verdict == "holds"
    assert set(steps.values()) == {"holds", "remark"}
    header = ", ".join(f'<{site.base_url}{path}>; rel="{name}"' for name, path in RELATIONS.items())
    assert look(site, origin.serve("/h", b"<p>Hi", headers={**html, "Link": header}))[0] == "holds"


@pytest.mark.parametrize(
    ("changes", "before", "broken"),
    [
        ({"token_endpoint": None}, "", "Access for older apps"),
        ({"indieauth_metadata": "https://old.example/metadata"}, "", "Sign-in"),
        ({}, '<link rel="authorization_endpoint" href="https://old.example/">', "Sign-in with older apps"),
        (
            {"authorization_endpoint": None},
            '<a rel="authorization_endpoint" href="{here}/authorize">x</a>',
            "Sign-in with older apps",
        ),
        (
            {"indieauth_metadata": None},
            '<template><link rel="indieauth-metadata" href="{here}/.well-known/oauth-authorization-server"></template>',
            "Sign-in",
        ),
    ],
)
def test_says_which_line_is_to_be_mended(
    site: Site, origin: TLSOrigin, changes: dict, before: str, broken: str
) -> None:
    page = before.replace("{here}", site.base_url) + elements(site, **changes)
    url = origin.serve("/", page.encode(), headers={"Content-Type": "text/html"})
    verdict, steps = look(site, url)
    assert verdict == "broken"
    assert [name for name, outcome in steps.items() if outcome == "broken"] == [broken]


def test_a_page_without_micropub_is_complete(site: Site, origin: TLSOrigin) -> None:
    page = elements(site, micropub=None)
    verdict, steps = look(site, origin.serve("/", page.encode(), headers={"Content-Type": "text/html"}))
    assert (verdict, steps["Posts"]) == ("holds", "remark")


def test_a_page_elsewhere_signs_in_through_this_site(make_site: Callable[..., Site], origin: TLSOrigin) -> None:
    url = origin.serve("/", b"", headers={"Content-Type": "text/html"})
    site = make_site(DEMO_ME=url)
    origin.serve("/", elements(site).encode(), headers={"Content-Type": "text/html"})
    answer = site.owner().tokens(publish_client(origin), scope="profile create", me=url)
    assert (answer["me"], answer["profile"]["url"]) == (url, url)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert site.browser().post("/micropub", {"content": "x"}, headers=headers).status_code == 201


@proves("IA-118")
def test_says_by_which_address_apps_know_the_owner(make_site: Callable[..., Site], origin: TLSOrigin) -> None:
    url = origin.serve("/", b"", headers={"Content-Type": "text/html"})
    site = make_site(DEMO_ME=url)
    origin.serve("/", elements(site).encode(), headers={"Content-Type": "text/html"})
    assert look(site, url)[1]["Your address"] == "holds"
    assert soup(site.owner().get("/setup")).select_one("#url")["value"] == url


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://localhost/", "http://example.com/", "https://", "https://[::1", "file:///etc/passwd",
     "https://a.example:99999/", "gopher://x/", "https://user:pass@a.example/"],
)  # fmt: skip
def test_looks_at_no_address_that_is_not_an_https_url(site: Site, url: str) -> None:
    assert look(site, url) == ("broken", {"Address": "broken"})


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://169.254.169.254/latest", "https://localhost:1/"],
)
def test_fetches_nothing_that_is_not_a_public_page(site: Site, url: str) -> None:
    assert look(site, url) == ("broken", {"Page": "broken"})


def test_an_address_inside_the_network_is_not_connected_to(site: Site, origin: TLSOrigin) -> None:
    before = origin.connections
    for url in (
        f"https://0.0.0.0:{origin.port}/",
        f"https://[::ffff:127.0.0.1]:{origin.port}/",
        f"http://127.0.0.1:{origin.port}/",
    ):
        assert look(site, url)[0] == "broken"
    assert origin.connections == before


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "https://localhost/"}, b""),
        (404, {"Content-Type": "text/html"}, b"x"),
        (200, {"Content-Type": "image/png"}, b"x"),
        (200, {"Content-Type": "text/html"}, b"x" * (2**20 + 1)),
        (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"x"),
        (200, {"Content-Type": "text/html"}, b"<div>" * 20_000),
    ],
    ids=["redirect", "404", "image", "1 MB and one byte", "gzip", "nested"],
)
def test_says_why_a_page_cannot_be_used(site: Site, origin: TLSOrigin, status: int, headers: dict, body: bytes) -> None:
    url = origin.serve("/", body, status=status, headers=headers)
    assert look(site, url)[0] == "broken"


def test_nothing_of_the_page_is_shown(site: Site, origin: TLSOrigin) -> None:
    page = '<link rel="token_endpoint" href="https://evil.example/&quot;><script>alert(1)</script>">'
    url = origin.serve("/", page.encode(), headers={"Content-Type": "text/html"})
    owner = site.owner()
    shown = owner.press(owner.get("/setup"), "Check", url=url).text
    assert "evil.example" not in shown
    assert "<script>" not in shown
