"""Draw every page of the demo for the documents: ``python -m tests.browser.screens docs/screens``.

A picture is written only if it looks different.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import trustme
from PIL import Image, ImageChops

from tests.support.pages import every_page, looks, shown_site

#: Greatest difference of a channel of 0 to 255 that nobody sees, and pictures that are taken of a page at most.
_SHADE, _MOST_TRIES = 4, 5
#: Puts fixed words in the place of what differs from run to run: ports, certificates, identifiers.
_SETTLE = r"""() => {
    document.querySelectorAll('p > small > code:only-child').forEach(code => { code.textContent = '1a2b3c4d'; });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        node.data = node.data.replace(/127\.0\.0\.1(:\d{4,5})?/g, '203.0.113.7')
            .replace(/\b[0-9a-f]{16}\b/g, '1a2b3c4d5e6f7a8b')
            .replace(/valid until [^.;]*/, 'valid until 1 May 2027')
            .replace(/\b[A-Za-z0-9_-]{32,}\b/g, 'c29tZSByYW5kb20gbGV0dGVycw');
    }
}"""


def main() -> None:
    """Draw all pages, and remove pictures of pages that are gone."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA()
    drawn = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        with shown_site(folder, ca, folder / "ca.pem") as shown:
            for page_name, open_page in every_page(shown):
                page = open_page(shown)
                page.evaluate(_SETTLE)
                for look in looks(page):
                    drawn.add(_draw(page, target / f"{page_name}-{look}.webp"))
    for path in set(target.glob("*.webp")) - drawn:
        path.unlink()


def _draw(page: Any, path: Path) -> Path:
    before, image = None, _shoot(page)
    for _ in range(_MOST_TRIES):
        if before is not None and _is_same(before, image):
            break
        before, image = image, _shoot(page)  # Chromium may shoot before all of a long page is painted
    if not path.exists() or not _is_same(Image.open(path).convert("RGB"), image):
        image.save(path, "WEBP", lossless=True, method=4)
    return path


def _shoot(page: Any) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")


def _is_same(one: Image.Image, other: Image.Image) -> bool:
    """Say whether two pictures look the same: edges that Chromium smooths differ by a shade from run to run."""
    if one.size != other.size:
        return False
    return all(high <= _SHADE for _, high in ImageChops.difference(one, other).getextrema())


if __name__ == "__main__":
    main()
