"""Markdown that the owner writes, as HTML."""

from __future__ import annotations

from markdown_it import MarkdownIt

# HTML within the text stays text; what comes out is sanitised for display like content of apps.
_PARSER = MarkdownIt("js-default", {"html": False, "linkify": True, "breaks": True, "maxNesting": 20})


def as_html(text: str) -> str:
    """Return CommonMark with tables, strikethrough, addresses as links and line breaks as such, as HTML."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.tag == "h1":  # the page has its own
            token.tag = "h2"
    return str(_PARSER.renderer.render(tokens, _PARSER.options, {})).strip()
