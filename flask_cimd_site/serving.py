"""How gunicorn serves the site: threads, so that a slow client host holds up nobody else.

``flask-cimd-site serve`` and the ``gunicorn.conf.py`` of a checkout use this file. gunicorn runs it without importing
the package, which each worker does after it has set its log up. ``WEB_CONCURRENCY`` sets the number of processes,
``GUNICORN_CMD_ARGS`` everything else.
"""

import atexit
import os
import shutil
import tempfile
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
# gunicorn would make a socket for its own commands in the home directory.
control_socket_disable = True


def on_starting(server: Any) -> None:  # noqa: ARG001  gunicorn's parameter
    """Make the folder in which the workers count together, if metrics are on."""
    if os.environ.get("DEMO_METRICS_TOKEN") and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="flask-cimd-site-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, master: int) -> None:
    if os.getpid() == master:
        shutil.rmtree(folder, ignore_errors=True)


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001  gunicorn's parameters
    """Set the log up before the site is loaded."""
    from flask_cimd_site import logs

    logs.set_up(os.environ)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001  gunicorn's parameters
    """Keep the counts of a worker that ended, and drop its gauges."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the package types the rest
