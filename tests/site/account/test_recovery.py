"""Password, recovery codes and links, commands, and what each of them ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tests.support.browser import Site, soup

NEW = "a new and long password"


def run(site: Site, *arguments: str) -> Result:
    """Run a command of the owner."""
    return site.app.test_cli_runner().invoke(args=["owner", *arguments])


def codes_of(site: Site) -> list[str]:
    """Make recovery codes."""
    owner = site.owner()
    return [
        tag.get_text()
        for tag in soup(owner.press(owner.get("/account"), "Make new recovery codes")).select("#codes code")
    ]


def test_a_new_password_ends_the_others_and_is_the_one_that_counts(any_site: Site) -> None:
    owner, other = any_site.owner(), any_site.owner()
    assert owner.press(owner.get("/account/password"), "Save the password", new_password=NEW).status_code == 303
    assert [browser.get("/account").status_code for browser in (owner, other)] == [200, 303]
    old = any_site.browser()
    assert old.press(old.get("/login"), "Log in", password=any_site.password).status_code == 403
    any_site.browser().log_in(NEW)


@pytest.mark.parametrize("password", ["eleven char", "", "x" * 1001])
def test_a_password_has_12_to_1000_characters(site: Site, password: str) -> None:
    owner = site.owner()
    answer = owner.press(owner.get("/account/password"), "Save the password", new_password=password)
    assert (answer.status_code, 'data-slug="password-length"' in answer.text) == (403, True)


def test_a_password_that_a_keyboard_writes_in_another_way_is_the_same(site: Site) -> None:
    owner = site.owner()
    owner.press(owner.get("/account/password"), "Save the password", new_password="caf\u00e9 caf\u00e9 caf\u00e9")
    site.browser().log_in("cafe\u0301 cafe\u0301 cafe\u0301")


def test_a_code_is_good_once_however_it_is_typed(any_site: Site) -> None:
    codes = codes_of(any_site)
    assert len(set(codes)) == 10
    browser, again = any_site.browser(), any_site.browser()
    typed = codes[3].upper().replace("-", " ")
    assert browser.press(browser.get("/login/recovery"), "Use the code", code=typed).headers["Location"] == "/account"
    assert "9 unused recovery codes" in browser.get("/account").text
    assert browser.get("/account/password").status_code == 200
    refused = again.press(again.get("/login/recovery"), "Use the code", code=codes[3])
    assert (refused.status_code, 'data-slug="wrong-recovery-code"' in refused.text) == (403, True)


def test_new_codes_replace_the_old_ones(site: Site) -> None:
    old = codes_of(site)
    codes_of(site)
    browser = site.browser()
    assert browser.press(browser.get("/login/recovery"), "Use the code", code=old[0]).status_code == 403


@pytest.mark.parametrize(("seconds", "status"), [(899, 200), (900, 403)])
def test_a_recovery_link_is_good_once_for_15_minutes(site: Site, seconds: int, status: int) -> None:
    address = run(site, "recover").stdout.strip()
    assert address.startswith("http://127.0.0.1:5000/login/link?secret=")
    site.clock.forward(seconds=seconds)
    browser = site.browser()
    assert browser.get(address).status_code == status
    page = browser.get(address)  # a program that only looks does not use it up
    assert page.status_code == status
    if status == 200:
        assert browser.press(page, "Log in by this link").headers["Location"] == "/account"
        second = site.browser()
        assert second.get(address).status_code == 403
        refused = browser.press(
            page,
            "Log in by this link",
            csrf_token=soup(browser.get("/account")).select_one("[name=csrf_token]")["value"],
        )
        assert (refused.status_code, 'data-slug="link-ended"' in refused.text) == (403, True)


def test_a_code_is_no_link(site: Site) -> None:
    code = codes_of(site)[0].replace("-", "")
    assert site.browser().get(f"/login/link?secret={code}").status_code == 403


def test_the_command_sets_the_password_and_ends_every_session(site: Site) -> None:
    owner = site.owner()
    assert run(site, "set-password", "--password", "short").exit_code == 1
    assert owner.get("/account").status_code == 200
    result = run(site, "set-password", "--password", NEW)
    assert (result.exit_code, "ended: 1" in result.output) == (0, True)
    assert owner.get("/account").status_code == 303
    site.browser().log_in(NEW)


def test_the_commands_list_sessions_and_passkeys(site: Site) -> None:
    owner = site.owner()
    assert "by password" in run(site, "sessions").output
    assert "ended: 1" in run(site, "sessions", "--end-all").output
    assert owner.get("/account").status_code == 303
    assert run(site, "passkeys").output == ""
    assert run(site, "passkeys", "--remove", "7").exit_code == 2


def test_the_command_prints_a_secret_for_the_first_run(make_site: Callable[..., Site]) -> None:
    site = make_site(DEMO_FIRST_RUN="1")
    refused = run(site, "recover")
    assert (refused.exit_code, "no owner yet" in refused.output) == (1, True)
    old, new = (run(site, "set-up").output.strip() for _ in range(2))
    form = {"name": "Ada", "new_password": NEW}
    outcome = []
    for secret in (old, new):
        browser = site.browser()
        sent = browser.press(browser.get("/first-run"), "Finish with the password", secret=secret, **form)
        outcome.append(sent.status_code)
    assert outcome == [403, 303]
    refused = run(site, "set-up")
    assert (refused.exit_code, "this site has an owner" in refused.output) == (1, True)


def test_the_last_way_in_is_not_removed(site: Site) -> None:
    owner = site.owner()
    assert (
        owner.post(
            "/account/passkeys/7/remove",
            {"csrf_token": soup(owner.get("/account")).select_one("[name=csrf_token]")["value"]},
        ).status_code
        == 404
    )


def test_one_session_or_all_others_are_ended(site: Site) -> None:
    owner, other, third = site.owner(), site.owner(), site.owner()
    owner.press(owner.get("/account"), "End")
    assert [other.get("/account").status_code, third.get("/account").status_code].count(303) == 1
    owner.press(owner.get("/account"), "End all other logins")
    assert [b.get("/account").status_code for b in (owner, other, third)] == [200, 303, 303]


def test_end_everything_ends_sessions_and_apps(site: Site, origin: Any) -> None:
    from tests.support.browser import publish_client

    owner, client_id = site.owner(), publish_client(origin)
    tokens = owner.tokens(client_id)
    owner.press(owner.get("/account"), "End everything")
    assert owner.get("/account").status_code == 303
    assert owner.refresh(client_id, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_variable_only_seeds_the_password(
    make_site: Callable[..., Site], tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    url = f"sqlite:///{tmp_path}/same.db"
    make_site(url, DEMO_OWNER_PASSWORD="the first password")
    make_site(url, DEMO_OWNER_PASSWORD="the first password")
    assert "DEMO_OWNER_PASSWORD_HASH" not in caplog.text
    make_site(url, DEMO_OWNER_PASSWORD="the second password").browser().log_in("the first password")
    assert "the owner's password is not the one in DEMO_OWNER_PASSWORD" in caplog.text
