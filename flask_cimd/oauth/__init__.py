"""Drop-in parts for an Authlib authorization server, each usable alone."""

from ..core.keys import ASSERTION_TYPE
from .access import Access
from .challenge import Challenge, challenge_header
from .client import MetadataClient, RegisteredClient, URLClient
from .dpop import DPoP, InvalidProofError, UseNonceError
from .errors import ClientResolutionError
from .replay import MemoryReplayCache, ReplayCache
from .resource.asgi import ProtectedASGI
from .resource.dpop_scheme import DPoPScheme
from .resource.introspected import IntrospectedTokens
from .resource.protector import (
    ResourceProtector,
    TokensUnavailableError,
    current_access,
    stored_access,
)
from .resource.schemes import BearerScheme, TokenRefused, TokenScheme
from .server.assertion import ClientKey
from .server.client_authentication import Authentication, Authenticator
from .server.grants import AuthorizationCodeGrant, RefreshTokenGrant, RequirePKCE
from .server.indieauth import is_legacy_revocation, verify_token
from .server.introspection import IntrospectionEndpoint, ResourceServer
from .server.memory_storage import MemoryStorage
from .server.metadata import (
    check_issuer,
    discovery_paths,
    resource_metadata,
    resource_metadata_url,
    server_metadata,
    well_known_path,
)
from .server.par import PushedRequests
from .server.plain import PrivateKeyJWT
from .server.registration import Registration, RegistrationEndpoint, RegistrationStorage
from .server.resource_indicators import InvalidTargetError, Resource, Resources, is_resource_identifier
from .server.response_modes import RESPONSE_MODES
from .server.revocation import RevocationEndpoint
from .server.server import AuthorizationServer
from .server.storage import AuthorizationRequest, Code, Grant, Token, TokenStorage
from .server.well_known import well_known_blueprint

__all__ = [
    "ASSERTION_TYPE",
    "RESPONSE_MODES",
    "Access",
    "Authentication",
    "Authenticator",
    "AuthorizationCodeGrant",
    "AuthorizationRequest",
    "AuthorizationServer",
    "BearerScheme",
    "Challenge",
    "ClientKey",
    "ClientResolutionError",
    "Code",
    "DPoP",
    "DPoPScheme",
    "Grant",
    "IntrospectedTokens",
    "IntrospectionEndpoint",
    "InvalidProofError",
    "InvalidTargetError",
    "MemoryReplayCache",
    "MemoryStorage",
    "MetadataClient",
    "PrivateKeyJWT",
    "ProtectedASGI",
    "PushedRequests",
    "RefreshTokenGrant",
    "RegisteredClient",
    "Registration",
    "RegistrationEndpoint",
    "RegistrationStorage",
    "ReplayCache",
    "RequirePKCE",
    "Resource",
    "ResourceProtector",
    "ResourceServer",
    "Resources",
    "RevocationEndpoint",
    "Token",
    "TokenRefused",
    "TokenScheme",
    "TokenStorage",
    "TokensUnavailableError",
    "URLClient",
    "UseNonceError",
    "challenge_header",
    "check_issuer",
    "current_access",
    "discovery_paths",
    "is_legacy_revocation",
    "is_resource_identifier",
    "resource_metadata",
    "resource_metadata_url",
    "server_metadata",
    "stored_access",
    "verify_token",
    "well_known_blueprint",
    "well_known_path",
]
