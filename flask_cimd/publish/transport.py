"""The requests of a session: guarded connections, no redirected secrets, one retry with a DPoP nonce."""

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

#: Total deadline of one request, in seconds.
TIMEOUT = 10
_REPEATABLE = (bytes, str, dict, list, tuple, type(None))
_CHALLENGE = "use_dpop_nonce"
#: The session neither stores nor sends cookies; only tokens identify it.
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])


class GuardedSession(OAuth2Session):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's session with guarded connections, because a server's metadata chooses the endpoints.

    Args:
        fetch: settings of the connections.
        nonces: the newest DPoP nonces of servers.
        more: arguments of Authlib's ``OAuth2Session``; ``default_timeout`` defaults to 10 seconds.
    """

    token_auth_class = TokenAuthentication

    def __init__(self, fetch: FetchSettings, nonces: Nonces, **more: Any) -> None:
        super().__init__(**{"default_timeout": TIMEOUT, **more})
        self.nonces = nonces
        self.trust_env = False  # ignore proxies, .netrc passwords and CA variables of the process
        self.cookies.set_policy(_NO_COOKIES)
        self.adapters.clear()
        idle = IdleConnections()
        for scheme in ("https", "http") if fetch.allow_http or fetch.allow_loopback else ("https",):
            self.mount(f"{scheme}://", VettedAdapter(fetch, _trust(fetch.ca_bundle), TIMEOUT, idle))
        if fetch.proxy is not None:
            self.proxies = {"https": fetch.proxy, "http": fetch.proxy}

    def __del__(self) -> None:
        """Break the reference cycle of Authlib's base class; it is missing if the constructor failed."""
        self.__dict__.pop("session", None)

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        """Send a request; retry once with a nonce if the server requires one (RFC 9449 §8).

        Raises:
            FetchError: the address is blocked, or the response is too slow or too large.
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
        """Remove the token from a redirect to another origin, and sign a new proof for a redirect that keeps it."""
        super().rebuild_auth(prepared_request, response)
        if prepared_request.headers.pop("DPoP", None) and "Authorization" in prepared_request.headers:
            self.nonces.remember(response.url, response.headers)
            self.token_auth.sign(prepared_request)

    def send_form(self, url: str, form: Mapping[str, str], auth: Any, **more: Any) -> requests.Response:
        """POST a form with secrets to the server; refuse a redirect, which would leak them to another URL.

        Raises:
            FetchError: the server does not answer, or redirects.
        """
        with translated_errors():
            headers = {"Accept": "application/json"}
            answer: requests.Response = self.post(
                url, data=dict(form), auth=auth, **{**more, "headers": headers, "allow_redirects": False}
            )
        if 300 <= answer.status_code < 400:
            raise UnexpectedResponseError("redirect", hint="the endpoint redirects; the redirect is not followed")
        return answer

    def _remember_nonce(self, answer: requests.Response) -> bool:
        return self.nonces.remember(answer.url, answer.headers)


def read_answer(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object in the response of an endpoint.

    Raises:
        OAuthError: the server refuses the request; ``error`` is its error code.
        FetchError: the response is not a JSON object, or its status is 5xx.
    """
    if answer.status_code >= 500:
        raise UnexpectedResponseError("status", hint=f"the server answered with status {answer.status_code}")
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
    """Raise exceptions of requests as `FetchError`."""
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
    """Return a cached TLS context, because loading the trust anchors takes longer than a request."""
    return new_tls_context(ca_bundle)
