"""The owner writes, edits, deletes and brings back posts on the site itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy

from flask_cimd_site.models import db
from flask_cimd_site.site import upkeep
from flask_cimd_site.site.markdown import as_html
from tests.site.posting import Poster, png
from tests.support.browser import Browser, Site, soup


def write(owner: Browser, text: str = "", files: Any = None, page: str = "/write", **fields: str) -> requests.Response:
    """Send the form of a new post, or of the page of another form, as a browser does."""
    form = soup(owner.get(page)).select_one("main form[enctype]")
    hidden = {str(tag["name"]): str(tag.get("value", "")) for tag in form.select("input[type=hidden]")}
    kept = {str(tag["name"]): str(tag.get("value", "")) for tag in form.select("input[type=text]")}
    parts = {**{name: (None, value) for name, value in {**hidden, **kept, "text": text, **fields}.items()}}
    return owner.request("POST", str(form["action"]), files={**parts, **(files or {})})


def path_of(answer: requests.Response) -> str:
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["Location"]).path


def rows(site: Site, table: str = "post") -> list[Any]:
    with site.app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(db.metadata.tables[table])).all())


@pytest.fixture
def owner(posting_site: Site) -> Browser:
    return posting_site.owner()


@pytest.fixture
def stranger(posting_site: Site) -> Browser:
    return posting_site.browser()


def test_a_note_in_markdown_is_published(owner: Browser, stranger: Browser) -> None:
    assert as_html("# Title") == "<h2>Title</h2>"  # the page has its own h1
    path = path_of(write(owner, "Hello **world**\nsee https://a.example/\n\n- one\n- two"))
    assert path == "/notes/hello-world-see-https-a-example-one"
    content = soup(stranger.get(path)).select_one(".e-content")
    assert content.select_one("strong").text == "world"
    assert [item.text for item in content.select("li")] == ["one", "two"]
    assert content.select_one("br") is not None
    assert content.select_one("a")["href"] == "https://a.example/"


def test_what_was_written_comes_back_for_editing(owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "First *draft*", name="A title"))
    page = soup(owner.get(f"{path}/edit"))
    assert page.select_one("textarea").text.strip() == "First *draft*"
    assert page.select_one("input[name=name]")["value"] == "A title"
    assert path_of(write(owner, "Second", page=f"{path}/edit")) == path
    shown = soup(stranger.get(path))
    assert shown.select_one(".e-content").text.strip() == "Second"
    assert shown.select_one("h1").text == "A title"


def test_a_draft_is_published_later(posting_site: Site, owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "Not yet", draft="1"))
    assert stranger.get(path).status_code == 404
    posting_site.clock.forward(hours=1)
    owner.press(owner.get(path), "Publish")
    assert stranger.get(path).status_code == 200
    assert rows(posting_site)[0].published_at == posting_site.clock().timestamp()


def test_a_photo_has_a_description(owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "Look", files={"photo-1": ("x.png", png()), "new-alt-1": (None, "A <square>")}))
    image = soup(stranger.get(path)).select_one("img.u-photo")
    assert image["alt"] == "A <square>"
    assert stranger.get(urlsplit(str(image["src"])).path).headers["Content-Type"].startswith("image/")
    write(owner, "Look", page=f"{path}/edit", **{"alt-0": "Another"})
    assert soup(stranger.get(path)).select_one("img.u-photo")["alt"] == "Another"
    write(owner, "Look", page=f"{path}/edit", **{"remove-0": "on"})
    assert soup(stranger.get(path)).select("img.u-photo") == []


LIES = {
    "text": b"this is no image",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "truncated": png()[:40],
    "empty": b"",
    "polyglot": b"GIF89a<script>alert(1)</script>",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_photo_that_is_none_is_refused_and_the_text_kept(posting_site: Site, owner: Browser, lie: str) -> None:
    answer = write(owner, "My long text", files={"photo-1": ("x.png", LIES[lie], "image/png")})
    assert answer.status_code == 400
    page = soup(answer)
    assert page.select_one("#problem[role=alert]").text
    assert page.select_one("textarea").text.strip() == "My long text"
    assert (rows(posting_site), rows(posting_site, "media")) == ([], [])


def test_a_huge_photo_is_refused(posting_site: Site, owner: Browser) -> None:
    answer = write(owner, "x", files={"photo-1": ("x.png", b"\x89PNG" + b"\0" * (11 * 1024 * 1024))})
    assert answer.status_code == 413
    assert rows(posting_site) == []


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("", "", "Write something, or add a photo."),
        (" \n\x00 ", "", "Write something, or add a photo."),
        ("x" * 50_001, "", "The text is longer than 50000 characters."),
        ("x", "t" * 10_000, "The title is longer than 200 characters."),
    ],
)
def test_what_is_wrong_is_said(posting_site: Site, owner: Browser, text: str, name: str, problem: str) -> None:
    answer = write(owner, text, name=name)
    assert answer.status_code == 400
    assert soup(answer).select_one("#problem").text == problem
    assert rows(posting_site) == []


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](https://evil.example/t.gif)", "a\u202eb"]
)
def test_text_can_do_nothing(owner: Browser, stranger: Browser, text: str) -> None:
    path = path_of(write(owner, f"before {text} after", name=text))
    for page in (stranger.get(path), stranger.get("/"), owner.get("/notes"), owner.get(f"{path}/edit")):
        assert page.status_code == 200
        found = soup(page)
        assert not found.select("script, main .e-content img[src]")
        assert not [link for link in found.select("a[href]") if str(link["href"]).startswith("javascript")]


@pytest.mark.parametrize(
    "text", ["[" * 50_000, "*a " * 16_000, "> " * 25_000, "`" * 50_000, "![" * 25_000, "<a" * 25_000]
)
def test_hostile_text_is_read_in_no_time(text: str) -> None:
    assert as_html(text)


def test_a_deleted_note_is_brought_back_by_undo(owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "Precious"))
    after = owner.press(owner.get(path), "Delete")
    assert stranger.get(path).status_code == 410
    notes = owner.get(after.headers["Location"])
    assert "Precious" in soup(notes).select_one("[role=status]").text
    owner.press(notes, "Undo")
    assert stranger.get(path).status_code == 200


def test_a_deleted_note_can_be_brought_back_for_30_days(posting_site: Site, owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "Precious", files={"photo-1": ("x.png", png())}))
    kept = path_of(write(owner, "Other", files={"photo-1": ("x.png", png())}))
    owner.press(owner.get(path), "Delete")

    def sweep() -> int:
        with posting_site.app.app_context():
            return upkeep.sweep(posting_site.clock(), 100)

    token = soup(owner.get("/notes")).select_one("input[name=csrf_token]")["value"]
    posting_site.clock.forward(days=30)
    assert sweep() == 0
    posting_site.clock.forward(seconds=1)
    assert (sweep(), sweep()) == (1, 0)
    owner = posting_site.owner()
    assert "Precious" not in owner.get("/notes").text
    token = soup(owner.get("/notes")).select_one("input[name=csrf_token]")["value"]
    assert owner.post(f"{path}/undelete", {"csrf_token": token}).status_code == 410
    assert stranger.get(path).status_code == 410  # the address stays taken
    image = soup(stranger.get(kept)).select_one("img.u-photo")
    assert [row.name for row in rows(posting_site, "media")] == [str(image["src"]).rpartition("/")[2]]


def test_a_change_by_an_app_meanwhile_is_not_lost(owner: Browser, poster: Poster) -> None:
    path = path_of(write(owner, "Mine"))
    page = owner.get(f"{path}/edit")
    url = owner.base_url + path
    poster.json({"action": "update", "url": url, "replace": {"content": ["Theirs"]}})
    fields = {str(tag["name"]): str(tag["value"]) for tag in soup(page).select("main input[type=hidden]")}
    answer = owner.request(
        "POST", f"{path}/edit", files={k: (None, v) for k, v in {**fields, "text": "Mine 2"}.items()}
    )
    assert answer.status_code == 409
    assert "changed meanwhile" in soup(answer).select_one("#problem").text
    assert soup(answer).select_one("textarea").text.strip() == "Mine 2"
    assert poster.source(url)["content"] == ["Theirs"]
    assert soup(owner.get(f"{path}/edit")).select_one("textarea").text.strip() == "Theirs"


def test_other_properties_of_an_app_stay(owner: Browser, poster: Poster) -> None:
    url = poster.note({"html": "<p>By <b>app</b></p>"}, category=["tag"])
    path = urlsplit(url).path
    page = soup(owner.get(f"{path}/edit"))
    assert page.select_one("textarea").text.strip() == "<p>By <b>app</b></p>"
    write(owner, "<p>By <i>me</i></p>", page=f"{path}/edit")
    assert poster.source(url)["category"] == ["tag"]
    assert soup(poster.page(url)).select_one(".e-content i").text == "me"


@pytest.mark.parametrize("slug", ["missing", "%00", "x" * 5_000])
def test_there_is_nothing_else_to_edit(owner: Browser, slug: str) -> None:
    assert owner.get(f"/notes/{slug}/edit").status_code == 404


@pytest.mark.parametrize("path", ["/write", "/notes/mine/edit", "/notes/mine/undelete"])
def test_nobody_else_writes(posting_site: Site, owner: Browser, stranger: Browser, path: str) -> None:
    write(owner, "mine")
    assert owner.post(path, {"text": "evil"}).status_code == 400  # without a token of a form
    token = soup(stranger.get("/login")).select_one("input[name=csrf_token]")["value"]
    assert stranger.post(path, {"csrf_token": token, "text": "evil"}).headers["Location"].startswith("/login")
    assert len(rows(posting_site)) == 1


# -- the home page ------------------------------------------------------------------------------------------------


def test_strangers_see_a_page_without_tools(owner: Browser, stranger: Browser) -> None:
    write(owner, "Hello")
    page = soup(stranger.get("/"))
    assert not page.select("nav.places, form, main .button")
    assert soup(owner.get("/")).select_one("nav.places") is not None


def test_links_to_the_page_show_name_text_and_image(owner: Browser, stranger: Browser) -> None:
    path = path_of(write(owner, "Hello <b> & **world**", files={"photo-1": ("x.png", png())}))
    found = {str(tag["property"]): str(tag["content"]) for tag in soup(stranger.get(path)).select("meta[property]")}
    assert found["og:url"] == owner.base_url + path
    assert found["og:description"] == "Hello <b> & world"
    assert found["og:image"].startswith(owner.base_url + "/media/")
    home = {str(tag["property"]): str(tag["content"]) for tag in soup(stranger.get("/")).select("meta[property]")}
    assert (home["og:type"], home["og:url"]) == ("profile", owner.base_url + "/")


def test_the_touch_icon_is_a_square(stranger: Browser) -> None:
    icon = stranger.get(str(soup(stranger.get("/")).select_one("link[rel=apple-touch-icon]")["href"]))
    assert icon.headers["Content-Type"] == "image/png"
    assert icon.content[16:24] == (180).to_bytes(4, "big") * 2


def test_dates_are_in_the_words_of_the_reader(posting_site: Site, owner: Browser, stranger: Browser) -> None:
    write(owner, "Hello")
    posting_site.clock.forward(hours=3)

    def date(language: str) -> str:
        page = stranger.get("/", headers={"Accept-Language": language})
        return str(soup(page).select_one("time.dt-published").text)

    assert (date("en"), date("de")) == ("3 hours ago", "vor 3 Stunden")
    posting_site.clock.forward(days=8)
    assert re.fullmatch(r"\d{1,2} \w+ 20\d\d", date("en"))
