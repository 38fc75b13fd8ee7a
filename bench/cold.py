"""A cold resolve beside bare requests: CPU of this process alone, with the origin in a process of its own.

Bare requests keep everything that can be kept: session, adapter and TLS context. Both sides open a connection for each
request, as the origin closes it.
"""

from __future__ import annotations

import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from .foundation import Row, new_app

_ROUNDS = 300
_LIMIT = 1.2

#: Prints the document's URL, and serves it until its input ends.
_ORIGIN = """
import sys, trustme
from bench.foundation import publish
from tests.support.origin import TLSOrigin
ca = trustme.CA()
ca.cert_pem.write_to_path(sys.argv[1])
with TLSOrigin(ca) as origin:
    print(publish(origin, "/cold.json"), flush=True)
    sys.stdin.read()
"""


@contextmanager
def _origin(bundle: Path) -> Iterator[str]:
    """Run the origin in a process of its own and yield the document's URL."""
    command = [sys.executable, "-c", _ORIGIN, str(bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


class _KeptContext(HTTPAdapter):
    """Uses one TLS context for all connections."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool manager with the context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


def cpu_each(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, in all threads of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def run() -> list[Row]:
    """Measure once, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "ca.pem"
        with _origin(bundle) as url:
            ours, theirs = _measure(url, bundle)
    note = f"{ours * 1e3:.2f} ms of CPU against {theirs * 1e3:.2f} ms"
    return [Row(name="cold resolve over TLS / bare requests, CPU", figure=ours / theirs, limit=_LIMIT, note=note)]


def _measure(url: str, bundle: Path) -> tuple[float, float]:
    app, cimd = new_app(bundle)
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _KeptContext(ssl.create_default_context(cafile=str(bundle))))

    def resolve() -> object:
        cimd.store.delete(url)
        return cimd.resolve(url)

    def bare() -> object:
        return session.get(url, verify=str(bundle), timeout=5).json()

    with app.app_context(), session:
        resolve(), bare()
        rounds = [(cpu_each(resolve), cpu_each(bare)) for _ in range(_ROUNDS)]
    return statistics.median(ours for ours, _ in rounds), statistics.median(theirs for _, theirs in rounds)
