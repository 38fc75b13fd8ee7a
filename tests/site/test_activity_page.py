"""The owner reads, filters and exports the activity log, is told of what matters, and follows it in a feed reader."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from io import StringIO
from urllib.parse import urlsplit

import pytest
import sqlalchemy
from lxml import etree

from flask_cimd.provider.upkeep import EVERY
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.activity import sweep as activity_sweep
from flask_cimd_site.activity.kinds import TEXTS
from flask_cimd_site.models import db
from tests.support.browser import Browser, Site, soup

ATOM = {"a": "http://www.w3.org/2005/Atom"}
APP = "https://app.example/client.json"
BAD_FILTERS = [
    "kind=unknown",
    "since=yesterday",
    "until=2026-02-30",
    "since=0001-01-01",
    "until=9999-12-31",
    "before=x",
    "before=1_2_3",
    "before=-1_1",
    "before=1e400_1",
    "before=%00",
]


def add(site: Site, *kinds: Kind, app: str | None = None, detail: str = "") -> None:
    with site.app.app_context():
        for kind in kinds:
            record(kind, app=app, detail=detail)


def shown(owner: Browser, path: str = "/activity") -> list[str]:
    """Return the sentences on a page of the log, without the part for what is new."""
    page = owner.get(path)
    assert page.status_code == 200
    return [tag.get_text(" ", strip=True) for tag in soup(page).select("ol.events .what")]


def text(kind: Kind) -> str:
    return TEXTS[kind]._args[0]


def test_the_newest_event_comes_first(any_site: Site) -> None:
    owner = any_site.owner()
    add(any_site, Kind.LOGOUT)
    any_site.clock.forward(minutes=1)
    add(any_site, Kind.APPROVED, app=APP, detail="profile create")
    page = soup(owner.get("/activity"))
    first, second = page.select("ol.events li")[:2]
    assert text(Kind.APPROVED).rstrip(".") + ":" in first.get_text()
    assert "app.example" in first.get_text()
    assert "profile create" in first.get_text()
    assert text(Kind.LOGOUT) in second.get_text()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=approved", ["approved"]),
        ("app=app.example", ["refused", "approved"]),
        (f"app={APP}", ["approved"]),
        ("app=APP.example&kind=refused", ["refused"]),
        ("app=other.example", []),
        ("since=2027-01-01", []),
        ("until=2020-01-01", []),
        ("kind=&app=&since=&until=&kind=", ["denied", "refused", "approved"]),
    ],
)
def test_filters(any_site: Site, query: str, expected: list[str]) -> None:
    owner = any_site.browser()
    owner.log_in()
    with any_site.app.app_context(), db.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM activity"))
    add(any_site, Kind.APPROVED, app=APP)
    add(any_site, Kind.REFUSED, app="https://app.example/other.json")
    add(any_site, Kind.DENIED)
    answer = owner.get(f"/activity/export.json?{query}")
    assert [event["kind"] for event in answer.json()] == expected
    assert len(shown(owner, f"/activity?{query}")) == len(expected)


def test_days_are_those_of_the_owner(make_site) -> None:
    site = make_site(DEMO_ZONE="Pacific/Auckland")
    owner = site.owner()
    add(site, Kind.DENIED)
    here = datetime.fromtimestamp(site.clock().timestamp(), tz=site.clock().tzinfo) + timedelta(hours=13)
    day = here.date().isoformat()
    assert text(Kind.DENIED) in shown(owner, f"/activity?since={day}&until={day}&kind=denied")


def test_pages_hold_every_event_once(any_site: Site) -> None:
    owner = any_site.owner()
    for number in range(120):
        add(any_site, Kind.DENIED, detail=f"number {number}")
    found, path = [], "/activity?kind=denied"
    while path:
        page = soup(owner.get(path))
        found += [tag.get_text(strip=True) for tag in page.select("ol.events .meta [dir]")]
        link = page.select_one("a[rel=next]")
        path = str(link["href"]) if link else ""
    assert found == [f"number {number}" for number in reversed(range(120))]


@pytest.mark.parametrize("query", BAD_FILTERS)
def test_a_filter_that_cannot_be_read_is_refused(any_site: Site, query: str) -> None:
    answer = any_site.owner().get(f"/activity?{query}")
    assert answer.status_code == 400
    assert soup(answer).select_one("[role=alert]").get_text() == "This filter cannot be read. Choose again."


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "\u202eevil", "x" * 10_000, "😀" * 10_000, "\x00"])
def test_names_of_strangers_are_shown_harmlessly(any_site: Site, evil: str) -> None:
    owner = any_site.owner()
    add(any_site, Kind.REFUSED, app=f"https://app.example/{evil}", detail=evil)
    add(any_site, Kind.REUSE, app=evil, detail=evil)
    page = owner.get("/activity")
    assert page.status_code == 200
    assert not soup(page).select("script")
    assert "\u202e" not in page.text
    assert len(owner.get("/activity/export.json").json()) >= 2
    assert owner.get(f"/activity?app={evil}").status_code == 200


def test_the_log_is_exported_as_csv(site: Site) -> None:
    owner = site.owner()
    add(site, Kind.DENIED, app=APP, detail='=HYPERLINK("https://evil.example"), "x"')
    answer = owner.get("/activity/export.csv?kind=denied")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="activity.csv"'
    header, row = csv.reader(StringIO(answer.text))
    assert header == ["at", "kind", "text", "app", "detail", "browser", "network"]
    assert row[1:4] == ["denied", text(Kind.DENIED), APP]
    assert row[4] == '\'=HYPERLINK("https://evil.example"), "x"'  # a spreadsheet would run it


def test_an_export_is_read_in_pieces_and_is_whole(site: Site) -> None:
    owner = site.owner()
    with site.app.app_context(), db.engine.begin() as connection:
        row = {"at": 0, "kind": "denied", "host": "", "detail": "", "browser": "", "network": ""}
        rows = [{**row, "at": float(number // 3)} for number in range(2_500)]
        connection.execute(db.metadata.tables["activity"].insert(), rows)
    assert len(owner.get("/activity/export.json?kind=denied").json()) == 2_500
    assert owner.get("/activity/export.json?kind=set-up").json() == []


def test_a_log_in_another_format_is_not_found(site: Site) -> None:
    assert site.owner().get("/activity/export.xml").status_code == 404
    assert site.owner().get("/activity/export.csv?since=x").status_code == 400


@pytest.mark.parametrize("path", ["/activity", "/activity/export.csv", "/activity/export.json"])
def test_strangers_do_not_read_it(site: Site, path: str) -> None:
    assert site.browser().get(path).headers["Location"].startswith("/login?")


# -- notices ------------------------------------------------------------------------------------------------------


def notices(owner: Browser, path: str = "/clients") -> list[str]:
    return [tag.get_text(" ", strip=True) for tag in soup(owner.get(path)).select(".top [role=note]")]


def test_notable_events_are_told_on_every_page_until_they_are_read(any_site: Site) -> None:
    owner = any_site.owner()
    assert notices(owner) == []
    add(any_site, Kind.APPROVED, app=APP)
    add(any_site, Kind.APPROVED, app="https://second.example/")
    add(any_site, Kind.REUSE, app=APP)
    expected = [
        f"{text(Kind.REUSE).rstrip('.')}: app.example Look at it",
        f"{text(Kind.APPROVED).rstrip('.')}: second.example (and one more) Look at it",
    ]
    assert notices(owner) == notices(owner, "/explain") == expected
    page = owner.get("/activity")
    assert len(soup(page).select(".unread li")) == 3
    assert owner.press(page, "Mark as read").status_code == 303
    assert notices(owner) == []
    assert soup(owner.get("/activity")).select(".unread") == []


def test_reading_does_not_hide_what_came_after(any_site: Site) -> None:
    owner = any_site.owner()
    add(any_site, Kind.APPROVED, app=APP)
    page = owner.get("/activity")
    add(any_site, Kind.REUSE, app=APP)
    owner.press(page, "Mark as read")
    assert notices(owner) == [f"{text(Kind.REUSE).rstrip('.')}: app.example Look at it"]


def test_looking_at_the_log_is_not_reading_it(site: Site) -> None:
    owner = site.owner()
    add(site, Kind.APPROVED, app=APP)
    owner.get("/activity")
    assert len(notices(owner)) == 1


@pytest.mark.parametrize("event", ["x", "-1", "9" * 400, "１", "", "0"])
def test_events_that_do_not_exist_are_not_read(any_site: Site, event: str) -> None:
    owner = any_site.owner()
    add(any_site, Kind.APPROVED, app=APP)
    assert owner.press(owner.get("/activity"), "Mark as read", event=event).status_code == 303
    assert len(notices(owner)) == 1


@pytest.mark.parametrize("path", ["/activity/read", "/activity/feed"])
def test_nobody_else_changes_anything(site: Site, path: str) -> None:
    assert site.owner().post(path).status_code == 400  # without a token of a form
    stranger = site.browser()
    token = soup(stranger.get("/login")).select_one("input[name=csrf_token]")["value"]
    assert stranger.post(path, {"csrf_token": token}).headers["Location"].startswith("/login")


def test_strangers_see_no_notices(site: Site) -> None:
    add(site, Kind.REUSE, app=APP)
    assert text(Kind.REUSE) not in site.browser().get("/").text


# -- feed ---------------------------------------------------------------------------------------------------------


def feed_path(owner: Browser) -> str:
    return urlsplit(soup(owner.get("/activity")).select_one("#feed-url").get_text()).path


def test_the_feed_has_an_address_that_can_be_renewed_and_ended(any_site: Site) -> None:
    owner, reader = any_site.owner(), any_site.browser()
    owner.press(owner.get("/activity"), "Begin a feed")
    first = feed_path(owner)
    assert reader.get(first).status_code == 200
    owner.press(owner.get("/activity"), "New address")
    second = feed_path(owner)
    assert (reader.get(first).status_code, reader.get(second).status_code) == (404, 200)
    owner.press(owner.get("/activity"), "End the feed")
    assert reader.get(second).status_code == 404
    assert "Begin a feed" in owner.get("/activity").text


def test_the_feed_tells_what_matters(site: Site) -> None:
    owner = site.owner()
    owner.press(owner.get("/activity"), "Begin a feed")
    add(site, Kind.APPROVED, app=APP, detail="<b>scopes</b> \x00")
    add(site, *[Kind.LOGIN_FAILED] * 60, Kind.REFUSED)
    answer = site.browser().get(feed_path(owner))
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    assert answer.headers["Cache-Control"] == "no-store"
    document = etree.fromstring(answer.content)
    titles = [tag.text for tag in document.findall("a:entry/a:title", ATOM)]
    assert f"{text(Kind.APPROVED).removesuffix('.')}: app.example" in titles
    assert text(Kind.LOGIN_FAILURES) in titles
    assert text(Kind.LOGIN_FAILED) not in titles  # strangers cannot push the others out
    assert len({tag.text for tag in document.findall("a:entry/a:id", ATOM)}) == len(titles)


@pytest.mark.parametrize("secret", ["x", "0" * 40, "é", "%00", "a" * 5_000])
def test_an_address_that_is_guessed_is_not_found(site: Site, secret: str) -> None:
    assert site.browser().get(f"/activity/feed/{secret}.atom").status_code == 404
    owner = site.owner()
    owner.press(owner.get("/activity"), "Begin a feed")
    assert site.browser().get(f"/activity/feed/{secret}.atom").status_code == 404


def test_the_database_does_not_hold_the_address(site: Site) -> None:
    owner = site.owner()
    owner.press(owner.get("/activity"), "Begin a feed")
    with site.app.app_context(), db.engine.connect() as connection:
        row = connection.execute(sqlalchemy.text("SELECT * FROM activity_feed")).one()
    assert not [value for value in row if str(value) in feed_path(owner) and len(str(value)) > 1]


# -- upkeep -------------------------------------------------------------------------------------------------------


def count(site: Site) -> int:
    with site.app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(sqlalchemy.text("SELECT count(*) FROM activity")).scalar_one())


def test_events_are_kept_for_400_days(any_site: Site) -> None:
    add(any_site, Kind.APPROVED)
    any_site.clock.forward(days=400)
    with any_site.app.app_context():
        assert activity_sweep.sweep(any_site.clock(), 10) == 0
        add(any_site, Kind.DENIED)
        any_site.clock.forward(seconds=1)
        assert activity_sweep.sweep(any_site.clock(), 10) == 1
    assert count(any_site) == 1


def test_a_sweep_is_bounded(any_site: Site) -> None:
    add(any_site, *[Kind.DENIED] * 5)
    any_site.clock.forward(days=401)
    with any_site.app.app_context():
        assert [activity_sweep.sweep(any_site.clock(), 2) for _ in range(4)] == [2, 2, 1, 0]


def test_events_of_strangers_do_not_pile_up(any_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_sweep, "MOST_OF_A_KIND", 3)
    add(any_site, Kind.APPROVED)
    for number in range(6):
        any_site.clock.forward(seconds=1)
        add(any_site, Kind.REFUSED, detail=str(number))
    with any_site.app.app_context():
        assert activity_sweep.sweep(any_site.clock(), 100) == 3
    assert count(any_site) == 4


def test_an_answer_is_sent_before_the_sweep(site: Site) -> None:
    add(site, Kind.DENIED)
    site.clock.forward(days=401)
    browser = site.browser()
    browser.get("/healthz").close()
    assert count(site) == 0
    add(site, Kind.DENIED)
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE activity SET at = 0"))
    browser.get("/healthz").close()
    assert count(site) == 1  # once in ten minutes
    site.clock.forward(seconds=EVERY.total_seconds())
    browser.get("/healthz").close()
    assert count(site) == 0


def test_the_command_sweeps_everything(site: Site) -> None:
    add(site, *[Kind.DENIED] * 3)
    site.clock.forward(days=401)
    found = site.app.test_cli_runner().invoke(args=["sweep"])
    assert found.output == "3 rows deleted\n"
