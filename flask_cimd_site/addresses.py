"""Paths of the site's pages. They are kept, since a page has up to a hundred and building them takes a tenth of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request, url_for

_KEY = "site_addresses"
_MOST = 4096


def init_app(app: Flask) -> None:
    """Let ``url_for`` of templates be `path_of`."""

    @lru_cache(maxsize=_MOST)
    def build(root: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:  # noqa: ARG001  the root is part of the path
        return url_for(endpoint, **dict(values))

    app.extensions[_KEY] = build
    app.jinja_env.globals["url_for"] = path_of


def path_of(endpoint: str, **values: str | int | None) -> str:
    """Return the path of a view, with the application's root, as ``url_for`` does."""
    build: Callable[[str, str, tuple[tuple[str, Any], ...]], str] = current_app.extensions[_KEY]
    return build(request.script_root, endpoint, tuple(values.items()))
