"""The demo as it is run for real: gunicorn with the project's configuration, several workers, one database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from .browser import Browser
from .demo import ROOT, free_ports


@contextlib.contextmanager
def running_gunicorn(folder: Path, *, database_url: str, workers: int = 4, **environment: str) -> Iterator[Browser]:
    """Run the demo as `gunicorn` does, and yield its owner alone."""
    with gunicorn(folder, database_url=database_url, workers=workers, **environment) as (_, owner):
        yield owner


@contextlib.contextmanager
def gunicorn(
    folder: Path,
    *,
    database_url: str,
    workers: int = 4,
    before: Sequence[str] = (),
    options: Sequence[str] = (),
    **environment: str,
) -> Iterator[tuple[subprocess.Popen[bytes], Browser]]:
    """Run the demo behind gunicorn at a free port until the block ends, and yield the master process and the owner.

    Args:
        folder: for the log.
        database_url: of an empty database.
        workers: processes.
        before: command that runs it.
        options: of gunicorn's command line.
        environment: further ``DEMO_*`` and ``CIMD_*`` variables.
    """
    port = free_ports((0,))
    base_url = f"http://127.0.0.1:{port}"
    given = {
        "PATH": os.environ["PATH"],
        "DEMO_DEVELOPMENT": "1",
        "DEMO_PORT": str(port),
        "DEMO_BASE_URL": base_url,
        "DEMO_DATABASE_URL": database_url,
        "WEB_CONCURRENCY": str(workers),
        **environment,
    }
    command = [*before, sys.executable, "-m", "gunicorn", *options, "demo:create_app()"]
    with (folder / "gunicorn.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=log, stderr=log)
        try:
            _wait_until_ready(base_url)
            yield process, Browser(base_url).log_in()
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGQUIT)  # now, without waiting for open connections
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    # A worker that is just being started takes no signal but this one.
    for worker in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(worker), signal.SIGKILL)
    process.wait(20)


def _wait_until_ready(base_url: str) -> None:
    """Connect until the listening socket is there; it answers as soon as the first worker has started."""
    with requests.Session() as session:
        session.mount(
            base_url, HTTPAdapter(max_retries=Retry(total=None, connect=300, backoff_factor=0.1, backoff_max=0.2))
        )
        assert session.get(f"{base_url}/healthz", timeout=60).status_code == 200
