"""``examples/client_app.py`` signs in at ``examples/minimal.py``, each as a process."""

from __future__ import annotations

from pathlib import Path

import trustme

from tests.interop.client_half import certificate
from tests.support.demo import free_ports
from tests.support.examples import RunningExample, running_flask
from tests.support.walker import Walker


def test_a_person_signs_in_with_their_own_address(
    minimal: RunningExample, ca: trustme.CA, ca_bundle: Path, tmp_path: Path
) -> None:
    port, pem = free_ports(), str(certificate(ca, tmp_path))
    config = {"ORIGIN": f"https://localhost:{port}", "CIMD_CA_BUNDLE": str(ca_bundle)}
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
    options = ["--cert", pem, "--key", pem]
    with running_flask(f"client_app.py:create_app({arguments})", port, tmp_path, *options):
        person = Walker(str(ca_bundle), {"address": minimal.base_url, "password": "secret"}, ("Approve",))
        assert person.session.get(config["ORIGIN"], timeout=10).text == '<a href="/sign-in">Sign in</a>'
        target = person.walk(f"{config['ORIGIN']}/sign-in", f"{config['ORIGIN']}/sign-in/callback")
        assert person.session.get(target, timeout=20).json() == {
            "you": f"{minimal.base_url}/",
            "server": minimal.base_url,
            "userinfo": {"sub": f"{minimal.base_url}/"},
        }
