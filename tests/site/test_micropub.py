"""The Micropub endpoint, as W3C Micropub and the site's own bounds have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from flask_cimd_site.site import commands
from tests.site.posting import Poster, png
from tests.support.browser import Site, publish_client, soup
from tests.support.origin import TLSOrigin
from tests.support.proves import proves


def error_of(answer) -> str:
    assert "error_description" in answer.json(), answer.text
    return answer.json()["error"]


# -- who may post -------------------------------------------------------------------------------------------------


@proves("IA-111")
def test_asks_for_a_token_without_naming_an_error(site: Site) -> None:
    answer = site.browser().post("/micropub", {"h": "entry", "content": "x"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "error" not in answer.headers["WWW-Authenticate"]


def test_takes_the_token_from_a_form(poster: Poster) -> None:
    fields = {"h": "entry", "content": "x", "access_token": poster.token}
    assert poster.browser.post("/micropub", fields).status_code == 201


def test_never_keeps_the_token_of_a_form(poster: Poster) -> None:
    url = poster.browser.post("/micropub", {"content": "x", "access_token": poster.token}).headers["Location"]
    assert set(poster.source(url)) == {"content", "published", "post-status"}


def test_refuses_a_token_in_header_and_form(poster: Poster) -> None:
    answer = poster.form({"content": "x", "access_token": poster.token})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_refuses_a_token_in_the_query(poster: Poster) -> None:
    answer = poster.browser.post(f"/micropub?access_token={poster.token}", {"content": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_refuses_an_unknown_token(poster: Poster) -> None:
    poster.token = "unknown"
    answer = poster.form({"content": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_refuses_a_revoked_token(site: Site, origin: TLSOrigin) -> None:
    poster, owner = Poster(site, origin), site.owner()
    owner.press(owner.get("/apps"), "Revoke access")
    assert poster.form({"content": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("scope", "body", "needed"),
    [
        ("update", {"type": ["h-entry"], "properties": {"content": ["x"]}}, "create"),
        ("create", {"action": "update", "replace": {"content": ["y"]}}, "update"),
        ("create update", {"action": "delete"}, "delete"),
        ("create delete", {"action": "undelete"}, "undelete"),
        ("post", {"action": "delete"}, "delete"),
    ],
)
def test_names_the_scope_that_is_missing(
    make_poster: Callable[..., Poster], poster: Poster, scope: str, body: dict, needed: str
) -> None:
    url = poster.note()
    answer = make_poster(scope).json({**body, "url": url})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert f'scope="{needed}"' in answer.headers["WWW-Authenticate"]
    assert poster.page(url).status_code == 200


def test_reads_post_as_create_and_update(make_poster: Callable[..., Poster]) -> None:
    old = make_poster("post")
    url = old.note()
    assert old.update(url, replace={"content": ["changed"]}).status_code == 204
    assert old.upload(png()).status_code == 201


def test_a_token_for_reading_the_profile_does_not_post(make_poster: Callable[..., Poster]) -> None:
    reader = make_poster("profile")
    assert reader.form({"content": "x"}).status_code == 403
    assert reader.query(q="source").status_code == 403
    assert reader.upload(png()).status_code == 403


def test_a_token_for_drafts_never_publishes(make_poster: Callable[..., Poster]) -> None:
    drafter = make_poster("draft")
    url = drafter.note("quiet", post_status=["published"])
    assert drafter.page(url).status_code == 404
    assert make_poster().source(url)["post-status"] == ["draft"]
    assert drafter.update(url, replace={"post-status": ["published"]}).status_code == 403


@pytest.mark.parametrize("scope", ["create", "draft"])
def test_drafts_are_told_to_apps_that_may_read_them_alone(
    make_poster: Callable[..., Poster], poster: Poster, scope: str
) -> None:
    other = make_poster(scope)
    draft, public = poster.note("secret plan", post_status=["draft"]), poster.note("known")
    answer = other.query(q="source", url=draft)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert [item["properties"]["url"] for item in other.query(q="source").json()["items"]] == [[public]]
    assert other.source(public)["content"] == ["known"]


def test_publishing_a_draft_takes_the_scope_create(make_poster: Callable[..., Poster], poster: Poster) -> None:
    url = poster.note("not yet", post_status=["draft"])
    editor = make_poster("update")
    assert editor.update(url, replace={"content": ["better"]}).status_code == 204
    for change in ("replace", "add"):
        answer = editor.update(url, **{change: {"post-status": ["published"]}})
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert poster.page(url).status_code == 404


def test_a_deleted_post_is_told_to_nobody(poster: Poster) -> None:
    url = poster.note("gone")
    poster.form({"action": "delete", "url": url})
    assert error_of(poster.query(q="source", url=url)) == "invalid_request"
    assert poster.query(q="source").json() == {"items": []}


# -- create ---------------------------------------------------------------------------------------------------------


def test_creates_from_a_form(poster: Poster) -> None:
    fields = [("h", "entry"), ("content", "Hello world"), ("category[]", "one"), ("category[]", "two")]
    answer = poster.form(fields)
    assert answer.status_code == 201
    source = poster.source(answer.headers["Location"])
    assert source["content"] == ["Hello world"]
    assert source["category"] == ["one", "two"]


def test_an_app_cannot_fill_the_site_with_words(poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_cimd_site.site.posts._MOST_STORED", 1000)
    statuses = [poster.form({"h": "entry", "content": "word " * 100}).status_code for _ in range(3)]
    assert statuses == [201, 413, 413]


def test_creates_from_json(poster: Poster) -> None:
    url = poster.note({"html": "<p>Hello <b>you</b></p>"}, name=["A title"], category=["x"])
    assert poster.source(url)["content"] == [{"html": "<p>Hello <b>you</b></p>"}]
    page = soup(poster.page(url))
    assert page.select_one(".h-entry h1.p-name").text == "A title"
    assert page.select_one(".e-content b").text == "you"


def test_takes_entry_when_h_is_missing(poster: Poster) -> None:
    assert poster.form({"content": "x"}).status_code == 201


@pytest.mark.parametrize("kind", ["event", "card"])
def test_refuses_other_types(poster: Poster, kind: str) -> None:
    assert error_of(poster.form({"h": kind, "name": "x"})) == "invalid_request"
    assert error_of(poster.json({"type": [f"h-{kind}"], "properties": {"name": ["x"]}})) == "invalid_request"


def test_ignores_properties_it_does_not_know(poster: Poster) -> None:
    url = poster.note("x", checkin=[{"type": ["h-card"], "properties": {}}], mp_syndicate_to=["https://x.example/"])
    assert set(poster.source(url)) == {"content", "published", "post-status"}


def test_takes_the_wished_slug(poster: Poster) -> None:
    answer = poster.form({"content": "x", "mp-slug": "My First Note!"})
    assert answer.headers["Location"].endswith("/notes/my-first-note")
    by_json = poster.json({"type": ["h-entry"], "properties": {"content": ["x"], "mp-slug": ["my-first-note"]}})
    assert "/notes/my-first-note-" in by_json.headers["Location"]


def test_two_wished_slugs_are_none() -> None:
    body = {"type": ["h-entry"], "properties": {"content": ["x"], "mp-slug": ["first", "second"]}}
    command = commands.from_json(body)
    assert isinstance(command, commands.Create)
    assert command.slug is None


def test_texts_for_photos_are_an_array_and_never_the_letters_of_one_text() -> None:
    command = commands.from_json({"type": ["h-entry"], "properties": {"content": ["x"]}, "mp-photo-alt": "A cat"})
    assert isinstance(command, commands.Create)
    assert command.photo_alts == ()


@pytest.mark.parametrize(
    "slug", ["../../login", "%2e%2e", "/", "日本語", "a" * 5000, "\u202e\u0000", "İı", "<script>", "?page=2#x"]
)
def test_a_slug_is_always_a_plain_path_segment(poster: Poster, slug: str) -> None:
    answer = poster.json({"type": ["h-entry"], "properties": {"content": ["x"], "mp-slug": [slug]}})
    tail = answer.headers["Location"].rpartition("/notes/")[2]
    assert 0 < len(tail) <= 80
    assert set(tail) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert poster.page(answer.headers["Location"]).status_code == 200


def test_creates_with_a_photo_in_a_multipart_form(poster: Poster) -> None:
    files = [("photo[]", ("a.png", png())), ("photo[]", ("b.jpg", png(kind="JPEG")))]
    answer = poster.form([("content", "Look"), ("mp-photo-alt[]", "Teal")], files=files)
    assert answer.status_code == 201
    first, second = poster.source(answer.headers["Location"])["photo"]
    assert first["alt"] == "Teal"
    assert second.endswith(".jpg")
    image = soup(poster.page(answer.headers["Location"])).select_one("img.u-photo")
    assert (image["src"], image["alt"]) == (first["value"], "Teal")
    assert poster.page(image["src"]).headers["Content-Type"] == "image/png"


def test_a_photo_alone_is_a_post(poster: Poster) -> None:
    assert poster.form({"h": "entry"}, files={"photo": ("a.png", png())}).status_code == 201


def test_links_a_photo_from_elsewhere_and_never_loads_it(poster: Poster) -> None:
    url = poster.note("x", photo=[{"value": "https://pictures.example/a.png", "alt": "A tree"}])
    page = soup(poster.page(url))
    assert page.select_one("a.u-photo")["href"] == "https://pictures.example/a.png"
    assert not page.select("img")


def test_keeps_a_given_date(poster: Poster) -> None:
    url = poster.note("x", published=["2020-02-29T12:00:00+02:00"])
    assert poster.source(url)["published"] == ["2020-02-29T10:00:00+00:00"]


def test_drafts_are_for_the_owner_alone(posting_site: Site, poster: Poster) -> None:
    url = poster.note("secret plan", post_status=["draft"])
    assert poster.page(url).status_code == 404
    for path in ("/", "/feed.atom"):
        assert "secret plan" not in poster.browser.get(path).text
    assert posting_site.browser().get("/notes").status_code == 303
    assert "secret plan" in posting_site.owner().get("/notes").text


def test_publishing_a_draft_gives_it_a_date(posting_site: Site, poster: Poster) -> None:
    url = poster.note("x", post_status=["draft"])
    posting_site.clock.forward(hours=2)
    assert poster.update(url, replace={"post-status": ["published"]}).status_code == 204
    assert poster.page(url).status_code == 200
    assert poster.source(url)["published"] == [posting_site.clock().isoformat(timespec="seconds")]


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"content": [""]},
        {"content": "not an array"},
        {"content": [17]},
        {"content": [{"markdown": "x"}]},
        {"content": [None]},
        {"content": ["x" * 100_001]},
        {"content": [{"html": "<ul><li>" * 2_501}]},
        {"name": ["x" * 1001]},
        {"category": ["x"], "content": []},
        {"category": [str(n) for n in range(51)], "content": ["x"]},
        {"category": [{"type": ["h-card"]}], "content": ["x"]},
        {"photo": ["javascript:alert(1)"]},
        {"photo": ["data:image/png;base64,AA"]},
        {"photo": ["/relative.png"]},
        {"photo": [{"alt": "no value"}]},
        {"like-of": ["https://"]},
        {"like-of": ["https://a.example:99999/"]},
        {"like-of": ["https://a.example/ b"]},
        {"like-of": ["https://a.example/" + "x" * 2048]},
        {"published": ["yesterday"], "content": ["x"]},
        {"published": ["0001-01-01T00:00:00+23:59"], "content": ["x"]},
        {"published": ["9999-12-31"], "content": ["x"]},
        {"post-status": ["unlisted"], "content": ["x"]},
        {"visibility": ["private"], "content": ["x"]},
    ],
)
def test_refuses_what_cannot_be_a_post_and_stores_nothing(poster: Poster, properties: dict) -> None:
    answer = poster.json({"type": ["h-entry"], "properties": properties})
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")
    assert poster.query(q="source").json() == {"items": []}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"type": ["h-entry"], "type": ["h-entry"]}',
        b"\xff\xfe{\x00}\x00",
        b'{"type": ["h-entry"], "properties": {"content": ["\\ud800"]}}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"type": ["h-entry"], "properties": []}',
        b'{"type": "h-entry", "properties": {"content": ["x"]}}',
        b'{"type": [["h-entry"]], "properties": {"content": ["x"]}}',
        b'{"action": ["update"], "url": "x"}',
        b'{"action": "explode", "url": "x"}',
        b'{"action": "delete"}',
        b'{"action": "delete", "url": 7}',
        b'{"action": "delete", "url": ["x"]}',
    ],
)
def test_refuses_bodies_that_are_no_request(poster: Poster, body: bytes) -> None:
    headers = {**poster.bearer, "Content-Type": "application/json"}
    answer = poster.browser.request("POST", "/micropub", data=body, headers=headers)
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_refuses_other_media_types(poster: Poster) -> None:
    headers = {**poster.bearer, "Content-Type": "text/plain"}
    answer = poster.browser.request("POST", "/micropub", data=b"content=x", headers=headers)
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


# -- update, delete, undelete ---------------------------------------------------------------------------------------


def test_replaces_adds_and_deletes_values(posting_site: Site, poster: Poster) -> None:
    url = poster.note("first", category=["a", "b"], name=["Title"])
    posting_site.clock.forward(minutes=1)
    changes = {"replace": {"content": ["second"]}, "add": {"category": ["c"]}, "delete": {"category": ["a"]}}
    answer = poster.update(url, **changes)
    assert (answer.status_code, answer.content) == (204, b"")
    source = poster.source(url)
    assert (source["content"], source["category"]) == (["second"], ["b", "c"])
    assert poster.update(url, delete=["name", "category"]).status_code == 204
    assert set(poster.source(url)) == {"content", "published", "post-status"}
    assert soup(poster.page(url)).select_one("time.dt-updated")


def test_adding_a_value_twice_changes_nothing(poster: Poster) -> None:
    url = poster.note("x", category=["a"])
    poster.update(url, add={"category": ["a"]})
    assert poster.source(url)["category"] == ["a"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"replace": []},
        {"replace": {"content": "text"}},
        {"add": {"category": "text"}},
        {"add": {"category": [str(n) for n in range(60)]}},
        {"delete": "category"},
        {"delete": {"category": "text"}},
        {"delete": [["category"]]},
        {"delete": ["content"]},
        {"replace": {"content": [""]}},
        {"replace": {"visibility": ["private"]}},
    ],
)
def test_refuses_updates_that_make_no_sense_and_changes_nothing(poster: Poster, changes: dict) -> None:
    url = poster.note("kept", category=["a"])
    before = poster.source(url)
    answer = poster.update(url, **changes)
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")
    assert poster.source(url) == before


def test_an_update_by_form_is_refused(poster: Poster) -> None:
    answer = poster.form({"action": "update", "url": poster.note(), "content": "x"})
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
def test_deletes_and_brings_back(poster: Poster, as_json: bool) -> None:
    send = poster.json if as_json else poster.form
    url = poster.note("here")
    assert send({"action": "delete", "url": url}).status_code == 204
    assert poster.page(url).status_code == 410
    assert "here" not in poster.browser.get("/").text
    assert error_of(poster.update(url, replace={"content": ["x"]})) == "invalid_request"
    assert send({"action": "undelete", "url": url}).status_code == 204
    assert poster.page(url).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/notes/a",
        "http://127.0.0.1:5000/notes/missing",
        "http://127.0.0.1:5000/notes/",
        "http://127.0.0.1:5000/notes/../notes/here",
        "http://127.0.0.1:5000/notes/here?x",
        "/notes/here",
        "here",
        "\x00",
    ],
)
def test_knows_posts_by_their_exact_address_alone(poster: Poster, url: str) -> None:
    poster.note("x", mp_slug=["here"])
    for body in ({"action": "delete"}, {"action": "undelete"}, {"action": "update", "replace": {"name": ["x"]}}):
        answer = poster.json({**body, "url": url})
        assert (answer.status_code, error_of(answer)) == (400, "invalid_request")
    assert error_of(poster.query(q="source", url=url)) == "invalid_request"


def test_simultaneous_changes_are_both_kept(posting_site: Site, poster: Poster) -> None:
    from dataclasses import replace

    from flask_cimd_site.site import posts

    url = poster.note("x", mp_slug=["race"])
    calls: Iterator[bool] = iter([True, False])

    def slow(post: posts.Post) -> posts.Post:
        if next(calls):  # somebody else is faster, once
            assert poster.update(url, add={"category": ["theirs"]}).status_code == 204
        words = [*post.properties.get("category", []), "ours"]
        return replace(post, properties={**post.properties, "category": words})

    with posting_site.app.app_context():
        posts.change("race", slow)
    assert poster.source(url)["category"] == ["theirs", "ours"]


# -- queries --------------------------------------------------------------------------------------------------------


def test_tells_its_configuration(poster: Poster) -> None:
    config = poster.query(q="config").json()
    assert config["media-endpoint"] == "http://127.0.0.1:5000/media"
    assert config["syndicate-to"] == []
    assert poster.query(q="syndicate-to").json() == {"syndicate-to": []}
    assert poster.query().json() == config


def test_tells_some_properties(poster: Poster) -> None:
    url = poster.note("x", category=["a"], name=["Title"])
    for name in ("properties[]", "properties"):
        answer = poster.browser.get(
            "/micropub", params=[("q", "source"), ("url", url), (name, "name"), (name, "photo")], headers=poster.bearer
        )
        assert answer.json() == {"properties": {"name": ["Title"]}}
    assert poster.query(q="source", url=url).json()["type"] == ["h-entry"]


def test_lists_posts_with_their_addresses(poster: Poster) -> None:
    url = poster.note("x")
    assert [item["properties"]["url"] for item in poster.query(q="source").json()["items"]] == [[url]]


@pytest.mark.parametrize("query", [{"q": "everything"}, {"q": ""}])
def test_refuses_other_queries(poster: Poster, query: dict) -> None:
    answer = poster.query(**query)
    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_apps_in_a_browser_may_call_from_any_origin(poster: Poster) -> None:
    answer = poster.browser.request("OPTIONS", "/micropub", headers={"Origin": "https://app.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    created = poster.form({"content": "x"})
    assert "Location" in created.headers["Access-Control-Expose-Headers"]


def test_the_home_page_says_where_to_post(site: Site) -> None:
    page = site.browser().get("/")
    assert soup(page).select_one('link[rel="micropub"]')["href"] == "http://127.0.0.1:5000/micropub"
    assert '<http://127.0.0.1:5000/micropub>; rel="micropub"' in page.headers["Link"]


# -- bounds -----------------------------------------------------------------------------------------------------------


class Endless:
    """A body of 100 MB that notes how much of it was taken."""

    def __init__(self, start: bytes = b"") -> None:
        self.taken = 0
        self.start = start

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else 65536, 65536)
        if self.taken >= 100 * 2**20:
            return b""
        chunk = (self.start + b"x" * size)[:size] if self.taken == 0 else b"x" * size
        self.taken += len(chunk)
        return chunk

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


@pytest.mark.parametrize("path", ["/micropub", "/media"])
@pytest.mark.parametrize(
    "media_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_does_not_read_a_body_of_100_megabytes(
    posting_site: Site, poster: Poster, path: str, media_type: str, announced: bool
) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' * ("multipart" in media_type)
    body = Endless(head)
    environ = create_environ(path, posting_site.base_url, method="POST", content_type=media_type)
    environ |= {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_AUTHORIZATION": poster.bearer["Authorization"]}
    environ.pop("CONTENT_LENGTH", None)
    if announced:
        environ["CONTENT_LENGTH"] = str(100 * 2**20)
    parts, status, _ = run_wsgi_app(posting_site.app, environ)
    assert status.startswith("413 ")
    assert json.loads(b"".join(parts))["error"] == "invalid_request"
    assert body.taken <= (1 if announced else 42 * 2**20)
    assert poster.query(q="source").json() == {"items": []}


def test_reads_nothing_of_a_large_body_from_whoever_has_no_token(posting_site: Site) -> None:
    body = Endless(b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n')
    environ = create_environ("/micropub", method="POST", content_type="multipart/form-data; boundary=b")
    environ |= {"wsgi.input": body, "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    _, status, _ = run_wsgi_app(posting_site.app, environ)
    assert (status[:3], body.taken) == ("401", 0)


def test_a_token_for_another_resource_is_not_let_in(site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, "/c.json", grant_types=["authorization_code"])
    token = site.owner().tokens(client_id, scope="create profile", resource=site.base_url + "/api/profile")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answer = site.browser().post("/micropub", {"content": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_long_slugs_of_the_same_words_are_told_apart(poster: Poster) -> None:
    first, second = (poster.note("x", mp_slug=["word " * 40]) for _ in range(2))
    assert first != second
    assert poster.update(second, replace={"content": ["mine"]}).status_code == 204
    assert poster.source(first)["content"] == ["x"]


def test_works_on_both_databases(any_site: Site, origin: TLSOrigin) -> None:
    poster = Poster(any_site, origin)
    answer = poster.form({"content": "Ünïcode \U0001f600 \x00 text"}, files={"photo": ("a.png", png())})
    url = answer.headers["Location"]
    assert poster.source(url)["content"] == ["Ünïcode \U0001f600  text"]
    assert poster.update(url, add={"category": ["a"]}).status_code == 204
    assert poster.page(soup(poster.page(url)).select_one("img")["src"]).status_code == 200
    assert "😀" in poster.browser.get("/feed.atom").content.decode()
    assert poster.form({"action": "delete", "url": url}).status_code == 204
    assert poster.page(url).status_code == 410
    for path in ("/notes/%00", "/media/%00", "/notes/" + "x" * 5000, "/?page=99999"):
        assert poster.browser.get(path).status_code == 404


def test_needs_no_session_and_no_csrf_token(site: Site, origin: TLSOrigin) -> None:
    client_id = publish_client(origin, "/c.json", grant_types=["authorization_code"])
    token = site.owner().tokens(client_id, scope="create")["access_token"]
    answer = site.browser().post("/micropub", {"content": "x"}, headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 201
