"""An OAuth authorization server on Authlib, its components for a custom server, and protected resources."""

from typing import TYPE_CHECKING

from ..core.on_first_use import on_first_use
from .access import Access
from .dpop import DPoP
from .replay import MemoryReplayCache
from .resource.dpop_scheme import DPoPScheme
from .resource.protector import ResourceProtector, TokensUnavailableError, current_access
from .resource.schemes import BearerScheme, TokenRefused, TokenScheme
from .resource_metadata import Resource
from .server.context import ServerContext
from .server.grants import AuthorizationCodeGrant, RefreshTokenGrant
from .server.introspection import IntrospectionEndpoint, ResourceServer
from .server.metadata import server_metadata
from .server.par import PushedRequests
from .server.pkce import RequirePKCE
from .server.request_snapshot import AuthorizationRequest
from .server.revocation import RevocationEndpoint
from .server.server import AuthorizationServer
from .server.storage import Code, Grant, Token, TokenStorage
from .server.well_known import well_known_blueprint
from .stored_tokens import stored_access, verify_token

if TYPE_CHECKING:
    from .resource.asgi import ProtectedASGI
    from .resource.introspected import IntrospectedTokens
    from .server.memory_storage import MemoryStorage
    from .server.private_key_jwt import PrivateKeyJWT
    from .server.registration import Registration, RegistrationEndpoint

__all__ = [
    "Access",
    "AuthorizationCodeGrant",
    "AuthorizationRequest",
    "AuthorizationServer",
    "BearerScheme",
    "Code",
    "DPoP",
    "DPoPScheme",
    "Grant",
    "IntrospectedTokens",
    "IntrospectionEndpoint",
    "MemoryReplayCache",
    "MemoryStorage",
    "PrivateKeyJWT",
    "ProtectedASGI",
    "PushedRequests",
    "RefreshTokenGrant",
    "Registration",
    "RegistrationEndpoint",
    "RequirePKCE",
    "Resource",
    "ResourceProtector",
    "ResourceServer",
    "RevocationEndpoint",
    "ServerContext",
    "Token",
    "TokenRefused",
    "TokenScheme",
    "TokenStorage",
    "TokensUnavailableError",
    "current_access",
    "server_metadata",
    "stored_access",
    "verify_token",
    "well_known_blueprint",
]

#: Names that few servers use, by module.
__getattr__ = on_first_use(
    __name__,
    {
        "IntrospectedTokens": ".resource.introspected",
        "MemoryStorage": ".server.memory_storage",
        "PrivateKeyJWT": ".server.private_key_jwt",
        "ProtectedASGI": ".resource.asgi",
        "Registration": ".server.registration",
        "RegistrationEndpoint": ".server.registration",
    },
)
