"""Parts of the reference that are written from the code: ``python -m docs.generate FOLDER``.

Pages include them, so nothing of the reference is a copy that could become untrue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from . import api, database, endpoints, errors, gallery, settings

#: The function that writes each part, by file name.
PARTS: Mapping[str, Callable[[], str]] = {
    **{f"api-{package}.md": api.part(package) for package in api.PACKAGES},
    "settings.md": settings.settings,
    "profile.md": settings.profile,
    "site-settings.md": settings.site,
    "errors.md": errors.page,
    "tables.md": database.provider_tables,
    "site-tables.md": database.site_tables,
    "site-schema.md": database.site_schema,
    "endpoints.md": endpoints.provider_endpoints,
    "site-endpoints.md": endpoints.site_endpoints,
    "gallery.md": gallery.gallery,
}


def write(folder: Path) -> None:
    """Write every part into a folder."""
    folder.mkdir(exist_ok=True)
    for name, part in PARTS.items():
        text = part()
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # an unchanged file is not built again
            path.write_text(text, encoding="utf-8")
