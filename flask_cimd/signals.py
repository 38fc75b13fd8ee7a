"""Blinker signals about clients, for metrics and audit.

The extension sends every signal with the Flask app as sender. Receivers run inside the request: keep them short.
"""

from __future__ import annotations

from typing import Protocol

from blinker import Namespace, Signal

_namespace = Namespace()

#: A client was resolved and admitted; ``client``, ``host``, ``origin`` and ``duration`` in seconds. ``origin`` is
#: ``store``, ``fetch``, ``shared`` (another request's fetch), ``pin``, ``unread`` or ``built-in``.
client_resolved = _namespace.signal("cimd-client-resolved")
#: A fetched document differs from the stored one in something that consent depends on; ``before`` and ``after``.
client_changed = _namespace.signal("cimd-client-changed")
#: A client was refused; ``error``, ``slug``, ``host`` (empty if the string is no identifier), ``phase`` (empty unless
#: a fetch failed) and ``duration`` in seconds.
client_rejected = _namespace.signal("cimd-client-rejected")
#: A fetch failed; ``error``, ``slug``, ``host``, ``phase`` and ``duration`` in seconds. Followers share one failure.
fetch_failed = _namespace.signal("cimd-fetch-failed")
#: A host that has a pinned copy answers again, and differently; ``pinned`` and ``live``.
pin_differs = _namespace.signal("cimd-pin-differs")


class Notify(Protocol):
    """Sends a signal."""

    def __call__(self, signal: Signal, **values: object) -> None:
        """Send ``signal`` with these values."""


def send_none(signal: Signal, **values: object) -> None:
    """Send nothing: for use without an app."""
