"""The owner writes, looks at what happened, and makes a token for a script, in Chromium without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.site.posting import png
from tests.support.demo import RunningDemo, running_demo


@pytest.fixture(scope="module")
def written_site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_demo(tmp_path_factory.mktemp("written")) as demo:
        yield demo


def test_a_day_of_the_owner(open_page: Any, written_site: RunningDemo, tmp_path: Path, screen: dict[str, int]) -> None:
    watch = open_page(viewport=screen, java_script_enabled=False)
    page, base = watch.page, written_site.base_url
    page.goto(base + "/login")
    page.get_by_label("Password").fill(written_site.password)
    page.get_by_role("button", name="Log in").click()

    photo = tmp_path / "photo.png"
    photo.write_bytes(png())
    page.goto(base + "/write")
    page.get_by_label("Text").fill("Hello **world**")
    page.get_by_label("Add a photo").first.set_input_files(photo)
    page.get_by_label("Description").first.fill("A square")
    page.get_by_role("button", name="Publish").click()
    assert page.locator(".e-content strong").inner_text() == "world"
    assert page.locator("img.u-photo").get_attribute("alt") == "A square"

    page.goto(base + "/write")
    page.get_by_label("Text").fill("A draft")
    page.get_by_role("button", name="Save as a draft").click()
    draft = page.url
    assert requests.get(draft, timeout=10).status_code == 404
    page.get_by_role("button", name="Publish").click()
    assert requests.get(draft, timeout=10).status_code == 200
    page.locator("main").get_by_role("link", name="Edit").click()
    page.get_by_label("Text").fill("Changed")
    page.get_by_role("button", name="Save").click()
    assert page.locator(".e-content").inner_text() == "Changed"
    page.get_by_role("button", name="Delete").click()
    assert requests.get(draft, timeout=10).status_code == 410
    page.get_by_role("button", name="Undo").click()
    assert requests.get(draft, timeout=10).status_code == 200

    page.goto(base + "/tokens")
    page.get_by_label("Name of the script").fill("my script")
    page.get_by_role("button", name="Make the token").click()
    headers = {"Authorization": f"Bearer {page.locator('#token').inner_text()}"}

    def post() -> int:
        form = {"h": "entry", "content": "by a script"}
        return requests.post(base + "/micropub", data=form, headers=headers, timeout=10).status_code

    assert post() == 201
    page.goto(base + "/tokens")
    page.get_by_role("button", name="End my script").click()
    assert post() == 401

    page.goto(base + "/activity")
    page.get_by_label("What").select_option("token-made")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "my script" in page.locator("ol.events li").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "token-made" in Path(download.value.path()).read_text(encoding="utf-8")
    for path in ("/", "/write", "/notes", "/tokens", "/activity"):
        page.goto(base + path)
        watch.require_calm(urlsplit(base).netloc)
