"""Drop-in parts for an Authlib authorization server, each usable alone."""

from .client import URLClient
from .errors import ClientResolutionError
from .grants import AuthorizationCodeGrant, RefreshTokenGrant, RequirePKCE
from .metadata import check_issuer, server_metadata, well_known_path
from .revocation import RevocationEndpoint
from .server import AuthorizationServer
from .storage import AuthorizationRequest, Code, Grant, Token, TokenStorage

__all__ = [
    "AuthorizationCodeGrant",
    "AuthorizationRequest",
    "AuthorizationServer",
    "ClientResolutionError",
    "Code",
    "Grant",
    "RefreshTokenGrant",
    "RequirePKCE",
    "RevocationEndpoint",
    "Token",
    "TokenStorage",
    "URLClient",
    "check_issuer",
    "server_metadata",
    "well_known_path",
]
