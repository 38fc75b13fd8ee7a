"""OAuth clients that identify themselves by URL, for Flask and Authlib servers."""

from .core.identifier import ClientIdentifier
from .core.metadata import ClientMetadata
from .errors import (
    AddressBlockedError,
    CIMDError,
    ConfigurationError,
    DeadlineExceededError,
    DocumentError,
    FetchError,
    IdentifierError,
    PolicyDeniedError,
    Problem,
    RedirectMismatchError,
    RequestError,
    ResponseTooLargeError,
    TooManyFetchesError,
    UnexpectedResponseError,
)
from .extension import CIMD

__version__ = "0.1.0"

__all__ = [
    "CIMD",
    "AddressBlockedError",
    "CIMDError",
    "ClientIdentifier",
    "ClientMetadata",
    "ConfigurationError",
    "DeadlineExceededError",
    "DocumentError",
    "FetchError",
    "IdentifierError",
    "PolicyDeniedError",
    "Problem",
    "RedirectMismatchError",
    "RequestError",
    "ResponseTooLargeError",
    "TooManyFetchesError",
    "UnexpectedResponseError",
]
