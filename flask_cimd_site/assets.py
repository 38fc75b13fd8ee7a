"""Static files: their addresses hold a version, so that browsers keep them for a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

_KEPT = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    """Add the version to the address of every static file, and let browsers keep what such an address answers."""
    folder = Path(str(app.static_folder))

    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and (version := _version(folder / str(values.get("filename")))):
            values["v"] = version

    def keep(answer: Response) -> Response:
        asked = request.args.get("v")
        # An address with another version than today's may have to answer with the next one soon.
        if request.endpoint == "static" and answer.status_code in (200, 304) and asked is not None:
            name = (request.view_args or {}).get("filename", "")
            answer.headers["Cache-Control"] = _KEPT if asked == _version(folder / name) else "no-cache"
        return answer

    app.url_defaults(add_version)
    app.after_request(keep)


@cache
def _version(file: Path) -> str | None:
    """Return the first digits of the digest of a file; files of a running site do not change."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else None
