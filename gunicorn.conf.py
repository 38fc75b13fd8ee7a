"""How gunicorn serves the demo: threads, so that a slow client host holds up nobody else.

``WEB_CONCURRENCY`` sets the number of processes, ``GUNICORN_CMD_ARGS`` everything else.
"""

import os
from typing import Any

bind = f"{os.environ.get('DEMO_HOST', '127.0.0.1')}:{os.environ.get('DEMO_PORT', '5000')}"
worker_class = "gthread"
threads = 16
# client_id and state together may be longer than the default of 4094.
limit_request_line = 8190
# SIGTERM: no new requests, and those under way may take as long as this, in seconds. A proxy waits no longer, either.
graceful_timeout = 30
# Seconds without a sign of life before a worker is replaced; slow requests do not count, they run in threads.
timeout = 60
# Longer than a proxy keeps an unused connection, so that the proxy and not this server closes it.
keepalive = 75


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001  gunicorn's parameters
    """Set the log up before the site is loaded."""
    from flask_cimd_site import logs

    logs.set_up(os.environ)
