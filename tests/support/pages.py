"""Every page of the demo in every variant, in one Chromium: for the tests of their look and for their pictures.

The pages without arguments come from the URL map, so that a new page is walked without an entry here; those that need
something to happen first are in `_STAGED`, and the variants of the consent page in `tests.support.variants`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from werkzeug.serving import make_server

from .browser import REDIRECT, Site
from .chromium import chromium
from .demo import demo_in_process
from .origin import server_context
from .variants import VARIANTS, Stage, environment, served_apps

HOST = "ada.example"
NOTES = (
    "The garden survived its first frost. The last tomatoes did not, but there is chutney now.",
    "Reading Middlemarch again, one chapter an evening, and finding it funnier than I remembered.",
)
SIZES = {"390": {"width": 390, "height": 844}, "1280": {"width": 1280, "height": 800}}
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Shown:
    """A demo that Chromium can visit at ``https://ada.example``, and the pages of a stranger and of the owner.

    Attributes:
        stranger: a page of a browser that is not logged in.
        owner: a page of the owner's browser.
    """

    stage: Stage
    site: Site
    stranger: Any
    owner: Any

    def address(self, path: str) -> str:
        """Return the absolute address of a path."""
        return self.site.base_url + path


@contextmanager
def shown_site(folder: Path, ca: trustme.CA, ca_bundle: Path) -> Iterator[Shown]:
    """Serve a demo with notes, connected apps and rules by TLS, and start Chromium at it."""
    database = f"sqlite:///{folder}/shown.db"
    with (
        served_apps(ca) as apps,
        demo_in_process(
            database,
            ca_bundle,
            DEMO_BASE_URL=f"https://{HOST}",
            DEMO_OWNER_NAME="Ada",
            DEMO_PUBLIC_CHECK="1",
            DEMO_OWNER_NOTE="I write about gardens, novels and small computers.",
            DEMO_OWNER_LINKS="https://social.example/@ada https://code.example/ada",
            **environment(apps),
        ) as site,
        _served(site, ca) as port,
        chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{port}") as browser,
    ):
        stage = Stage(site, apps)
        _fill(stage)
        context = {"ignore_https_errors": True, "viewport": SIZES["1280"], "reduced_motion": "reduce"}
        stranger, owner = (browser.new_context(**context).new_page() for _ in range(2))
        shown = Shown(stage, site, stranger, owner)
        owner.goto(shown.address("/login"))
        owner.locator("input[type=password]").fill(site.password)
        owner.keyboard.press("Enter")
        owner.wait_for_url(lambda url: "/login" not in url)
        yield shown


@contextmanager
def _served(site: Site, ca: trustme.CA) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, site.app, threaded=True, ssl_context=server_context(ca, HOST))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _fill(stage: Stage) -> None:
    owner = stage.site.owner()
    client_id, callback = stage.publish("scopes", "Editor"), stage.callback("scopes")
    token = owner.tokens(client_id, callback, scope="profile create draft")["access_token"]
    for text, status in ((NOTES[0], "published"), (NOTES[1], "published"), ("Not finished yet.", "draft")):
        form = {"h": "entry", "content": text, "post-status": status}
        owner.post("/micropub", form, headers={"Authorization": f"Bearer {token}"})
    owner.tokens(stage.publish("known", "Reader"), stage.callback("known"))
    wrong = {"client_name": "Reader", "client_secret": "x", "redirect_uris": ["javascript:alert(1)", "reader:/cb"]}
    stage.apps.json("https://reader.example.com/wrong.json", client_id="https://reader.example.com/other.json", **wrong)
    owner.press(owner.get("/clients"), "Add rule", subject="spam.example", decision="deny")
    members = {"client_name": "Assistant", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
    assert stage.site.browser().request("POST", "/register", json=members).status_code == 201


#: A page in the state in which it is looked at.
Open = Callable[[Shown], Any]


def _of_stranger(path: str) -> Open:
    def opened(shown: Shown) -> Any:
        shown.stranger.goto(shown.address(path))
        return shown.stranger

    return opened


def _of_owner(path: str) -> Open:
    def opened(shown: Shown) -> Any:
        shown.owner.goto(shown.address(path))
        return shown.owner

    return opened


def _login_failed(shown: Shown) -> Any:
    page = _of_stranger("/login")(shown)
    page.locator("input[type=password]").fill("not the password")
    page.keyboard.press("Enter")
    page.locator("[role=alert]").wait_for()
    return page


def _sent(path: str, field: str, text: str, button: str) -> Open:
    """Send a form with one field, which the browser itself would not refuse, and return the answer's page."""

    def opened(shown: Shown) -> Any:
        page = _of_owner(path)(shown)
        page.locator(field).fill(text)
        page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true; })")
        page.get_by_role("button", name=button, exact=True).click()
        return page

    return opened


def _checked(path: str) -> Open:
    """Let a stranger check an app, and follow to the result."""

    def opened(shown: Shown) -> Any:
        page = _of_stranger("/check")(shown)
        page.locator("#client_id").fill(f"https://reader.example.com{path}")
        page.get_by_role("button", name="Check", exact=True).click()
        page.locator("#verdict").wait_for()
        return page

    return opened


def _note(shown: Shown) -> Any:
    page = _of_stranger("/")(shown)
    page.locator("a.u-url[href*='/notes/']").first.click()
    return page


_STAGED: dict[str, Open] = {
    "home": _of_stranger("/"),
    "note": _note,
    "login": _of_stranger("/login"),
    "login-failed": _login_failed,
    "not-found": _of_stranger("/nothing"),
    "rules-refused": _sent("/clients", "#subject", "not a host", "Add rule"),
    "check-usable": _sent("/explain", "#client_id", "https://reader.example.com/client.json", "Check"),
    "check-refused": _sent("/explain", "#client_id", "http://plain.example/client.json", "Check"),
    "check-form": _of_stranger("/check"),
    "check-shared": _checked("/client.json"),
    "check-shared-refused": _checked("/wrong.json"),
    "setup-problem": _sent("/setup", "#url", "http://ada.example/", "Check"),
    "app-refused": _of_owner("/authorize?client_id=https%3A%2F%2Fspam.example%2Fapp.json"),
}
#: Addresses of the map that show nothing of their own: they redirect, need a request that waits, or are staged above.
_ELSEWHERE = {"/", "/login", "/healthz", "/check"}


def every_page(shown: Shown) -> Iterator[tuple[str, Open]]:
    """Return the name of every page and how to open it."""
    yield from _STAGED.items()
    owner = shown.site.owner()
    for rule in sorted(shown.site.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or ()) or rule.arguments or rule.rule in _ELSEWHERE:
            continue
        answer = owner.get(rule.rule)
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            yield rule.rule.strip("/").replace("/", "-"), _of_owner(rule.rule)
    yield "home-owner", _of_owner("/")
    for name, variant in VARIANTS.items():
        yield f"consent-{name}", lambda shown, variant=variant: _consent(shown, variant)


def _consent(shown: Shown, variant: Any) -> Any:
    shown.owner.goto(variant.address(shown.stage))
    shown.owner.get_by_role("button", name="Approve").wait_for()
    return shown.owner


def looks(page: Any) -> Iterator[str]:
    """Show an open page at both widths and in both themes, and return the name of each look."""
    for width, size in SIZES.items():
        page.set_viewport_size(size)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            yield f"{width}-{theme}"


#: Looks that some readers need, with the media features of their browsers.
NEEDED_LOOKS = {
    "contrast-light": {"color_scheme": "light", "contrast": "more"},
    "contrast-dark": {"color_scheme": "dark", "contrast": "more"},
    "forced-colors": {"color_scheme": "light", "forced_colors": "active"},
}


def needed_looks(page: Any) -> Iterator[str]:
    """Show an open page in each of `NEEDED_LOOKS`, and as usual at last."""
    for name, features in NEEDED_LOOKS.items():
        page.emulate_media(**{"contrast": "no-preference", "forced_colors": "none", **features})
        yield name
    page.emulate_media(color_scheme="light", contrast="no-preference", forced_colors="none")
