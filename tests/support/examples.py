"""The programs of ``examples/`` as people run them: one command each, at a free port of this computer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from .demo import ROOT, inherited_environment

EXAMPLES = ROOT / "examples"


@contextmanager
def running_flask(app: str, port: int, folder: Path, **environment: str) -> Iterator[str]:
    """Run ``flask --app APP run`` until the block ends, and yield its address.

    Args:
        app: file below ``examples``, and a factory with its arguments if it has one: ``minimal.py:create_app()``.
        port: on 127.0.0.1.
        folder: for the log.
        environment: further variables.
    """
    command = [sys.executable, "-m", "flask", "--app", f"{EXAMPLES}/{app}", "run", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/", folder, **environment):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(command: Sequence[str | Path], address: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run a server until the block ends; the block begins when ``address`` answers."""
    log = folder / "example.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=inherited_environment() | environment, stdout=output, stderr=output
        )
        try:
            _wait_until_it_answers(address, log)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_it_answers(address: str, log: Path) -> None:
    """Repeat the connection until the listening socket is there."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=200, backoff_factor=0.1, backoff_max=0.2)))
        try:
            session.get(address, timeout=30, allow_redirects=False)
        except requests.ConnectionError as error:
            raise AssertionError(f"the program does not start: {log.read_text()[-4000:]}") from error
