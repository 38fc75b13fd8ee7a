"""Database servers and a small disk of a test's own, which it may stop, restart and fill."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from .demo import free_ports
from .requirements import need

_BINARIES = Path("/usr/lib/postgresql/15/bin")


class PostgresServer:
    """A PostgreSQL cluster in a folder of its own.

    Attributes:
        url: its database ``postgres``.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._said, self._port = folder / "data", folder / "said", port
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"

    def create(self) -> None:
        """Make the cluster: everybody on this computer may log in, as the folder is deleted after the test."""
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--no-instructions")
        settings = f"port = {self._port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
        with (self._folder / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self._folder}/log")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends every connection, ``immediate`` is a crash."""
        self._run("pg_ctl", "stop", "--wait", "--silent", f"--mode={mode}")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(_BINARIES / program), *arguments, f"--pgdata={self._folder}"]
        user = None if os.getuid() else "postgres"  # the server refuses to run as root
        # The server would hold a pipe open, so its words go to files. Only its own user may write the log of pg_ctl.
        with self._said.open("ab") as said:
            ended = subprocess.run(command, cwd="/", user=user, group=user, stdout=said, stderr=said, timeout=60)
        assert ended.returncode == 0, self._said.read_text()


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a cluster of one's own until the block ends."""
    need((_BINARIES / "initdb").exists(), "PostgreSQL 15 of Debian is not installed")
    with tempfile.TemporaryDirectory(prefix="cimd-postgres-") as folder:
        if not os.getuid():
            shutil.chown(folder, "postgres")
        server = PostgresServer(Path(folder), free_ports())
        server.create()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(AssertionError):  # a test may have stopped it
                server.stop("immediate")


class RedisServer:
    """A Redis of one's own; it writes nothing to the disk.

    Attributes:
        url: its first database.
    """

    def __init__(self) -> None:
        self._port = free_ports()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 20
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert time.monotonic() < ends, "Redis does not start"
                    time.sleep(0.02)  # a server that starts says nothing
                else:
                    return

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis of one's own until the block ends."""
    need(shutil.which("redis-server") is not None, "redis-server is not installed")
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def small_disk(mebibytes: int) -> Iterator[Path]:
    """Mount a file system in memory of this size; everybody may read and write its root."""
    if os.getuid():
        pytest.skip("only root can mount a file system")
    folder = tempfile.mkdtemp(prefix="cimd-disk-")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", "tmpfs", folder], capture_output=True, text=True
    )
    try:
        if mounted.returncode:
            pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
        yield Path(folder)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)
        Path(folder).rmdir()
