"""Databases from before and after the account (0018) and the editor (0019) keep what is in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.security import generate_password_hash

from flask_cimd.core import digest_of
from tests.support.browser import Site, soup
from tests.support.databases import private_schema
from tests.support.old_schemas import write

THEN = datetime(2026, 11, 24, 11, tzinfo=UTC).timestamp()
PASSWORD, CODE = "a password of before", "2345-6789-abcd-efgh"
POST = {
    "slug": "old", "properties": '{"content": [{"html": "<p>From <b>before</b></p>"}]}', "is_draft": False,
    "published_at": THEN, "version": 0,
}  # fmt: skip
ACCOUNT = {
    "account": [
        {
            "id": 1, "user_handle": "00" * 32, "created_at": THEN, "password_set_at": THEN,
            "password_hash": generate_password_hash(PASSWORD, method="scrypt:1024:8:1"),
        }
    ],
    "passkey": [
        {
            "credential_id": "01", "public_key": "02", "sign_count": 7, "name": "An old key",
            "transports": "[]", "is_synced": True, "created_at": THEN, "used_at": None,
        }
    ],
    "owner_session": [
        {
            "digest": digest_of("a session"), "created_at": THEN, "proved_at": THEN, "seen_at": THEN,
            "method": "password", "browser": "Firefox on Linux", "network": "203.0.113.0/24",
        }
    ],
    "owner_secret": [
        {
            "digest": digest_of(CODE.replace("-", "")), "kind": "recovery-code", "created_at": THEN, "expires_at": None,
        }
    ],
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database."""
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path}/old.db" if is_sqlite else private_schema(request.getfixturevalue("postgres_url"))


def written(revision: str, tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {revision: {"tables": tables, "now": THEN}}


def test_posts_from_before_the_editor_are_listed_and_edited(url: str, make_site: Callable[..., Site]) -> None:
    write(url, written("0017", {"post": [POST]}))
    owner = make_site(url).owner()  # the account is made from the password of the configuration
    assert "From before" in owner.get("/notes").text
    form = owner.get("/notes/old/edit")
    assert "<b>before</b>" in soup(form).select_one("textarea[name=text]").text
    assert owner.press(form, "Save", text="<p>From <b>today</b></p>").status_code == 303
    assert soup(owner.get("/notes/old")).select_one(".e-content b").text == "today"


def test_an_account_of_the_first_schema_with_one_keeps_its_ways_in(url: str, make_site: Callable[..., Site]) -> None:
    write(url, written("0018", {**ACCOUNT, "post": [POST]}))
    site = make_site(url)
    owner = site.browser().log_in(PASSWORD)
    account = soup(owner.get("/account"))
    assert "An old key" in account.select_one("#passkeys").text
    assert "1 unused recovery code" in account.select_one("#recovery").text
    assert "Firefox on Linux" in account.select_one("#sessions").text
    assert account.select_one("#zone p").text.startswith("UTC")
    other = site.browser()
    assert other.press(other.get("/login/recovery"), "Use the code", code=CODE).headers["Location"] == "/account"
    assert "From before" in owner.get("/notes").text
