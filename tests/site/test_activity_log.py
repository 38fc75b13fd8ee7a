"""The activity log keeps what happened, in few words and without secrets, and never stands in the way of a request."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
from flask import abort
from sqlalchemy.engine import Row

from flask_cimd_site import visitor
from flask_cimd_site.activity import Kind, record
from flask_cimd_site.activity.kinds import TEXTS
from flask_cimd_site.models import db
from tests.support.browser import Site

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def events(site: Site, table: str = "activity") -> list[Row[Any]]:
    with site.app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(db.metadata.tables[table])).all())


def during(site: Site, view: Any, **kwargs: Any) -> int:
    """Run a view in a request of a real app and return the status of the answer."""
    site.app.view_functions["health.healthz"] = view
    return site.browser(peer=kwargs.pop("peer", "127.0.0.1")).get("/healthz", **kwargs).status_code


def test_an_event_has_its_instant_app_and_detail(any_site: Site) -> None:
    with any_site.app.app_context():
        record(Kind.APPROVED, app="https://app.example/client.json", detail="profile create")
    (event,) = events(any_site)
    assert (event.at, event.kind) == (any_site.clock().timestamp(), "approved")
    assert (event.app, event.detail) == ("https://app.example/client.json", "profile create")
    assert (event.browser, event.network) == ("", "")


def test_the_browser_is_named_and_the_address_shortened(site: Site) -> None:
    def view() -> str:
        record(Kind.LOGIN)
        return "ok"

    assert during(site, view, headers={"User-Agent": FIREFOX}, peer="203.0.113.77") == 200
    (event,) = events(site)
    assert (event.browser, event.network) == ("Firefox on Linux", "203.0.113.0/24")


def test_a_refused_request_is_recorded(any_site: Site) -> None:
    def view() -> str:
        record(Kind.REFUSED, app="https://app.example/", detail="host-denied")
        abort(403)

    assert during(any_site, view) == 403
    assert [event.detail for event in events(any_site)] == ["host-denied"]


def test_a_view_that_holds_a_transaction_is_recorded(any_site: Site) -> None:
    def view() -> str:
        with db.engine.begin() as connection:
            connection.execute(sqlalchemy.text("DELETE FROM post"))
            record(Kind.REVOKED)
        return "ok"

    assert during(any_site, view) == 200
    assert len(events(any_site)) == 1


def test_a_broken_log_breaks_no_request(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE activity_notice"))
        connection.execute(sqlalchemy.text("DROP TABLE activity"))

    def view() -> str:
        record(Kind.LOGIN)
        return "ok"

    assert during(site, view) == 200
    assert "the activity log cannot be written: OperationalError; lost: login" in caplog.text


@pytest.mark.parametrize("text", ["\x00\u202eevil", "<script>", "x" * 10_000, "\ud800"])
def test_any_text_is_kept_safe_and_short(any_site: Site, text: str) -> None:
    with any_site.app.app_context():
        record(Kind.REFUSED, app=text, detail=text)
    (event,) = events(any_site)
    assert len(event.detail) <= 500
    assert len(event.app or "") <= 2048
    assert "\u202e" not in event.detail


def test_notable_events_are_unread_at_first(any_site: Site) -> None:
    with any_site.app.app_context():
        for kind in (Kind.LOGIN, Kind.APPROVED, Kind.REUSE, Kind.DENIED):
            record(kind)
    unread = {row.activity_id for row in events(any_site, "activity_notice")}
    assert [event.kind for event in events(any_site) if event.id in unread] == ["approved", "reuse"]


def test_ten_failures_in_a_row_are_told_once(any_site: Site) -> None:
    def kinds_after(*kinds: Kind) -> int:
        with any_site.app.app_context():
            for kind in kinds:
                record(kind)
        return [event.kind for event in events(any_site)].count("login-failures")

    assert kinds_after(*[Kind.LOGIN_FAILED] * 9) == 0
    assert kinds_after(Kind.LOGIN, *[Kind.LOGIN_FAILED] * 9) == 0  # a login in between
    assert kinds_after(Kind.LOGIN_FAILED) == 1
    assert kinds_after(*[Kind.LOGIN_FAILED] * 25) == 1  # the notice is unread
    assert len(events(any_site, "activity_notice")) == 1


def test_one_request_adds_a_bounded_number_of_events(site: Site) -> None:
    def view() -> str:
        for _ in range(100):
            record(Kind.RULE_HIT)
        return "ok"

    during(site, view)
    assert len(events(site)) == 20


def test_every_kind_has_its_sentence() -> None:
    assert TEXTS.keys() == set(Kind)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5", "curl"),
        ("<script>" * 1_000, "Another program"),
        ("", "Another program"),
    ],
)
def test_browsers_are_named_without_versions(user_agent: str, name: str) -> None:
    assert visitor.browser_name(user_agent) == name
