"""The files of ``deploy/``, filled in for one site: systemd units and the lines for nginx and Caddy."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import flask_cimd_site

_PACKAGE = Path(flask_cimd_site.__file__).parent
_STATE = "/var/lib/"
_UNITS = ("flask-cimd-site.service", "flask-cimd-site-backup.service")
_PROXIES = ("nginx.conf", "Caddyfile")
_COPIED = ("flask-cimd-site-backup.timer",)
NAMES = (*_UNITS, *_COPIED, *_PROXIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that fill the files in.

    Attributes:
        host: domain of the site.
        port: of gunicorn.
        directory: of the site.
        user: whom the site runs as.
    """

    host: str
    port: int
    directory: Path
    user: str


def template(name: str) -> str:
    """Return a file of ``deploy/``, which lies in the package, or beside it in a checkout."""
    inside = _PACKAGE / "deploy" / name
    path = inside if inside.is_file() else _PACKAGE.parent / "deploy" / name
    return path.read_text(encoding="utf-8")


def filled_in(name: str, values: Values) -> str:
    """Return a file for this site."""
    text = template(name)
    if name in _PROXIES:
        for variable in ("SITE_DOMAIN", "SITE_UPSTREAM"):  # the Caddyfile has defaults for a container
            text = re.sub(rf"\{{\${variable}:([^}}]+)\}}", r"\1", text)
        return text.replace("me.example", values.host).replace("127.0.0.1:5000", f"127.0.0.1:{values.port}")
    directory = str(values.directory)
    if directory.startswith(_STATE):
        text = text.replace("StateDirectory=flask-cimd-site", f"StateDirectory={directory.removeprefix(_STATE)}")
    else:  # systemd makes directories in /var/lib only
        text = text.replace("StateDirectory=flask-cimd-site\nStateDirectoryMode=0700\n", "")
    text = text.replace("/var/lib/flask-cimd-site", directory.replace("%", "%%"))
    text = text.replace("/opt/flask-cimd-site/bin/flask-cimd-site", str(program()).replace("%", "%%"))
    return text.replace("User=flask-cimd-site", f"User={values.user}")


def program() -> Path:
    """Return the path of ``flask-cimd-site`` in this environment."""
    return Path(sys.executable).with_name("flask-cimd-site")
