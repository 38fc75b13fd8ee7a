"""Draw today's consent page for the README: ``python -m tests.browser.screenshot docs/images/consent.png``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import trustme

from tests.support.browser import SignIn
from tests.support.chromium import chromium
from tests.support.demo import running_demo
from tests.support.origin import TLSOrigin, publish_document

HOST = "guestbook.example.com"


def main() -> None:
    """Run a demo, ask it as an app would, and take the picture."""
    target = Path(sys.argv[1])
    ca = trustme.CA()
    with tempfile.TemporaryDirectory() as name, TLSOrigin(ca, HOST) as origin:
        folder = Path(name)
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        environment = {
            "CIMD_CA_BUNDLE": str(folder / "ca.pem"),
            "CIMD_DEVELOPMENT_HOSTS": f"{HOST}=127.0.0.1:{origin.port}",
            "DEMO_ME": "https://ada.example/",
        }
        client_id, redirect_uri = f"https://{HOST}/client.json", f"https://{HOST}/signed-in"
        publish_document(
            origin,
            client_id=client_id,
            client_name="Guestbook",
            client_uri=f"https://{HOST}/",
            redirect_uris=[redirect_uri],
        )
        parameters = SignIn.begin(client_id, redirect_uri, scope="profile email").parameters
        with running_demo(folder, **environment) as demo, chromium() as browser:
            page = browser.new_page(viewport={"width": 720, "height": 600}, device_scale_factor=2)
            page.goto(f"{demo.base_url}/authorize?{urlencode(parameters)}")
            page.get_by_label("Password").fill(demo.password)
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("button", name="Approve").wait_for()
            page.screenshot(path=target, full_page=True)


if __name__ == "__main__":
    main()
