"""Framing: no page of the site is shown inside a page of another origin, by either of two headers alone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.browser import SignIn, publish_client
from tests.support.chromium import Watch
from tests.support.demo import RunningDemo
from tests.support.origin import SocketOrigin, TLSOrigin
from tests.support.proves import proves

GUARDS = ("content-security-policy", "x-frame-options")
#: What Chromium shows in place of a page that may not be framed.
BLOCKED = "chrome-error://chromewebdata/"

Framed = Callable[..., Any]


class FramingPage(SocketOrigin):
    """An http origin on 127.0.0.1 whose one page frames a URL.

    It is another origin than the site (another port) but the same site to cookies, so the owner's session cookie comes
    along into the frame: nothing but the headers keeps the page from being shown there.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.target = ""

    @property
    def address(self) -> str:
        """The page's URL."""
        return f"http://127.0.0.1:{self.port}/"

    def _answer(self, connection: socket.socket, _: bytes) -> None:
        body = f'<iframe src="{self.target.replace("&", "&amp;")}" width="900" height="900"></iframe>'.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)


@pytest.fixture
def framing_page() -> Iterator[FramingPage]:
    """Run the other origin."""
    with FramingPage() as running:
        yield running


@pytest.fixture
def frame(open_page: Any, running_site: RunningDemo, framing_page: FramingPage) -> Framed:
    """Return a function that logs the owner in, frames a page of the site and returns the frame.

    ``kept`` names the guards of `GUARDS` that the browser gets to see; ``None`` leaves the answer of the site alone.
    """

    def framed(url: str, kept: tuple[str, ...] | None = None) -> Any:
        watch: Watch = open_page(ignore_https_errors=True)
        page = watch.page
        page.goto(running_site.base_url + "/login")
        page.get_by_label("Password").fill(running_site.password)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="Apps", exact=True).wait_for()
        if kept is not None:
            page.route(url, lambda route: without_guards(route, set(GUARDS) - set(kept)))
        framing_page.target = url
        page.goto(framing_page.address)  # returns after the frame has loaded or was refused
        (found,) = page.main_frame.child_frames
        return found

    return framed


def without_guards(route: Any, removed: set[str]) -> None:
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in removed}
    route.fulfill(response=answer, headers=headers)


@pytest.fixture
def consent_url(running_site: RunningDemo, origin: TLSOrigin) -> str:
    """Return the URL of a consent page."""
    sign_in = SignIn.begin(publish_client(origin), scope="profile")
    return f"{running_site.base_url}/authorize?{urlencode(sign_in.parameters)}"


@proves("O-17", "C-117")
@pytest.mark.parametrize("kept", [None, GUARDS, GUARDS[:1], GUARDS[1:]], ids=["as sent", "both", "policy", "option"])
def test_the_consent_page_is_not_shown_in_a_frame(
    frame: Framed, consent_url: str, kept: tuple[str, ...] | None
) -> None:
    found = frame(consent_url, kept)
    assert found.url == BLOCKED
    assert found.get_by_role("button").count() == 0


def test_the_consent_page_without_both_headers_would_be_shown_in_a_frame(frame: Framed, consent_url: str) -> None:
    # The control: with the same page, cookie and frame, the headers are what the tests above depend on.
    found = frame(consent_url, ())
    assert found.url == consent_url
    assert found.get_by_role("button", name="Approve").is_visible()


@pytest.mark.parametrize(("path", "button"), [("/apps", "Log out"), ("/clients", "Add rule"), ("/profile", "Save")])
def test_the_owners_pages_are_not_shown_in_a_frame(
    frame: Framed, running_site: RunningDemo, path: str, button: str
) -> None:
    url = running_site.base_url + path
    assert frame(url).url == BLOCKED
    assert frame(url, GUARDS[:1]).url == BLOCKED
    assert frame(url, GUARDS[1:]).url == BLOCKED
    assert frame(url, ()).get_by_role("button", name=button).is_visible()  # the control
