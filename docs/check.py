"""Checks the built pages: ``python -m docs.check FOLDER`` prints what is wrong and ends with exit code 1.

Every link leads to a page and an element that exist, no page loads anything from another host, and every public name
is in the index of objects.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs.generate.api import public_names

#: Attributes by which a page loads something, by element.
_LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


class _Page(HTMLParser):
    """The links, identifiers and loaded addresses of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is looked at."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in _LOADS and given.get(_LOADS[tag]) and "canonical" not in given.get("rel", ""):
            self.loads.append(given[_LOADS[tag]])


def problems(folder: Path) -> Iterator[str]:
    """Yield one line for each problem."""
    read = cache(lambda path: _Page(path.read_text(encoding="utf-8")))
    for path in sorted(folder.rglob("*.html")):
        page, name = read(path), path.relative_to(folder).as_posix()
        for address in page.loads:
            if urlsplit(address).netloc:
                yield f"{name} loads {address}"
            elif not address.startswith("data:") and not _target(path, address).is_file():
                yield f"{name} loads a file that does not exist: {address}"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = _target(path, address)
            if not target.is_file():
                yield f"{name} links to a page that does not exist: {address}"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids:
                yield f"{name} links to an element that does not exist: {address}"
    missing = set(public_names()) - documented(folder)
    yield from (f"{name} is public and not in the reference" for name in sorted(missing))


def documented(folder: Path) -> set[str]:
    """Return the names in Sphinx's inventory of a build."""
    content = (folder / "objects.inv").read_bytes()
    start = content.index(b"zlib.\n") + len(b"zlib.\n")
    lines = zlib.decompress(content[start:]).decode().splitlines()
    return {line.partition(" ")[0] for line in lines if " py:" in line}


def _target(page: Path, address: str) -> Path:
    path = unquote(urlsplit(address).path)
    return page.parent.joinpath(path).resolve() if path else page


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1]).resolve()))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "every link and every public name is there\n")
    sys.exit(bool(found))
