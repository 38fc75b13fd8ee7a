"""The requests of a session: guarded connections, no redirected secrets, one repetition with a DPoP nonce."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from ..core.strict_json import StrictJSONError, read_object
from ..errors import FetchError, UnexpectedResponseError
from ..fetch.connection import new_tls_context
from ..fetch.fetcher import FetchSettings
from ..fetch.idle import IdleConnections
from ..fetch.session import VettedAdapter
from .authentication import TokenAuthentication
from .dpop import Nonces

#: Seconds for one request.
TIMEOUT = 10
_REPEATABLE = (bytes, str, dict, list, tuple, type(None))
_CHALLENGE = "use_dpop_nonce"
#: Cookies of servers are neither kept nor sent: a session is known by its tokens alone.
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


class GuardedSession(OAuth2Session):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's session for servers that name their own endpoints.

    Args:
        fetch: how connections are made.
        nonces: the newest nonces of servers.
        more: what Authlib's ``OAuth2Session`` takes.
    """

    token_auth_class = TokenAuthentication

    def __init__(self, fetch: FetchSettings, nonces: Nonces, **more: Any) -> None:
        super().__init__(**{"default_timeout": TIMEOUT, **more})
        self.nonces = nonces
        self.trust_env = False  # no proxies, no .netrc passwords, no CA variables of this process
        self.cookies.set_policy(_NO_COOKIES)
        self.adapters.clear()
        idle = IdleConnections()
        for scheme in ("https", "http") if fetch.allow_http or fetch.allow_loopback else ("https",):
            self.mount(f"{scheme}://", VettedAdapter(fetch, _trust(fetch.ca_bundle), TIMEOUT, idle))
        if fetch.proxy is not None:
            self.proxies = {"https": fetch.proxy, "http": fetch.proxy}

    def __del__(self) -> None:
        """Break the cycle that Authlib's base class makes; it is not there if the arguments were refused."""
        self.__dict__.pop("session", None)

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        """Send a request; once more with a nonce if the server asks for it (RFC 9449 §8).

        Raises:
            FetchError: the address may not be connected to, or the answer is too slow or too large.
        """
        answer = super().request(method, url, *args, **more)
        asked = self._remember_nonce(answer) and _asks_for_nonce(answer)
        if not asked or not isinstance(more.get("data"), _REPEATABLE) or more.get("files"):
            return answer
        answer.close()
        answer = super().request(method, url, *args, **more)
        self._remember_nonce(answer)
        return answer

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the token off a redirect to another origin, and the proof off every redirect; make a new one."""
        super().rebuild_auth(prepared_request, response)
        if prepared_request.headers.pop("DPoP", None) and "Authorization" in prepared_request.headers:
            self.nonces.remember(response.url, response.headers)
            self.token_auth.sign(prepared_request)

    def send_form(self, url: str, form: Mapping[str, str], auth: Any, **more: Any) -> requests.Response:
        """POST a form of secrets to the server; a redirect is refused, since it would take them elsewhere.

        Raises:
            FetchError: there is no answer, or it redirects.
        """
        with translated_errors():
            headers = {"Accept": "application/json"}
            answer: requests.Response = self.post(
                url, data=dict(form), auth=auth, **{**more, "headers": headers, "allow_redirects": False}
            )
        if 300 <= answer.status_code < 400:
            raise UnexpectedResponseError("redirect", hint="the endpoint redirects; nothing is sent elsewhere")
        return answer

    def _remember_nonce(self, answer: requests.Response) -> bool:
        return self.nonces.remember(answer.url, answer.headers)


def read_answer(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an endpoint.

    Raises:
        OAuthError: the server refuses; ``error`` says why.
        FetchError: the answer is no JSON object, or the server failed.
    """
    if answer.status_code >= 500:
        raise UnexpectedResponseError("status", hint=f"status {answer.status_code} of the server")
    try:
        members = read_object(answer.content)
    except StrictJSONError as exc:
        raise UnexpectedResponseError("not-json", hint=f"status {answer.status_code}; {exc.message}") from exc
    if "error" in members or answer.status_code >= 400:
        error, description = members.get("error"), members.get("error_description")
        raise OAuthError(
            error if isinstance(error, str) else "invalid_response",
            description if isinstance(description, str) else None,
        )
    return members


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Let no exception of requests out of a request to the server."""
    try:
        yield
    except requests.RequestException as exc:
        raise FetchError("connection-failed", hint="the server does not answer", phase="connect") from exc


def _asks_for_nonce(answer: requests.Response) -> bool:
    if "DPoP" not in answer.request.headers:
        return False
    if answer.status_code == 401:
        return _CHALLENGE in answer.headers.get("WWW-Authenticate", "") or _names_challenge(answer)
    return answer.status_code == 400 and _names_challenge(answer)


def _names_challenge(answer: requests.Response) -> bool:
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return False
    try:
        return read_object(answer.content).get("error") == _CHALLENGE
    except StrictJSONError:
        return False


@lru_cache(maxsize=4)
def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust anchors are read once: loading them costs more than a request."""
    return new_tls_context(ca_bundle)
