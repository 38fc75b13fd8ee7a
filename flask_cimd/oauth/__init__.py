"""Drop-in parts for an Authlib authorization server, each usable alone."""

from .answers import RESPONSE_MODES
from .asgi import ProtectedASGI
from .assertion import ASSERTION_TYPE, ClientKey
from .authentication import Authentication, Authenticator
from .challenge import Challenge, challenge_header
from .client import MetadataClient, RegisteredClient, URLClient
from .dpop import DPoP, DPoPScheme, InvalidProofError, UseNonceError
from .errors import ClientResolutionError
from .grants import AuthorizationCodeGrant, RefreshTokenGrant, RequirePKCE
from .indieauth import is_legacy_revocation, verify_token
from .introspected import IntrospectedTokens
from .introspection import IntrospectionEndpoint, ResourceServer
from .metadata import (
    check_issuer,
    discovery_paths,
    resource_metadata,
    resource_metadata_url,
    server_metadata,
    well_known_path,
)
from .par import PushedRequests
from .plain import MemoryOnce, PrivateKeyJWT
from .protect import (
    Access,
    BearerScheme,
    ResourceProtector,
    TokenRefused,
    TokenScheme,
    TokensUnavailableError,
    current_access,
    stored_access,
)
from .registration import Registration, RegistrationEndpoint, RegistrationStorage
from .resource import InvalidTargetError, Resource, Resources, is_resource_identifier
from .revocation import RevocationEndpoint
from .server import AuthorizationServer
from .storage import AuthorizationRequest, Code, Grant, SingleUse, Token, TokenStorage
from .wellknown import well_known_blueprint

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
    "MemoryOnce",
    "MetadataClient",
    "PrivateKeyJWT",
    "ProtectedASGI",
    "PushedRequests",
    "RefreshTokenGrant",
    "RegisteredClient",
    "Registration",
    "RegistrationEndpoint",
    "RegistrationStorage",
    "RequirePKCE",
    "Resource",
    "ResourceProtector",
    "ResourceServer",
    "Resources",
    "RevocationEndpoint",
    "SingleUse",
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
