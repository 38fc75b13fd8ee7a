"""The demo as it is run: by hand, and by gunicorn with the project's own configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from tests.support.browser import Browser, publish_client
from tests.support.demo import ROOT, RunningDemo, free_ports, running_demo

pytestmark = pytest.mark.slow

PRODUCTION = {
    "DEMO_OWNER_PASSWORD": "a password of my own",
    "DEMO_SECRET_KEY": "a key of my own",
    "DEMO_BASE_URL": "https://me.example",
}


def plain_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEMO_", "CIMD_", "GUNICORN_"))}
    return kept | more


def test_it_prints_where_it_is_and_the_development_password(running_site: RunningDemo) -> None:
    # Design §5.1
    text = "\n".join(running_site.printed)
    assert running_site.base_url in text
    assert "let-me-in" in text
    assert "DEMO_DEVELOPMENT" in text


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        demo.process.terminate()
        assert demo.process.wait(20) == 0
        assert "Traceback" not in demo.log.read_text()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({**PRODUCTION, "DEMO_OWNER_PASSWORD": "let-me-in"}, "DEMO_OWNER_PASSWORD"),
        ({**PRODUCTION, "CIMD_FETCH_TIMEOUT": "soon"}, "CIMD_FETCH_TIMEOUT"),
    ],
)
def test_it_says_what_is_missing_and_does_not_start(tmp_path: Path, environment: dict[str, str], named: str) -> None:
    # Design §5.2: never on a default password or key.
    given = plain_environment(DEMO_DATABASE_URL=f"sqlite:///{tmp_path}/demo.db", **environment)
    ended = subprocess.run(
        [sys.executable, "-m", "demo", "--no-samples"],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_said_plainly(running_site: RunningDemo, tmp_path: Path) -> None:
    port = running_site.base_url.rpartition(":")[2]
    given = plain_environment(DEMO_DATABASE_URL=f"sqlite:///{tmp_path}/demo.db", DEMO_DEVELOPMENT="1", DEMO_PORT=port)
    command = [sys.executable, "-m", "demo", "--no-samples"]
    ended = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr


def test_gunicorn_serves_it_with_several_workers(tmp_path: Path, origin: Any, ca_bundle: Path) -> None:
    # Design §5.1: 'demo:create_app()', the schema made by whoever comes first, sessions good at every worker.
    port = free_ports()
    environment = plain_environment(
        DEMO_DEVELOPMENT="1",
        DEMO_PORT=str(port),
        DEMO_BASE_URL=f"http://127.0.0.1:{port}",
        DEMO_DATABASE_URL=f"sqlite:///{tmp_path}/demo.db",
        CIMD_CA_BUNDLE=str(ca_bundle),
        WEB_CONCURRENCY="3",
        PYTHONUNBUFFERED="1",
    )
    command = [sys.executable, "-m", "gunicorn", "demo:create_app()"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    ready = Event()

    def read() -> None:
        for line in process.stderr or ():
            lines.append(line)
            if "Listening at" in line:
                ready.set()

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(60), "".join(lines)
        answer = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
        assert answer.status_code == 200
        for _ in range(6):
            owner = Browser(f"http://127.0.0.1:{port}").log_in()
            assert owner.tokens(publish_client(origin))["me"] == f"http://127.0.0.1:{port}/"
        # client_id and state together may be long.
        long = "x" * 6000
        assert requests.get(f"http://127.0.0.1:{port}/?{long}", timeout=60).status_code == 200
    finally:
        process.terminate()
        process.wait(30)
        reader.join(10)
        if process.stderr is not None:
            process.stderr.close()
    text = "".join(lines)
    assert "gthread" in text
    assert "Traceback" not in text
