"""Blinker signals: what happened to a client, for metrics and audit.

Every signal is sent with the Flask app as sender. Receivers run inside the request: keep them short.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

#: A client was resolved; ``client`` and ``origin`` (``store``, ``fetch`` or ``loopback``).
client_resolved = _namespace.signal("cimd-client-resolved")
#: A fetched document differs from the stored one in what consent depends on; ``before`` and ``after``.
client_changed = _namespace.signal("cimd-client-changed")
#: An identifier, a document or the policy ruled a client out; ``error``.
client_rejected = _namespace.signal("cimd-client-rejected")
#: A fetch failed; ``error`` (with ``slug`` and ``phase``), ``host`` and ``duration`` in seconds.
fetch_failed = _namespace.signal("cimd-fetch-failed")
