"""Blinker signals: what happened to a client, for metrics and audit.

Every signal is sent with the Flask app as sender. Receivers run inside the request: keep them short.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

#: A client was resolved and let in; ``client``, ``host``, ``origin`` and ``duration`` in seconds. ``origin`` is
#: ``store``, ``fetch``, ``shared`` (somebody else's fetch was waited for), ``pin``, ``unread`` or ``built-in``.
client_resolved = _namespace.signal("cimd-client-resolved")
#: A fetched document differs from the stored one in what consent depends on; ``before`` and ``after``.
client_changed = _namespace.signal("cimd-client-changed")
#: Any outcome but a client; ``error``, ``slug``, ``host`` (empty for nonsense), ``phase`` (empty unless a fetch
#: failed) and ``duration``.
client_rejected = _namespace.signal("cimd-client-rejected")
#: A fetch failed; ``error``, ``slug``, ``host``, ``phase`` and ``duration``. Followers share one failure.
fetch_failed = _namespace.signal("cimd-fetch-failed")
#: A host that has a pinned copy answers again, with something else; ``pinned`` and ``live``.
pin_differs = _namespace.signal("cimd-pin-differs")
