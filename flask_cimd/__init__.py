"""OAuth clients that identify themselves by URL, for Flask and Authlib servers."""

from typing import TYPE_CHECKING, Any

from .core.identifier import ClientIdentifier
from .core.metadata import ClientMetadata
from .core.profile import Profile
from .errors import (
    AddressBlockedError,
    CIMDError,
    ConfigurationError,
    DeadlineExceededError,
    DocumentError,
    FetchError,
    FetchLimitError,
    IdentifierError,
    PolicyDeniedError,
    Problem,
    RedirectMismatchError,
    RegistrationEndedError,
    RequestError,
    ResponseTooLargeError,
    TooManyFetchesError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
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
    "FetchLimitError",
    "IdentifierError",
    "PolicyDeniedError",
    "Problem",
    "Profile",
    "RedirectMismatchError",
    "RegistrationEndedError",
    "RequestError",
    "ResponseTooLargeError",
    "TooManyFetchesError",
    "UnexpectedResponseError",
]


def __getattr__(name: str) -> Any:
    """Import the extension when it is asked for: the core alone needs neither Flask nor requests."""
    if name == "CIMD":
        from .extension import CIMD

        return CIMD
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
