"""Somebody with a browser at a site of this process, and the client that sends them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from bs4 import BeautifulSoup, Tag
from flask import Flask

from .clock import Clock
from .origin import TLSOrigin, publish_document
from .wsgi import WSGIAdapter

BASE_URL = "http://127.0.0.1:5000"
#: A redirect URI that a test's client may list; nothing listens there.
REDIRECT = "http://127.0.0.1:7777/callback"
PASSWORD = "let-me-in"


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
        """The redirect URI."""
        return self.parameters["redirect_uri"]

    def redemption(self, code: str) -> dict[str, str]:
        """Return the form that redeems a code."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }


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

    def log_in(self, password: str = PASSWORD) -> Self:
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
        return self.post(path, {**sign_in.redemption(code), **changes})

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site in this process.

    Attributes:
        clock: the site's; move it with ``forward``.
        password: the owner's.
    """

    app: Flask
    base_url: str
    clock: Clock
    password: str = PASSWORD

    def browser(self, *, peer: str = "127.0.0.1") -> Browser:
        """Return a fresh browser at this address."""
        return Browser(self.base_url, WSGIAdapter(self.app, peer=peer))

    def owner(self) -> Browser:
        """Return a fresh browser, logged in."""
        return self.browser().log_in(self.password)
