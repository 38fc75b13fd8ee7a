"""The gallery: every picture that ``make screens`` keeps in ``docs/screens``, by page."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

SCREENS = Path(__file__).parents[1] / "screens"

_NAME = re.compile(r"(?P<page>[a-z0-9-]+)-(?P<width>\d+)-(?P<theme>light|dark)\.(?:webp|png)")
#: The two pictures of a page that are shown; the others of the folder differ in width or theme alone.
_SHOWN = (("1280", "light", "on a desktop"), ("390", "dark", "on a phone, in the dark theme"))


def gallery(folder: Path = SCREENS) -> str:
    """Return a section for each page of the personal site, with a picture of a desktop and one of a phone."""
    pages: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for path in sorted(folder.glob("*.*")):
        if found := _NAME.fullmatch(path.name):
            pages[found["page"]][found["width"], found["theme"]] = path.name
    return "\n".join(_section(page, pictures) for page, pictures in pages.items())


def _section(page: str, pictures: dict[tuple[str, str], str]) -> str:
    title = page.replace("-", " ").capitalize()
    shown = [
        f"![{title} {where}](screens/{pictures[width, theme]})"
        for width, theme, where in _SHOWN
        if (width, theme) in pictures
    ]
    return f"## {title}\n\n" + "\n\n".join(shown) + "\n"
