"""Draw every page of the demo for the documents: ``python -m tests.browser.screens docs/screens``.

A picture is written only if its pixels changed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import trustme
from PIL import Image

from tests.support.pages import every_page, looks, shown_site

#: Puts fixed words in the place of what differs from run to run: ports, certificates, identifiers.
_SETTLE = r"""() => {
    document.querySelectorAll('p > small > code:only-child').forEach(code => { code.textContent = '1a2b3c4d'; });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        node.data = node.data.replace(/127\.0\.0\.1(:\d{4,5})?/g, '203.0.113.7')
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
    image = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")
    if not _is_same(image, path):
        image.save(path, "WEBP", lossless=True, method=4)
    return path


def _is_same(image: Image.Image, path: Path) -> bool:
    if not path.exists():
        return False
    with Image.open(path) as before:
        return before.size == image.size and before.convert("RGB").tobytes() == image.tobytes()


if __name__ == "__main__":
    main()
