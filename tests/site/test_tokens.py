"""Tokens that the owner makes by hand for scripts: shown once, listed, ended, and good where a provider's are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
import sqlalchemy

from flask_cimd_site.models import db
from tests.support.browser import Browser, Site, soup


def make(site: Site, owner: Browser, **changes: Any) -> requests.Response:
    usual = {"name": "backup", "scope": ["create"], "resource": [site.base_url]}
    return owner.press(owner.get("/tokens"), "Make the token", **{**usual, **changes})


def secret_on(page: requests.Response) -> str:
    assert page.status_code == 200, page.text
    return str(soup(page).select_one("#token").text)


def post_with(site: Site, token: str) -> int:
    form = {"h": "entry", "content": "by a script"}
    answer = site.browser().post("/micropub", form, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def test_a_token_posts_until_it_is_ended(any_site: Site) -> None:
    owner = any_site.owner()
    token = secret_on(make(any_site, owner))
    assert post_with(any_site, token) == 201
    page = owner.get("/tokens")
    assert token not in page.text  # shown once
    assert "backup" in page.text
    assert owner.press(page, "End").status_code == 303
    assert post_with(any_site, token) == 401
    assert "backup" not in soup(owner.get("/tokens")).select_one("section").text


def test_a_token_ends_with_its_last_day(site: Site) -> None:
    owner = site.owner()
    day = (site.clock() + timedelta(days=3)).date()
    token = secret_on(make(site, owner, ends=day.isoformat()))
    site.clock.forward(days=3)
    assert post_with(site, token) == 201
    site.clock.forward(days=1)
    assert post_with(site, token) == 401


def test_a_token_does_only_what_was_chosen(site: Site) -> None:
    owner = site.owner()
    token = secret_on(make(site, owner, scope=["draft"]))
    assert post_with(site, token) == 201
    assert "by a script" not in site.browser().get("/").text
    assert "by a script" in owner.get("/notes").text
    headers = {"Authorization": f"Bearer {token}"}
    assert site.browser().post("/media", headers=headers).status_code == 403


def test_a_token_works_only_where_was_chosen(site: Site) -> None:
    owner, profile = site.owner(), f"{site.base_url}/api/profile"
    token = secret_on(make(site, owner, scope=["profile"], resource=[profile]))
    headers = {"Authorization": f"Bearer {token}"}
    assert site.browser().get("/api/profile", headers=headers).json()["me"] == f"{site.base_url}/"
    assert post_with(site, token) == 401


def test_a_token_is_introspected_and_revoked_as_any_other(site: Site) -> None:
    token = secret_on(make(site, site.owner()))
    browser, headers = site.browser(), {"Authorization": f"Bearer {token}"}
    found = browser.post("/introspect", {"token": token}, headers=headers).json()
    assert (found["active"], found["scope"], found["me"]) == (True, "create", f"{site.base_url}/")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "Enter a name, so that you recognise the token later."),
        ({"name": "\u202e \x00"}, "Enter a name, so that you recognise the token later."),
        ({"scope": []}, "Choose what the script may do."),
        ({"scope": ["atproto", "<b>", "root"]}, "Choose what the script may do."),
        ({"resource": []}, "Choose where the token works."),
        ({"resource": ["https://evil.example/"]}, "Choose where the token works."),
        ({"ends": ""}, "Choose a day from tomorrow on, within a year."),
        ({"ends": "2020-01-01"}, "Choose a day from tomorrow on, within a year."),
        ({"ends": "9999-12-31"}, "Choose a day from tomorrow on, within a year."),
        ({"ends": "soon"}, "Choose a day from tomorrow on, within a year."),
    ],
)
def test_what_is_wrong_is_said(site: Site, changes: dict[str, Any], problem: str) -> None:
    answer = make(site, site.owner(), **changes)
    assert answer.status_code == 400
    assert soup(answer).select_one("#problem").text == problem
    with site.app.app_context(), db.engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM script_token")).scalar() == 0


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\u202eevil", "x" * 10_000])
def test_names_are_shown_harmlessly(any_site: Site, name: str) -> None:
    owner = any_site.owner()
    secret_on(make(any_site, owner, name=name))
    page = owner.get("/tokens")
    assert not soup(page).select("script")
    assert "\u202e" not in page.text
    assert "x" * 101 not in page.text
    assert owner.get("/activity").status_code == 200


@pytest.mark.parametrize("token", ["x", "", "%00", "\x00" * 5])
def test_a_token_that_does_not_exist_is_not_ended(any_site: Site, token: str) -> None:
    owner = any_site.owner()
    secret_on(make(any_site, owner))
    assert owner.press(owner.get("/tokens"), "End", id=token).status_code == 404


@pytest.mark.parametrize("path", ["/tokens", "/tokens/end"])
def test_nobody_else_makes_or_ends_one(site: Site, path: str) -> None:
    assert site.owner().post(path).status_code == 400  # without a token of a form
    stranger = site.browser()
    token = soup(stranger.get("/login")).select_one("input[name=csrf_token]")["value"]
    assert stranger.post(path, {"csrf_token": token}).headers["Location"].startswith("/login")


def test_an_old_login_is_checked_again(site: Site) -> None:
    owner = site.owner()
    page = owner.get("/tokens")
    site.clock.forward(minutes=10)
    answer = owner.press(page, "Make the token", name="x", scope=["create"])
    assert answer.headers["Location"].startswith("/account/check")


def test_secrets_are_in_no_table(site: Site) -> None:
    token = secret_on(make(site, site.owner()))
    with site.app.app_context(), db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            assert token not in str(connection.execute(sqlalchemy.select(table)).all())
