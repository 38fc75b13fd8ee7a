"""A login blueprint: a form for a site, handle or server, and the redirects of the sign-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from ..errors import CIMDError, ConfigurationError, FetchError
from .sealed import seal, unseal
from .server import Server

if TYPE_CHECKING:
    from .discovery import Kind
    from .session import ClientSession

_MESSAGES = {
    "access_denied": "You said no, so nobody was signed in.",
    "invalid_state": "This answer does not belong to the sign-in that you started here. Start again.",
    "invalid_issuer": "The answer comes from another server than the one that you chose.",
}
_FAILED = "The server could not sign you in."
_UNREACHABLE = "That address or its server cannot be read at the moment. Try again later."
_NOT_STARTED = "No sign-in was started here. Start again."


class SigningInClient(Protocol):
    """Protocol of the blueprint's client; `PublishedClient` implements it."""

    @property
    def members(self) -> Mapping[str, Any]:
        """The members of the client's document."""

    def discover(self, entered: str, *, kind: Kind | None = None) -> Server:
        """Return the authorization server for an entered address."""

    def session(self, server: Mapping[str, Any], **more: Any) -> ClientSession:
        """Return a session at a server."""


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """The result of a sign-in.

    Attributes:
        server: the server that the user signed in at.
        token: the token to store for later sessions; a bound token has ``dpop_key``. It has no ``access_token`` after
            an identity-only sign-in.
        me: the verified profile URL (IndieAuth).
        did: the verified DID of the account (AT Protocol).
        handle: the account's handle, verified in both directions.
        profile: the server's unverified profile data; only for display.
    """

    server: Server
    token: Mapping[str, Any] = field(repr=False)
    me: str | None = None
    did: str | None = None
    handle: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str | None:
        """The verified ``me`` or DID; ``None`` if the server asserts no identity."""
        return self.me or self.did


OnSignedIn = Callable[[SignedIn], Any]
Show = Callable[[str | None, int], Any]


class LoginBlueprint(Blueprint):
    """The pages of a sign-in: a form at ``prefix``, and the redirect URI.

    Flask's session stores a sign-in in progress, encrypted.

    Args:
        client: the client that signs in.
        prefix: path of the form; GET shows the form, POST with ``address`` starts a sign-in.
        on_signed_in: stores the token and returns the response; ``None`` redirects to ``/``.
        scope: scope to request; `start` may request another.
        kind: the only kind of address to accept; see `PublishedClient.discover`.
        redirect_uri: a published redirect URI; defaults to the first one below ``prefix``, else the first.
        template: template of the form; its variables are ``problem``, ``address`` and ``action``.
        show: called as ``show(message, status)``; renders a problem instead of the template.
        name: name of the blueprint, for ``url_for("NAME.form")``.
        more: further arguments of `PublishedClient.session`.

    Raises:
        ConfigurationError: the redirect URI is not in the client's document.
    """

    def __init__(
        self,
        client: SigningInClient,
        prefix: str,
        *,
        on_signed_in: OnSignedIn,
        scope: str | None = None,
        kind: Kind | None = None,
        redirect_uri: str | None = None,
        template: str = "flask_cimd/sign_in.html",
        show: Show | None = None,
        name: str = "cimd_login",
        **more: Any,
    ) -> None:
        super().__init__(name, __name__, template_folder=str(Path(__file__).parent.parent / "templates"))
        self.client = client
        self._scope, self._kind, self._more = scope, kind, more
        self._on_signed_in, self._template, self._show = on_signed_in, template, show
        self._redirect_uri = redirect_uri or _redirect_uri(client, prefix)
        if self._redirect_uri not in client.members["redirect_uris"]:
            raise ConfigurationError(f"the client's document does not list the redirect URI {self._redirect_uri}")
        self.add_url_rule(prefix, "form", self._form, methods=["GET"])
        self.add_url_rule(prefix, "begin", self._begin, methods=["POST"])
        self.add_url_rule(urlsplit(self._redirect_uri).path or "/", "callback", self._finish, methods=["GET"])

    def start(self, server: Server, *, scope: str | None = None, **parameters: str) -> Response:
        """Return the redirect to a server's authorization endpoint; also used to request more scope.

        Args:
            server: from `PublishedClient.discover`.
            scope: scope to request instead of the blueprint's.
            parameters: further parameters of the authorization request.

        Raises:
            CIMDError: client and server support no common method, or the server does not answer.
            OAuthError: the server refuses the request.
        """
        with self._session(server, scope or self._scope) as http:
            url, remembered = http.begin(**parameters)
        pending = {"server": server.to_json(), "remembered": remembered}
        session[self._key] = seal(current_app, pending)
        return redirect(url, code=303)

    @property
    def _key(self) -> str:
        return f"_{self.name}"

    def _session(self, server: Server, scope: str | None = None) -> Any:
        usual = {"redirect_uri": self._redirect_uri} | ({"scope": scope} if scope else {})
        return self.client.session(server, **usual, **self._more)

    def _form(self) -> Any:
        return self._page(None, 200)

    def _begin(self) -> Any:
        _refuse_other_sites()
        try:
            return self.start(self.client.discover(request.form.get("address", ""), kind=self._kind))
        except CIMDError as error:
            return self._page(_told(error), error.status)
        except OAuthError:
            return self._page(_FAILED, 400)

    def _finish(self) -> Any:
        pending = unseal(current_app, session.pop(self._key, None))
        if pending is None:
            return self._page(_NOT_STARTED, 400)
        server = Server.from_json(pending["server"])
        try:
            with self._session(server) as http:
                token = http.finish(pending["remembered"], request.url)
        except CIMDError as error:
            return self._page(_told(error), error.status)
        except OAuthError as error:
            return self._page(_MESSAGES.get(error.error, _FAILED), 400)
        return self._on_signed_in(_signed_in(server, token)) or redirect("/", code=303)

    def _page(self, problem: str | None, status: int) -> Any:
        if self._show is not None and problem is not None:
            return self._show(problem, status)
        address = request.form.get("address", "")[:2048]
        return render_template(self._template, problem=problem, address=address, action=url_for(".begin")), status


def _told(error: CIMDError) -> str:
    return _UNREACHABLE if isinstance(error, FetchError) else error.public_message


def _signed_in(server: Server, token: Mapping[str, Any]) -> SignedIn:
    profile, handle = token.get("profile"), token.get("handle")
    did = token.get("sub") if server.is_of_account or "atproto" in str(token.get("scope")).split() else None
    return SignedIn(
        server=server,
        token=token,
        me=token.get("me"),
        did=did,
        handle=handle if did else None,
        profile=profile if isinstance(profile, Mapping) else {},
    )


def _redirect_uri(client: SigningInClient, prefix: str) -> str:
    uris: list[str] = client.members["redirect_uris"]
    below = prefix.rstrip("/") + "/"
    return next((uri for uri in uris if urlsplit(uri).path.startswith(below)), uris[0])


def _refuse_other_sites() -> None:
    """Refuse a form from another origin, which could start an unwanted sign-in (login CSRF)."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403)
    if site is None and origin not in (None, request.host_url.rstrip("/")):
        abort(403)
