"""A client that an app registered itself, as Authlib sees it."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import ClientMixin

#: The redirect URI of every `OwnClient`.
REDIRECT = "https://own.example/cb"


class OwnClient(ClientMixin):  # type: ignore[misc]  # Authlib is untyped
    """A public client from the app's own table."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return REDIRECT

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == REDIRECT

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")
