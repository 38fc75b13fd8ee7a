"""Numbers of pages in addresses."""

from __future__ import annotations

from flask import abort, request

_MOST_DIGITS = 5


def page_number() -> int:
    """Return the query's ``page``, from 1 on; anything else is a page that does not exist."""
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        abort(404)
    return int(text)
