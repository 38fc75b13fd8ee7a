"""The pages run: every Python block that is not a file of its own, one page at a time, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from docs import check, links
from tests.support.demo import ROOT
from tests.support.quickstart import code_blocks, page

DOCS = ROOT / "docs"
#: Pages whose blocks other tests run with real servers and clients.
ELSEWHERE = {
    "tutorial/index": "tests/docs/test_tutorial.py",
    "howto/beyond-flask": "tests/test_readme.py",
    "howto/testing": "tests/examples/test_minimal.py",
    "reference/signals": "tests/test_metrics_recipe.py",
    "recipes/client": "tests/publish/test_recipe.py",
    "recipes/fastmcp": "tests/interop/test_recipes.py",
    "recipes/mcp_sdk": "tests/interop/test_recipes_beyond_flask.py",
    "recipes/django": "tests/interop/test_recipes_beyond_flask.py",
}


def pages() -> list[str]:
    """Return the pages that hold Python blocks."""
    names = [path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")]
    kept = [name for name in names if not name.startswith(("made/", "_build/"))]
    return sorted(name for name in kept if code_blocks(page(name)))


@pytest.mark.parametrize("name", [name for name in pages() if name not in ELSEWHERE])
def test_the_python_blocks_of_a_page_run_in_their_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_SECRET_KEY", "key")
    namespace: dict[str, Any] = {"__name__": "page"}
    for number, block in enumerate(code_blocks(page(name)), 1):
        exec(compile(block, f"{name}.md, block {number}", "exec"), namespace)


def test_every_page_with_blocks_that_run_elsewhere_still_has_some() -> None:
    assert set(ELSEWHERE) <= set(pages())
    assert [test for test in ELSEWHERE.values() if not (ROOT / test).is_file()] == []


def test_the_drop_in_server_of_the_page_signs_somebody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in code_blocks(page("howto/drop-in")):
        exec(compile(block, "drop-in.md", "exec"), namespace)
    browser = namespace["app"].test_client()
    assert "missing-client-id" in browser.get("/authorize").text
    assert browser.post("/token", data={"grant_type": "authorization_code"}).status_code == 400


def test_every_link_between_pages_leads_to_a_file() -> None:
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        if path.relative_to(DOCS).parts[0] in ("made", "_build"):
            continue
        for target in re.findall(r"\]\((?!https?://|#|<)([^)#\s]+)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                found.append(f"{path.relative_to(DOCS)}: {target}")
    assert found == []


BUILT = """<html><head><link rel="stylesheet" href="{style}"></head><body><h1 id="top">x</h1>
<a href="{link}">there</a></body></html>"""


@pytest.mark.parametrize(
    ("style", "link", "problem"),
    [
        ("style.css", "#top", None),
        ("style.css", "other.html#top", None),
        ("https://cdn.example/style.css", "#top", "page.html loads https://cdn.example/style.css"),
        ("gone.css", "#top", "page.html loads a file that does not exist: gone.css"),
        ("style.css", "gone.html", "page.html links to a page that does not exist: gone.html"),
        ("style.css", "other.html#gone", "page.html links to an element that does not exist: other.html#gone"),
    ],
)
def test_the_check_of_built_pages_sees_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str, link: str, problem: str | None
) -> None:
    monkeypatch.setattr(check, "documented", lambda folder: set(check.public_names()))
    (tmp_path / "style.css").touch()
    (tmp_path / "page.html").write_text(BUILT.format(style=style, link=link))
    (tmp_path / "other.html").write_text(BUILT.format(style="style.css", link="page.html"))
    assert list(check.problems(tmp_path)) == ([problem] if problem else [])


def test_the_check_misses_a_public_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "documented", lambda folder: set(check.public_names()) - {"flask_cimd.CIMD"})
    assert list(check.problems(tmp_path)) == ["flask_cimd.CIMD is public and not in the reference"]


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({}, "see `flask_cimd_site/limits.py` and [here](client.md)"),
        (
            {"Source": "https://code.example/it"},
            "see [limits](https://code.example/it/blob/main/flask_cimd_site/limits.py) and [here](client.md)",
        ),
    ],
)
def test_links_to_files_beside_the_pages_need_a_public_repository(urls: dict[str, str], expected: str) -> None:
    source = ["see [limits](../../flask_cimd_site/limits.py) and [here](client.md)"]
    links.unlink_files(DOCS, "recipes/django", source, {"urls": urls})
    assert source == [expected]
