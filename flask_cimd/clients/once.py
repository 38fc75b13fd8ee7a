"""A cache of outcomes for one HTTP request, so that the request uses one version of a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import has_request_context, request

from ..errors import CIMDError

T = TypeVar("T")


def once(what: str, client_id: str, find: Callable[[str], T]) -> T:
    """Return the result of ``find`` or raise its error; call it once per HTTP request."""
    if not has_request_context():
        return find(client_id)
    seen, key = _seen(), (what, client_id)
    if key not in seen:
        try:
            seen[key] = find(client_id)
        except CIMDError as error:
            seen[key] = error
    outcome = seen[key]
    if isinstance(outcome, CIMDError):
        raise outcome
    return outcome  # type: ignore[no-any-return]  # one type per ``what``


def _seen() -> dict[tuple[str, str], Any]:
    """Return the outcomes of the current HTTP request.

    They are stored on the request, because ``g`` outlives it if an app context was open before.
    """
    current: Any = request._get_current_object()  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy
    try:
        found: dict[tuple[str, str], Any] = current._cimd_seen
    except AttributeError:
        found = current._cimd_seen = {}
    return found
