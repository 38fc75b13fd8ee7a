"""An app's session at one server: the sign-in, and requests with the token."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ..core.clock import utc_now
from ..errors import UnexpectedResponseError
from ..fetch.fetcher import FetchSettings
from .answers import MOST_ANSWER, read_code, read_token
from .authentication import ClientAuthentication, ClientCredentials
from .document import ClientDocument
from .dpop import DPoPKey, Nonces
from .errors import IdentityError, SessionEndedError, UnsupportedServerError
from .server import Server
from .token_life import ProcessLocks, TokenLock, lock_name
from .transport import GuardedSession, read_answer

#: Verifies the identity in a token response and returns the verified members, such as ``me``.
Identify = Callable[[Server, Mapping[str, Any]], Mapping[str, Any]]

_PAR = "pushed_authorization_request_endpoint"
#: Token members that a refresh does not change; copied if the server omits them from its response.
_CARRIED = ("me", "sub", "scope", "profile")


class ClientSession(GuardedSession):
    """Signs in at one server, and calls resources with the token.

    A token is a dict that the app stores; ``dpop_key`` holds the private key of a bound token.

    Args:
        document: the app's published identity.
        server: the server's validated metadata, from `PublishedClient.discover`.
        fetch: settings of the connections.
        nonces: the newest DPoP nonces, shared by sessions.
        redirect_uri: a published redirect URI; defaults to the first.
        resource: the token's protected resource (RFC 8707); defaults to the discovered one.
        dpop: bind tokens to a key (RFC 9449); defaults to ``True`` if the document requires it and for AT Protocol
            accounts.
        identity_only: redeem the code at the authorization endpoint for ``me``, without a token (IndieAuth §5.3.3).
        identify: verifies the identity in a token response.
        load_token: returns the app's stored token; called under the lock, so that a process uses a token that another
            process has refreshed. Without it, sessions in several processes must not share a refresh token.
        token_lock: lock that only one holder at a time can have while it refreshes a token.
        clock: returns the current time as an aware `datetime`.
        more: arguments of Authlib's ``OAuth2Session``, such as ``scope``, ``token`` and ``update_token``.

    Raises:
        UnsupportedServerError: client and server share no authentication method or DPoP algorithm.
        ValueError: the token's ``dpop_key`` is not a valid key.
    """

    def __init__(
        self,
        document: ClientDocument,
        server: Mapping[str, Any],
        *,
        fetch: FetchSettings,
        nonces: Nonces | None = None,
        redirect_uri: str | None = None,
        resource: str | None = None,
        dpop: bool | None = None,
        identity_only: bool = False,
        identify: Identify | None = None,
        load_token: Callable[[], Mapping[str, Any] | None] | None = None,
        token_lock: TokenLock | None = None,
        clock: Callable[[], datetime] = utc_now,
        **more: Any,
    ) -> None:
        self.server = server if isinstance(server, Server) else Server(metadata=server)
        self.document = document
        self.resource = resource if resource is not None else self.server.resource
        self.identity_only = identity_only
        self.credentials = ClientCredentials(document, self.server, clock)
        self._clock = clock
        self._identify = identify
        self._load_token = load_token
        self._token_lock = token_lock or ProcessLocks()
        self._wants_dpop = document.is_dpop_bound or self.server.is_of_account if dpop is None else dpop
        super().__init__(
            fetch,
            nonces or Nonces(),
            client_id=document.client_id,
            redirect_uri=redirect_uri or document.members["redirect_uris"][0],
            code_challenge_method="S256",
            token_endpoint=self.server.get("token_endpoint"),
            **{"scope": self.server.scope, **more},
        )
        self.token_auth.bind(self.nonces, clock)
        self._restore_key(self.token)

    # -- signing in -------------------------------------------------------------------------------------------------

    def begin(self, **parameters: str) -> tuple[str, dict[str, Any]]:
        """Return the authorization URL for the user's browser, and the state to store for `finish`.

        The request is pushed if the server supports pushed requests (RFC 9126). The state contains the code verifier
        and, with DPoP, a private key: store it on the server or encrypted.

        Args:
            parameters: further parameters of the authorization request, such as ``prompt``; they override defaults.

        Raises:
            UnsupportedServerError: the server refuses client identifier URLs, or lacks the pushed requests that the
                client's document requires.
            OAuthError: the server refuses the request.
            FetchError: the server does not answer.
        """
        remembered: dict[str, Any] = {
            "state": secrets.token_urlsafe(24),
            "code_verifier": secrets.token_urlsafe(48),
            "issuer": self.server.issuer,
            "token_endpoint": self.server.get("token_endpoint"),
            "redirect_uri": self.redirect_uri,
        }
        self._require_client_urls()
        key = self._make_key()
        if key is not None:
            remembered["dpop_key"] = key.to_dict()
        request = self._authorization_request(remembered, parameters)
        if self._pushes():
            request = {"client_id": self.client_id, "request_uri": self._push(request)}
        elif key is not None:
            request["dpop_jkt"] = key.thumbprint
        return add_params_to_uri(self.server["authorization_endpoint"], list(request.items())), remembered

    def finish(self, remembered: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the token for the URL of the authorization response.

        ``me`` (IndieAuth §5.4) and the ``sub`` of an account (AT Protocol) are verified. Other members, such as
        ``profile``, are not.

        Args:
            remembered: the state from `begin`.
            answer: the full URL of the authorization response, at most 8192 characters.

        Raises:
            OAuthError: the response belongs to another request, comes from another server, or reports an error.
            IdentityError: the server asserted an identity that it is not authoritative for.
            FetchError: the server does not answer.
        """
        code = read_code(self.server, remembered, answer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": remembered.get("redirect_uri") or self.redirect_uri,
            "code_verifier": remembered["code_verifier"],
        }
        if self.identity_only:
            return self._checked(read_answer(self._send(self.server["authorization_endpoint"], form)))
        if remembered.get("dpop_key"):
            self.token_auth.dpop_key = DPoPKey(remembered["dpop_key"])
        found = self._issue({**form, **self._resource_form()}, {})
        self.token = self._checked(found)
        return dict(self.token)

    def _authorization_request(self, remembered: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
        request = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": remembered["state"],
            "code_challenge": create_s256_code_challenge(remembered["code_verifier"]),
            "code_challenge_method": "S256",
            **self._resource_form(),
        }
        if self.scope:
            request["scope"] = self.scope if isinstance(self.scope, str) else " ".join(self.scope)
        if self.server.is_of_account:
            request["login_hint"] = str(self.server.handle or self.server.did)
        elif self.server.profile_urls:
            request["me"] = self.server.profile_urls[0]
        return {**request, **parameters}

    def _require_client_urls(self) -> None:
        """Refuse a server whose metadata denies support for client identifier URLs (CIMD §5)."""
        if self.server.get("client_id_metadata_document_supported") is False:
            raise UnsupportedServerError("client-urls", hint="the server does not support client identifier URLs")

    def _pushes(self) -> bool:
        if self.server.get(_PAR):
            return True
        if self.document.requires_pushed_requests or self.server.get("require_pushed_authorization_requests"):
            raise UnsupportedServerError("pushed-requests", hint="the server has no endpoint for pushed requests")
        return False

    def _push(self, request: Mapping[str, str]) -> str:
        pushed = {name: value for name, value in request.items() if name != "client_id"}
        members = read_answer(self._send(self.server[_PAR], pushed))
        request_uri = members.get("request_uri")
        if not isinstance(request_uri, str) or not 0 < len(request_uri) <= MOST_ANSWER:
            raise UnexpectedResponseError("no-request-uri", hint="the server's response has no request_uri")
        return request_uri

    def _checked(self, token: dict[str, Any]) -> dict[str, Any]:
        return {**token, **self._identify(self.server, token)} if self._identify else token

    # -- tokens -----------------------------------------------------------------------------------------------------

    def client_auth(self, _auth_method: Any = None) -> ClientAuthentication:
        """Return the client authentication for the server's endpoints; the server's metadata determines the method."""
        return ClientAuthentication(self.credentials, self._prove)

    def refresh_token(self, url: str | None = None, refresh_token: str | None = None, **more: Any) -> dict[str, Any]:
        """Exchange the refresh token, and call ``update_token`` once with the new token.

        Only the holder of the lock refreshes; a token that another holder has just refreshed is used unchanged.

        Raises:
            SessionEndedError: the server refuses the refresh token; the person must sign in again.
            OAuthError: the server refuses for another reason.
            FetchError: the server does not answer; the refresh token may still be valid.
        """
        spent = refresh_token or (self.token or {}).get("refresh_token")
        if not spent:
            raise SessionEndedError(description="the session has no refresh token")
        with self._token_lock(lock_name(spent)):
            current = self._load_token() if self._load_token else None
            if current and current.get("refresh_token") not in (None, spent):
                self._restore_key(current)
                self.token = dict(current)
                return dict(self.token)
            return self._refresh(str(spent), url, more)

    def _refresh(self, spent: str, url: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
        before = dict(self.token or {})
        form = {"grant_type": "refresh_token", "refresh_token": spent, **self._resource_form(), **more}
        try:
            found = self._issue(form, before, url)
        except OAuthError as error:
            if error.error == "invalid_grant":
                raise SessionEndedError(description=error.description) from error
            raise
        if found.get("sub", before.get("sub")) != before.get("sub", found.get("sub")):
            raise IdentityError("subject-changed", hint="the refreshed token belongs to another account")
        carried = {name: before[name] for name in _CARRIED if name in before}
        self.token = {"refresh_token": spent, **carried, **found}
        if callable(self.update_token):
            self.update_token(self.token, refresh_token=spent)
        return dict(self.token)

    def fetch_token(self, url: str | None = None, **form: Any) -> dict[str, Any]:
        """Send a token request with the app's own parameters and store the token in the session.

        Raises:
            OAuthError: the server refuses the request.
            FetchError: the server does not answer.
        """
        form.setdefault("grant_type", "authorization_code")
        if form["grant_type"] == "authorization_code":
            form.setdefault("redirect_uri", self.redirect_uri)
        self._make_key()
        self.token = self._issue(form, {}, url)
        return dict(self.token)

    def revoke_token(self, url: str | None = None, token: str | None = None, token_type_hint: str | None = None) -> Any:
        """Revoke a token (RFC 7009), the refresh token by default, and return the response.

        Raises:
            FetchError: the server does not answer, or has no revocation endpoint.
        """
        endpoint = url or self.server.get("revocation_endpoint")
        if not endpoint:
            raise UnexpectedResponseError("no-revocation", hint="the server has no revocation endpoint")
        held = self.token or {}
        form = {"token": token or held.get("refresh_token") or held.get("access_token", "")}
        return self._send(endpoint, form if token_type_hint is None else {**form, "token_type_hint": token_type_hint})

    def _issue(self, form: Mapping[str, Any], before: Mapping[str, Any], url: str | None = None) -> dict[str, Any]:
        members = read_answer(self._send(url or self.server["token_endpoint"], form))
        # A server that announces DPoP must not issue a bearer token: an attacker could replay it.
        announced = self._wants_dpop and bool(self.server.get("dpop_signing_alg_values_supported"))
        return read_token(members, self.token_auth.dpop_key, must_be_bound=announced or "dpop_key" in before)

    # -- shared -----------------------------------------------------------------------------------------------------

    def _send(self, url: str, form: Mapping[str, Any]) -> Any:
        return self.send_form(url, form, self.client_auth())

    def _prove(self, method: str, url: str) -> str | None:
        key = self.token_auth.dpop_key
        return key.proof(method, url, self._clock(), nonce=self.nonces.get(url)) if key is not None else None

    def _make_key(self) -> DPoPKey | None:
        if self._wants_dpop and self.token_auth.dpop_key is None and not self.identity_only:
            self.token_auth.dpop_key = DPoPKey.generate(self.server.get("dpop_signing_alg_values_supported"))
        key: DPoPKey | None = self.token_auth.dpop_key
        return key

    def _restore_key(self, token: Mapping[str, Any] | None) -> None:
        if token and token.get("dpop_key"):
            self.token_auth.dpop_key = DPoPKey(token["dpop_key"])

    def _resource_form(self) -> dict[str, str]:
        return {"resource": self.resource} if self.resource else {}
