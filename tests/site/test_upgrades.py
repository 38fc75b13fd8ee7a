"""Databases of every earlier schema, with what the site of that time wrote, work after the upgrade."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from flask_cimd_site import schema
from tests.support.browser import Site
from tests.support.databases import private_schema
from tests.support.old_schemas import WRITTEN, write


@pytest.fixture(params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, tmp_path: Path, make_site: Callable[..., Site]) -> Site:
    """Return today's site on a database that began at the first schema and was written to at each of them."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/old.db" if is_sqlite else private_schema(request.getfixturevalue("postgres_url"))
    write(url, WRITTEN)
    return make_site(url)


def test_every_schema_has_its_data() -> None:
    scripts = ScriptDirectory.from_config(schema.migration_config()).walk_revisions()
    # A migration that adds tables or columns without a change of grants and tokens may go without.
    assert set(WRITTEN) <= {script.revision for script in scripts}
    assert list(WRITTEN) == [f"{number:04}" for number in range(1, len(WRITTEN) + 1)]


def test_tokens_of_every_schema_are_used_refreshed_and_ended(upgraded: Site) -> None:
    browser, outcome, tokens = upgraded.browser(), {}, {}
    for revision, written in WRITTEN.items():
        asked = browser.get("/userinfo", headers={"Authorization": f"Bearer {written['access_token']}"})
        refreshed = browser.refresh(written["client_id"], written["refresh_token"])
        outcome[revision] = (asked.status_code, refreshed.status_code)
        tokens[written["client_id"]] = refreshed.json().get("refresh_token", "")
    assert outcome == dict.fromkeys(WRITTEN, (200, 200))
    assert upgraded.owner().get("/apps").status_code == 200
    for client_id, token in tokens.items():
        assert browser.post("/revoke", {"token": token, "client_id": client_id}).status_code == 200
        assert browser.refresh(client_id, token).status_code == 400
