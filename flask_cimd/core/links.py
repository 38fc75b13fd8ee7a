"""Read ``Link`` header fields (RFC 8288 §3); commas and quotes inside URLs and parameters do not end a link."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urljoin

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9!#$&+.^_`|~*-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_MAX_FIELD = 16384  # characters


def link_targets(fields: Sequence[str], relation: str) -> Iterator[str]:
    """Yield the targets with a relation type, as written, in order.

    Links with an ``anchor`` describe another resource and are skipped.

    Args:
        fields: every ``Link`` field of a response; of each the first 16,384 characters are read.
        relation: a relation type in lower case.
    """
    for field in fields:
        for target, parameters in _links(field[:_MAX_FIELD]):
            relations = parameters.get("rel", "").lower().split()
            if relation in relations and "anchor" not in parameters:
                yield target


def merge_links(
    elements: Mapping[str, Sequence[str]], *, base: str, url: str, link_headers: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return absolute link targets by relation, without duplicates: ``Link`` headers first, then elements.

    Args:
        elements: ``href`` of the page's ``<link>`` elements by relation, as written.
        base: the URL against which elements resolve.
        url: the URL of the page, against which headers resolve (RFC 8288 §3.2).
        link_headers: every ``Link`` field of the response.
    """
    found = {}
    for relation, hrefs in elements.items():
        targets = [join_url(url, target) for target in link_targets(link_headers, relation)]
        targets += [join_url(base, href) for href in hrefs]
        found[relation] = tuple(dict.fromkeys(filter(None, targets)))
    return found


def join_url(base: str, reference: str) -> str:
    """Resolve a reference against a base URL; return an empty string if it cannot be parsed."""
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return ""


def _links(field: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while matched := _TARGET.match(field, position):
        target, position = matched[1].strip(), matched.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(field, position):
            value = parameter[3] if parameter[2] is None else re.sub(r"\\(.)", r"\1", parameter[2])
            parameters.setdefault(parameter[1].lower(), value or "")
            position = parameter.end()
        yield target, parameters
