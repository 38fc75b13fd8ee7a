"""An authorization server as Authlib's documentation shows it, in memory: the control for the traps we close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, jsonify, request
from flask.testing import FlaskClient

from flask_cimd.core.identifier import IdentifierRules, parse_identifier
from flask_cimd.core.metadata import ClientMetadata
from flask_cimd.oauth.client import URLClient

CLIENT_ID = "https://app.example/client.json"
REDIRECT = "https://app.example/cb"


def url_client(client_id: str = CLIENT_ID, **members: Any) -> URLClient:
    """Return a client without any fetch."""
    identifier = parse_identifier(client_id, IdentifierRules())
    usual: dict[str, Any] = {
        "source": "document",
        "redirect_uris": (REDIRECT,),
        "grant_types": ("authorization_code", "refresh_token"),
    }
    return URLClient(ClientMetadata(identifier=identifier, **{**usual, **members}))


class _Issuer(IssuerParameter):  # type: ignore[misc]  # Authlib is untyped
    def get_issuer(self) -> str:
        return "https://as.example"


@dataclass(kw_only=True)
class PlainCode:
    """A stored code, as the documentation shows it."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=5))

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(kw_only=True)
class PlainToken:
    """A stored token."""

    access_token: str
    client_id: str
    scope: str

    def check_client(self, client: Any) -> bool:
        return bool(client.get_client_id() == self.client_id)

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False

    def get_scope(self) -> str:
        return self.scope


class PlainServer:
    """The server with its app; ``codes`` and ``tokens`` are its tables.

    Attributes:
        on_save: called when a token is saved, before its code is deleted.
    """

    def __init__(
        self,
        clients: Mapping[str, Any] | None = None,
        *,
        auth_methods: tuple[str, ...] = ("none",),
        challenge: type[CodeChallenge] = CodeChallenge,
        **config: Any,
    ) -> None:
        self.clients = dict(clients or {CLIENT_ID: url_client()})
        self.codes: dict[str, PlainCode] = {}
        self.tokens: dict[str, PlainToken] = {}
        self.on_save: Callable[[], object] = lambda: None
        self.app = Flask("plain")
        self.app.config.update(TESTING=True, **config)
        self.server = AuthorizationServer(self.app, query_client=self.clients.get, save_token=self._save)
        self.server.register_extension(_Issuer())
        self.server.register_grant(self._code_grant(auth_methods), [challenge(required=True)])
        self.server.register_endpoint(self._revocation())
        self._add_views()

    def _save(self, token: dict[str, Any], saved_for: Any) -> None:
        client_id, scope = saved_for.client.get_client_id(), token.get("scope", "")
        self.tokens[token["access_token"]] = PlainToken(
            access_token=token["access_token"], client_id=client_id, scope=scope
        )
        self.on_save()

    def _code_grant(self, auth_methods: tuple[str, ...]) -> type:
        codes = self.codes

        class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
            TOKEN_ENDPOINT_AUTH_METHODS = auth_methods

            def save_authorization_code(self, code: str, asked: Any) -> None:
                data = asked.payload.data
                codes[code] = PlainCode(
                    code=code,
                    client_id=asked.client.get_client_id(),
                    redirect_uri=asked.payload.redirect_uri,
                    scope=asked.payload.scope or "",
                    code_challenge=data.get("code_challenge"),
                    code_challenge_method=data.get("code_challenge_method"),
                )

            def query_authorization_code(self, code: str, client: Any) -> Any:
                found = codes.get(code)
                return found if found and found.client_id == client.get_client_id() else None

            def delete_authorization_code(self, authorization_code: Any) -> None:
                codes.pop(authorization_code.code, None)

            def authenticate_user(self, authorization_code: Any) -> str:
                return "owner"

        return CodeGrant

    def _revocation(self) -> type:
        tokens = self.tokens

        class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib is untyped
            CLIENT_AUTH_METHODS = ("none",)

            def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
                return tokens.get(token_string)

            def revoke_token(self, token: Any, request: Any) -> None:
                tokens.pop(token.access_token, None)

        return Revocation

    def _add_views(self) -> None:
        app, server, tokens = self.app, self.server, self.tokens

        @app.get("/authorize")
        def ask() -> Any:
            try:
                server.get_consent_grant(end_user="owner")
            except OAuth2Error as error:
                return server.handle_error_response(server.create_oauth2_request(None), error)
            return "consent"

        @app.post("/authorize")
        def approve() -> Any:
            return server.create_authorization_response(grant_user="owner")

        @app.post("/token")
        def token() -> Any:
            return server.create_token_response()

        @app.post("/revoke")
        def revoke() -> Any:
            return server.create_endpoint_response("revocation")

        class Validator(BearerTokenValidator):  # type: ignore[misc]  # Authlib is untyped
            def authenticate_token(self, token_string: str) -> Any:
                return tokens.get(token_string)

        protect = ResourceProtector()
        protect.register_token_validator(Validator())

        @app.get("/me")
        @protect("profile")
        def me() -> Any:
            return jsonify(authorization=request.headers["Authorization"])

    def client(self) -> FlaskClient:
        """Return a test client."""
        return self.app.test_client()
