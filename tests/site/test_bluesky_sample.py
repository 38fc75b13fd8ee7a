"""The sample app of the AT Protocol, as the owner uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, soup
from tests.support.demo import RunningDemo, running_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Run the demo with its sample apps."""
    with running_demo(tmp_path_factory.mktemp("skyline"), samples=True) as running:
        yield running


def test_signs_in_refreshes_and_signs_out(demo: RunningDemo) -> None:
    owner, app = demo.owner(), Browser(demo.samples["Skyline"])

    started = app.press(app.get("/"), "Sign in as @owner.test")
    decided = owner.press(owner.get(started.headers["Location"]), "Approve")
    app.get(decided.headers["Location"])
    home = app.get("/")
    refreshed = app.press(home, "Refresh")
    app.press(refreshed, "Sign out")

    assert soup(home).select("#handle")[0].text == "@owner.test"
    assert soup(home).select("#did")[0].text.startswith("did:web:localhost%3A")
    assert "The tokens were refreshed." in refreshed.text
    assert "Sign in as @owner.test" in app.get("/").text
    assert "Revoke access" not in owner.get("/apps").text


def test_a_denial_signs_nobody_in(demo: RunningDemo) -> None:
    owner, app = demo.owner(), Browser(demo.samples["Skyline"])

    started = app.press(app.get("/"), "Sign in as @owner.test")
    decided = owner.press(owner.get(started.headers["Location"]), "Deny")
    answer = app.get(decided.headers["Location"])

    assert (answer.status_code, "nobody was signed in" in answer.text) == (400, True)
