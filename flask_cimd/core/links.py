"""Read ``Link`` header fields (RFC 8288 §3) without being fooled by commas in URLs and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9!#$&+.^_`|~*-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_MAX_FIELD = 16384


def link_targets(fields: Sequence[str], relation: str) -> Iterator[str]:
    """Yield the targets whose relation list holds ``relation``, in order.

    Links with an ``anchor`` speak about another resource and are skipped.
    """
    for field in fields:
        for target, parameters in _links(field[:_MAX_FIELD]):
            relations = parameters.get("rel", "").lower().split()
            if relation in relations and "anchor" not in parameters:
                yield target


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
