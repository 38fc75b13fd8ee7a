"""nginx and Caddy with the shipped files of ``deploy/``, at other ports and with a certificate of the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import trustme

from flask_cimd_site.cli.templates import Values, filled_in

from .demo import ROOT
from .requirements import need

#: Debian keeps nginx where only root looks.
PATH = f"{os.environ['PATH']}:/usr/sbin"
_CADDY_OPTIONS = "{\n\tadmin off\n\tauto_https disable_redirects"

#: Writes the configuration into a folder and returns the command: folder, host, public port, port of gunicorn.
Proxy = Callable[[Path, str, int, int], list[str]]


@contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[None]:
    """Run a program until the block ends; its output goes into ``server.log``."""
    given = {"PATH": PATH, "HOME": str(folder), **environment}
    found = shutil.which(command[0], path=PATH) or command[0]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen([found, *command[1:]], cwd=ROOT, env=given, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait(10)


def certify(folder: Path, ca: trustme.CA, host: str) -> None:
    """Write the certificate that the proxies use."""
    certificate = ca.issue_cert(host)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "fullchain.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "privkey.pem"))


def need_program(name: str) -> None:
    """Skip the test where a program is missing."""
    need(shutil.which(name, path=PATH) is not None, f"{name} is not installed")


def nginx(folder: Path, host: str, port: int, backend: int) -> list[str]:
    """Return the command that runs nginx."""
    text = _file("nginx.conf", host, backend)
    text = text[: text.index("server {\n    listen 80;")]
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace(f"/etc/letsencrypt/live/{host}/", f"{folder}/")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; events {{}} http {{ access_log off; {paths}\n{text}}}"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, host: str, port: int, backend: int) -> list[str]:
    """Return the command that runs Caddy."""
    text = _file("Caddyfile", host, backend).replace("\n{\n", f"\n{_CADDY_OPTIONS}\n", 1)
    certificate = f"\ttls {folder}/fullchain.pem {folder}/privkey.pem\n\tbind 127.0.0.1"
    text = text.replace(f"\n{host} {{", f"\nhttps://{host}:{port} {{\n{certificate}")
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def _file(name: str, host: str, backend: int) -> str:
    """Return a file as ``flask-cimd-site init`` fills it in."""
    return filled_in(name, Values(host=host, port=backend, directory=Path("/srv"), user="site"))
