"""The demo for tests: inside this process, or running as it is run for real; and somebody with a browser at it.

A site in this process, on a database of its own and a clock that the test moves::

    with demo_in_process(f"sqlite:///{tmp_path}/demo.db", ca_bundle) as site:
        owner = site.owner()                                     # logged in
        client_id = publish_client(origin, redirect_uris=[REDIRECT])
        tokens = owner.tokens(client_id, REDIRECT, scope="profile")

The fixtures ``site`` (SQLite), ``postgres_site``, ``any_site`` (both, one after the other) and ``make_site`` (with
environment variables of your own) of ``tests/conftest.py`` do the first line.

A demo as a process of its own, at a free port::

    with running_demo(tmp_path, CIMD_CA_BUNDLE=str(ca_bundle)) as demo:
        owner = demo.owner()

The fixture ``running_site`` is one for the whole test run. In both, `Browser` has the same methods; step by step::

    sign_in = SignIn.begin(client_id, REDIRECT, scope="profile")   # state, PKCE pair
    page = owner.authorize(sign_in)                                # the consent page, or another answer
    answer = owner.approve(page, scope=["profile"])                # parameters of the redirect: code, state, iss
    tokens = owner.redeem(sign_in, answer["code"]).json()
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from bs4 import BeautifulSoup, Tag
from flask import Flask

from demo import create_app
from demo.config import DEVELOPMENT_PASSWORD
from demo.models import db

from .clock import Clock
from .origin import TLSOrigin, publish_document
from .wsgi import WSGIAdapter

ROOT = Path(__file__).resolve().parents[2]
BASE_URL = "http://127.0.0.1:5000"
#: A redirect URI that a test's client may list; nothing listens there.
REDIRECT = "http://127.0.0.1:7777/callback"
_START_SECONDS = 60


def publish_client(origin: TLSOrigin, path: str = "/client.json", **members: Any) -> str:
    """Publish the document of an app that may be sent to `REDIRECT` and may refresh, and return its ``client_id``."""
    usual = {"redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"]}
    return publish_document(origin, path, **{**usual, **members})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One sign-in as the app sees it: what it asks with, and what it remembers.

    Attributes:
        parameters: of the authorization request.
        verifier: the PKCE verifier that belongs to ``code_challenge``.
    """

    parameters: dict[str, str]
    verifier: str

    @classmethod
    def begin(cls, client_id: str, redirect_uri: str = REDIRECT, **parameters: str | None) -> Self:
        """Return a well-formed request; a parameter given as ``None`` is left out, any other replaces ours."""
        verifier = generate_token(64)
        usual = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": generate_token(16),
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        given = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
        return cls(parameters=given, verifier=verifier)

    @property
    def client_id(self) -> str:
        """The client identifier."""
        return self.parameters["client_id"]

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes."""
        return self.parameters["redirect_uri"]


class Browser:
    """A browser without JavaScript at one site; not logged in at first. Redirects are not followed.

    Attributes:
        session: the `requests.Session` with the cookies.
    """

    def __init__(self, base_url: str, adapter: requests.adapters.HTTPAdapter | None = None) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        if adapter is not None:
            self.session.mount(base_url, adapter)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        """GET a path of the site; keywords as for `requests`."""
        return self.request("GET", path, **kwargs)

    def post(self, path: str, data: Any = None, **kwargs: Any) -> requests.Response:
        """POST a form to a path of the site, without a CSRF token: as programs do."""
        return self.request("POST", path, data=data, **kwargs)

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send one request; browsers name the page they come from, and CSRF protection asks for it."""
        headers = {"Referer": self.base_url + "/", **kwargs.pop("headers", {})}
        url = urljoin(self.base_url + "/", path)
        return self.session.request(method, url, headers=headers, allow_redirects=False, timeout=30, **kwargs)

    # -- forms ------------------------------------------------------------------------------------------------

    def press(self, page: requests.Response, button: str, **changes: Any) -> requests.Response:
        """Send the form whose button has this text, with what a browser would send; ``changes`` replace fields."""
        form, pressed = _form_with(page, button)
        fields: dict[str, Any] = _fields(form)
        if pressed.get("name"):
            fields[str(pressed["name"])] = [str(pressed.get("value", ""))]
        return self.post(urljoin(page.url, str(form.get("action", ""))), {**fields, **changes})

    def log_in(self, password: str = DEVELOPMENT_PASSWORD) -> Self:
        """Log in by the form."""
        answer = self.press(self.get("/login"), "Log in", password=password)
        assert answer.status_code == 303, answer.text
        return self

    # -- the way of one sign-in ---------------------------------------------------------------------------------

    def authorize(self, sign_in: SignIn) -> requests.Response:
        """Open the authorization endpoint; the owner gets the consent page."""
        return self.get("/authorize", params=sign_in.parameters)

    def approve(self, page: requests.Response, **changes: Any) -> dict[str, str]:
        """Approve on the consent page (``scope=[...]`` for what stays ticked); the parameters of the redirect."""
        return self._decide(page, "Approve", **changes)

    def deny(self, page: requests.Response) -> dict[str, str]:
        """Deny on the consent page, and return the parameters of the redirect."""
        return self._decide(page, "Deny")

    def _decide(self, page: requests.Response, button: str, **changes: Any) -> dict[str, str]:
        assert page.status_code == 200, page.text
        answer = self.press(page, button, **changes)
        assert answer.status_code == 303, answer.text
        return redirect_parameters(answer)

    def redeem(self, sign_in: SignIn, code: str, path: str = "/token", /, **changes: Any) -> requests.Response:
        """Redeem a code as the app, at ``/token`` or (for the identity alone) at ``/authorize``."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": sign_in.client_id,
            "redirect_uri": sign_in.redirect_uri,
            "code_verifier": sign_in.verifier,
        }
        return self.post(path, {**form, **changes})

    def refresh(self, client_id: str, refresh_token: str, /, **changes: Any) -> requests.Response:
        """Exchange a refresh token as the app."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
        return self.post("/token", {**form, **changes})

    def code(self, client_id: str, redirect_uri: str = REDIRECT, **parameters: str | None) -> tuple[SignIn, str]:
        """Go through a whole approval; the sign-in and its code."""
        sign_in = SignIn.begin(client_id, redirect_uri, **{"scope": "profile", **parameters})
        return sign_in, self.approve(self.authorize(sign_in))["code"]

    def tokens(self, client_id: str, redirect_uri: str = REDIRECT, **parameters: str | None) -> dict[str, Any]:
        """Go through approval and token endpoint; the token answer."""
        answer = self.redeem(*self.code(client_id, redirect_uri, **parameters))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def redirect_parameters(answer: requests.Response) -> dict[str, str]:
    """Return the query parameters of a redirect."""
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query, keep_blank_values=True))


def warnings_on(page: requests.Response) -> list[str]:
    """Return the slugs of the warnings on a consent page."""
    return [str(tag["data-warning"]) for tag in soup(page).select("[data-warning]")]


def refusal_on(page: requests.Response) -> str:
    """Return the slug of the error page that tells the owner why an app is refused."""
    assert (page.status_code, "Location" in page.headers) == (400, False), page.text
    slug = soup(page).select_one("small code")
    assert slug is not None, page.text
    return slug.get_text()


def soup(page: requests.Response) -> BeautifulSoup:
    """Parse a page."""
    return BeautifulSoup(page.text, "lxml")


def _form_with(page: requests.Response, button: str) -> tuple[Tag, Tag]:
    for form in soup(page).find_all("form"):
        for candidate in form.find_all("button"):
            if candidate.get_text(strip=True) == button:
                return form, candidate
    raise AssertionError(f"no button {button!r} on this page ({page.status_code}): {page.text}")


def _fields(form: Tag) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for field_ in form.find_all(["input", "select"]):
        name, kind = str(field_.get("name", "")), field_.get("type")
        if field_.name == "select":
            chosen = field_.select_one("option[selected]") or field_.select_one("option")
            fields.setdefault(name, []).append(str(chosen["value"]) if chosen else "")
        elif kind not in ("checkbox", "radio") or field_.has_attr("checked"):
            fields.setdefault(name, []).append(str(field_.get("value", "on" if kind == "checkbox" else "")))
    return fields


# -- inside this process ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A demo in this process.

    Attributes:
        clock: the site's; move it with ``forward``.
        password: the owner's.
    """

    app: Flask
    base_url: str
    clock: Clock
    password: str = DEVELOPMENT_PASSWORD

    def browser(self, *, peer: str = "127.0.0.1") -> Browser:
        """Return a fresh browser at this address."""
        return Browser(self.base_url, WSGIAdapter(self.app, peer=peer))

    def owner(self) -> Browser:
        """Return a fresh browser, logged in."""
        return self.browser().log_in(self.password)


@contextlib.contextmanager
def demo_in_process(
    database_url: str, ca_bundle: Path, *, clock: Clock | None = None, **environment: str
) -> Iterator[Site]:
    """Build the demo in development mode; keywords are ``DEMO_*`` and ``CIMD_*`` variables.

    Anything that the app does not handle is raised to the test instead of a page with status 500.
    """
    clock = clock or Clock()
    given = {
        "DEMO_DEVELOPMENT": "1",
        "DEMO_BASE_URL": BASE_URL,
        "DEMO_DATABASE_URL": database_url,
        "CIMD_CA_BUNDLE": str(ca_bundle),
        **environment,
    }
    _start_with_the_schema(database_url)
    app = create_app(given, clock=clock)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    password = given.get("DEMO_OWNER_PASSWORD", DEVELOPMENT_PASSWORD)
    try:
        yield Site(app=app, base_url=given["DEMO_BASE_URL"], clock=clock, password=password)
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


_migrated: list[bytes] = []


def _start_with_the_schema(database_url: str) -> None:
    """Put a migrated SQLite file in the place of one that does not exist yet: migrations run once a process."""
    path = Path(database_url.removeprefix("sqlite:///"))
    if not database_url.startswith("sqlite:////") or path.exists():
        return
    if not _migrated:
        with tempfile.TemporaryDirectory() as folder:
            empty = Path(folder) / "empty.db"
            app = create_app(
                {"DEMO_DEVELOPMENT": "1", "DEMO_BASE_URL": BASE_URL, "DEMO_DATABASE_URL": f"sqlite:///{empty}"}
            )
            with app.app_context():
                db.engine.dispose()
            _migrated.append(empty.read_bytes())
    path.write_bytes(_migrated[0])


# -- as a process of its own ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDemo:
    """A demo that runs as a process.

    Attributes:
        printed: what it printed so far, by line; grows.
        samples: addresses of the sample apps, by name.
        log: the file with what it logged.
        environment: the variables that it was given.
    """

    base_url: str
    process: subprocess.Popen[str]
    log: Path
    password: str = DEVELOPMENT_PASSWORD
    printed: list[str] = field(default_factory=list)
    samples: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def browser(self) -> Browser:
        """Return a fresh browser, which trusts the authority that the demo trusts."""
        browser = Browser(self.base_url)
        browser.session.verify = self.environment.get("CIMD_CA_BUNDLE", True)
        return browser

    def owner(self) -> Browser:
        """Return a fresh browser, logged in."""
        return self.browser().log_in(self.password)


@contextlib.contextmanager
def running_demo(folder: Path, *, samples: bool = False, **environment: str) -> Iterator[RunningDemo]:
    """Run ``python -m demo`` in development mode at a free port until the block ends.

    Args:
        folder: for its database and log.
        samples: run the sample apps beside it.
        environment: ``DEMO_*`` and ``CIMD_*`` variables; ours are replaced, those of this process are not passed on.
    """
    port = free_ports((0, 1, 2, 3, 5, 8, 9) if samples else (0,))
    given = {
        "DEMO_DEVELOPMENT": "1",
        "DEMO_PORT": str(port),
        "DEMO_BASE_URL": f"http://127.0.0.1:{port}",
        "DEMO_DATABASE_URL": f"sqlite:///{folder}/demo-{port}.db",
        **environment,
    }
    log = folder / f"demo-{port}.log"
    command = [sys.executable, "-m", "demo", *([] if samples else ["--no-samples"])]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=inherited_environment() | given, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    with _stopping(process):
        printed = _wait_until_announced(process, log)
        demo = RunningDemo(
            base_url=given["DEMO_BASE_URL"],
            process=process,
            log=log,
            password=given.get("DEMO_OWNER_PASSWORD", DEVELOPMENT_PASSWORD),
            printed=printed,
            environment=given,
            samples={name: url for name, url in _addresses(printed) if name != "The site"},
        )
        assert demo.browser().get("/healthz").status_code == 200, log.read_text()
        yield demo


#: Below the ports that systems give to outgoing connections: one of those could be taken before a server has it.
#: Each worker of a parallel run has a thousand of its own, so that no two of them find the same port free.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20
_PORTS = range(12000 + 1000 * _WORKER, 12000 + 1000 * _WORKER + 980)
_handed_out: set[int] = set()


def free_ports(offsets: Sequence[int] = (0,)) -> int:
    """Return a port on 127.0.0.1 that is free, as are those at these offsets after it; each is returned once."""
    for _ in range(1000):
        first = random.choice(_PORTS)
        wanted = {first + offset for offset in (0, *offsets)}
        if wanted & _handed_out or not all(map(_is_free, wanted)):
            continue
        _handed_out.update(wanted)
        return first
    raise OSError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def inherited_environment() -> dict[str, str]:
    """Return this process's environment without what a demo reads."""
    ours = ("DEMO_", "CIMD_", "FLASK_", "GUNICORN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextlib.contextmanager
def _stopping(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_announced(process: subprocess.Popen[str], log: Path) -> list[str]:
    """Read lines until the blank one after the addresses; a demo that fails closes its output, which ends it too."""
    printed: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            printed.append(line.rstrip("\n"))
            if len(printed) > 1 and not printed[-1]:
                return

    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(_START_SECONDS)
    assert len(printed) > 1, f"the demo does not start: {log.read_text()}"
    return printed


def _addresses(printed: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in printed:
        if found := re.match(r"([\w ]+): +(https?://\S+?)/?(?:\s|$)", line):
            yield found[1], found[2]
